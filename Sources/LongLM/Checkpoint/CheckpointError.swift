import GGUF
import Safetensors

/// Why a checkpoint can't be read, or doesn't hold the weights of its model. `file` is a path as it was given, or follows
/// from one.
public enum CheckpointError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A safetensors file or a shard index that is not valid, or a directory with neither.
    case safetensors(SafetensorsError)
    /// A GGUF file that is not valid, or shards that don't belong together.
    case gguf(GGUFError)
    /// A directory with more than one GGUF file, none of which is the obvious one.
    case severalGGUFFiles(directory: String, names: [String])
    /// A tensor that the model needs and the checkpoint doesn't have.
    case missingTensor(file: String, tensor: String)
    /// A tensor of another shape than the configuration implies.
    case wrongShape(file: String, tensor: String, expected: [Int], found: [Int])
    /// A tensor that is not part of the model. Leaving it out, if it were a bias for instance, would change the result.
    case unexpectedTensor(file: String, tensor: String)
    /// A tensor whose numbers can't be computed with.
    case unsupportedTensorType(file: String, tensor: String, type: String)
    /// A matrix whose rows don't consist of whole blocks of its format, or whose bytes aren't as many as its shape implies.
    case malformedTensor(file: String, tensor: String, reason: String)
    /// Weights that are quantised in a form that isn't read, with the form's name and what else to know of it.
    case unsupportedQuantization(file: String, form: String, reason: String)
    /// Settings of a quantisation that aren't of the expected form.
    case invalidQuantization(file: String, reason: String)
    /// A LoRA adapter that isn't of the expected form, or doesn't belong to the model.
    case invalidAdapter(file: String, reason: String)
    /// A LoRA adapter that can't be merged into the weights, because of something that it uses.
    case unsupportedAdapter(file: String, feature: String)
    /// The task was cancelled.
    case cancelled

    /// One line for a person to read.
    public var description: String {
        switch self {
        case .safetensors(let error): "\(error)"
        case .gguf(let error): "\(error)"
        case .severalGGUFFiles(let directory, let names):
            "\(directory): holds several GGUF files (\(names.prefix(8).joined(separator: ", "))); name one of them"
        case .missingTensor(let file, let tensor): "\(file): tensor \(tensor) is missing"
        case .wrongShape(let file, let tensor, let expected, let found):
            "\(file): tensor \(tensor) has shape \(found), but the configuration implies \(expected)"
        case .unexpectedTensor(let file, let tensor):
            "\(file): tensor \(tensor) is not part of the model that the configuration describes"
        case .unsupportedTensorType(let file, let tensor, let type):
            "\(file): tensor \(tensor) is of type \(type), which can't be computed with"
        case .malformedTensor(let file, let tensor, let reason): "\(file): tensor \(tensor) \(reason)"
        case .unsupportedQuantization(let file, let form, let reason):
            "\(file): the weights are quantised in the form \(form), \(reason)"
        case .invalidQuantization(let file, let reason): "\(file): \(reason)"
        case .invalidAdapter(let file, let reason): "\(file): \(reason)"
        case .unsupportedAdapter(let file, let feature):
            "\(file): the adapter can't be merged, because it uses \(feature)"
        case .cancelled: "loading was cancelled"
        }
    }
}
