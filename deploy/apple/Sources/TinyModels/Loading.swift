import CoreML
import Foundation

/// What can go wrong with a package that `tinymlx export` did not write.
public enum ModelError: Error {
    case missing(String)
}

/// A package compiled for this device, and the texts that travel with it.
func load(_ package: URL) async throws -> (MLModel, [String: String]) {
    let compiled = try await MLModel.compileModel(at: package)
    let model = try await MLModel.load(contentsOf: compiled, configuration: MLModelConfiguration())
    let told = model.modelDescription.metadata[.creatorDefinedKey] as? [String: String] ?? [:]
    return (model, told)
}

/// The numbers of an output, in rows. `MLShapedArray` minds strides and converts halves; a pointer
/// into an `MLMultiArray` would read padding as numbers.
func numbers(_ outputs: MLFeatureProvider, _ name: String) throws -> [Float] {
    guard let array = outputs.featureValue(for: name)?.multiArrayValue else {
        throw ModelError.missing(name)
    }
    return MLShapedArray<Float>(converting: array).scalars
}
