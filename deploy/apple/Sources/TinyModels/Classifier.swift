import CoreGraphics
import CoreML
import Foundation

/// A network that `tinymlx export 7 --to coreml` wrote.
///
/// The normalization is inside: pixels go in from 0 to 1, red first, channels last. What comes out
/// are logits; the softmax is here, once.
public final class Classifier: @unchecked Sendable {
    private let model: MLModel
    private let height: Int
    private let width: Int
    public let classes: [String]

    public init(package: URL) async throws {
        let (model, told) = try await load(package)
        guard let names = told["tinymlx.classes"], let shape = told["tinymlx.shape"] else {
            throw ModelError.missing("tinymlx.classes or tinymlx.shape")
        }
        let sides = shape.split(separator: ",").compactMap { Int($0) }
        guard sides.count == 3, sides[2] == 3 else { throw ModelError.missing("three channels") }
        self.model = model
        (height, width) = (sides[0], sides[1])
        classes = names.split(separator: ",").map(String.init)
    }

    /// Classes with their probabilities, the most probable one first.
    public func classify(_ image: CGImage) async throws -> [(name: String, probability: Float)] {
        let array = MLShapedArray<Float>(scalars: try pixels(image), shape: [1, height, width, 3])
        let input = try MLDictionaryFeatureProvider(
            dictionary: ["input_0": MLFeatureValue(shapedArray: array)])
        let logits = try numbers(try await model.prediction(from: input), "output_0")
        let top = logits.max() ?? 0
        let weights = logits.map { exp($0 - top) }
        let sum = weights.reduce(0, +)
        return zip(classes, weights).map { (name: $0, probability: $1 / sum) }
            .sorted { $0.probability > $1.probability }
    }

    /// The middle square of a picture in the size of the network, from 0 to 1, in rows of pixels.
    private func pixels(_ image: CGImage) throws -> [Float] {
        var bytes = [UInt8](repeating: 0, count: height * width * 4)
        guard let space = CGColorSpace(name: CGColorSpace.sRGB) else {
            throw ModelError.missing("sRGB")
        }
        let side = CGFloat(min(image.width, image.height))
        let scale = CGFloat(width) / side
        let whole = CGRect(
            x: (CGFloat(width) - CGFloat(image.width) * scale) / 2,
            y: (CGFloat(height) - CGFloat(image.height) * scale) / 2,
            width: CGFloat(image.width) * scale,
            height: CGFloat(image.height) * scale)
        try bytes.withUnsafeMutableBytes { memory in
            guard let context = CGContext(
                data: memory.baseAddress, width: width, height: height, bitsPerComponent: 8,
                bytesPerRow: 4 * width, space: space,
                bitmapInfo: CGImageAlphaInfo.noneSkipLast.rawValue)
            else { throw ModelError.missing("a place to draw") }
            context.interpolationQuality = .high
            context.draw(image, in: whole)
        }
        return (0..<height * width).flatMap { i in (0..<3).map { Float(bytes[4 * i + $0]) / 255 } }
    }
}
