import CoreML
import Foundation

/// A language model over bytes whose keys and values are the package's own memory (`MLState`).
///
/// The package is what `step_of` and `with_states` made of a GPT: one token and its position go in,
/// logits come out.
public final class TextModel: @unchecked Sendable {
    private let model: MLModel
    private let length: Int

    /// - Parameter length: how many positions the package was made for.
    public init(package: URL, length: Int) async throws {
        (model, _) = try await load(package)
        self.length = length
    }

    /// Goes on with a text: the most probable byte, again and again.
    public func complete(_ prompt: String, bytes count: Int) async throws -> String {
        let state = model.makeState()
        let begin = Array(prompt.utf8)
        var made: [UInt8] = []
        var logits: [Float] = []
        for place in 0..<min(length, begin.count + count) {
            if place >= begin.count {
                guard let best = logits.indices.max(by: { logits[$0] < logits[$1] }) else { break }
                made.append(UInt8(clamping: best))
            }
            let token = place < begin.count ? begin[place] : made[place - begin.count]
            logits = try await step(token, at: place, state)
        }
        return String(decoding: made, as: UTF8.self)
    }

    private func step(_ token: UInt8, at place: Int, _ state: MLState) async throws -> [Float] {
        let input = try MLDictionaryFeatureProvider(dictionary: [
            "input_0": MLFeatureValue(
                shapedArray: MLShapedArray<Int32>(scalars: [Int32(token)], shape: [1, 1])),
            "input_1": MLFeatureValue(
                shapedArray: MLShapedArray<Int32>(scalars: [Int32(place)], shape: [1])),
        ])
        return try numbers(try await model.prediction(from: input, using: state), "output_0")
    }
}
