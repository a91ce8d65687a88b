import SIMDKernels
import Safetensors

/// Why a model could not be loaded.
public enum ModelError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A file that can't be read, and the system's reason.
    case unreadable(file: String, reason: String)
    /// A config.json that isn't JSON of the expected form.
    case malformedConfiguration(file: String, reason: String)
    /// A value of config.json that no model can have.
    case invalidConfiguration(file: String, key: String, reason: String)
    /// A model family that this engine doesn't run.
    case unsupportedArchitecture(file: String, name: String)
    /// A feature that config.json asks for and this engine lacks.
    case unsupportedFeature(file: String, key: String, value: String)
    /// A tensor of another shape than config.json implies.
    case wrongShape(file: String, tensor: String, expected: [Int], found: [Int])
    /// A tensor that this engine's form of the model doesn't have.
    case unexpectedTensor(file: String, tensor: String)
    /// A tensor whose numbers can't be computed with.
    case unsupportedTensorType(file: String, tensor: String, type: String)
    /// A checkpoint that is not valid.
    case checkpoint(SafetensorsError)
    /// An instruction set that can't be used.
    case instructionSet(InstructionSetError)
    /// A precision whose products this processor can't compute, or not with this instruction set.
    case unsupportedPrecision(Precision, on: InstructionSet)
    /// An option outside of its range.
    case invalidOption(String)
    /// The weights need more memory than there is. None of it was taken.
    case memory(MemoryShortage)
    /// The task was cancelled.
    case cancelled

    /// One line for a person to read.
    public var description: String {
        switch self {
        case .unreadable(let file, let reason): "\(file): \(reason)"
        case .malformedConfiguration(let file, let reason): "\(file): \(reason)"
        case .invalidConfiguration(let file, let key, let reason): "\(file): \(key) \(reason)"
        case .unsupportedArchitecture(let file, let name): "\(file): unsupported architecture \(name)"
        case .unsupportedFeature(let file, let key, let value): "\(file): unsupported \(key): \(value)"
        case .wrongShape(let file, let tensor, let expected, let found):
            "\(file): tensor \(tensor) has shape \(found), but config.json implies \(expected)"
        case .unexpectedTensor(let file, let tensor):
            "\(file): tensor \(tensor) is not part of the model that config.json describes"
        case .unsupportedTensorType(let file, let tensor, let type):
            "\(file): tensor \(tensor) is of type \(type); F32, F16 and BF16 can be computed with"
        case .checkpoint(let error): "\(error)"
        case .instructionSet(let error): "\(error)"
        case .unsupportedPrecision(let precision, let instructionSet):
            "\(precision.rawValue) products need AVX-512 BF16; \(instructionSet.rawValue) on this processor doesn't have it"
        case .invalidOption(let reason): reason
        case .memory(let shortage): shortage.description
        case .cancelled: "loading was cancelled"
        }
    }
}
