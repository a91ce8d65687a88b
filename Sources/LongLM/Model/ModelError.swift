import SIMDKernels

/// Why a model could not be loaded.
public enum ModelError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A path that leads to no model: to nothing, to a part of one, or to one in another form. The reason says what to do.
    case notAModel(path: String, reason: String)
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
    /// A checkpoint that can't be read, or doesn't hold the weights of the model.
    case checkpoint(CheckpointError)
    /// An instruction set that can't be used.
    case instructionSet(InstructionSetError)
    /// A precision whose products this processor can't compute, or not with this instruction set.
    case unsupportedPrecision(Precision, on: InstructionSet)
    /// An option outside of its range.
    case invalidOption(InvalidOption)
    /// The weights need more memory than there is. None of it was taken.
    case memory(MemoryShortage)
    /// The task was cancelled.
    case cancelled

    /// One line for a person to read.
    public var description: String {
        switch self {
        case .notAModel(let path, let reason): "\(path): \(reason)"
        case .unreadable(let file, let reason): "\(file): \(reason)"
        case .malformedConfiguration(let file, let reason): "\(file): \(reason)"
        case .invalidConfiguration(let file, let key, let reason): "\(file): \(key) \(reason)"
        case .unsupportedArchitecture(let file, let name): "\(file): unsupported architecture \(name)"
        case .unsupportedFeature(let file, let key, let value): "\(file): unsupported \(key): \(value)"
        case .checkpoint(let error): "\(error)"
        case .instructionSet(let error): "\(error)"
        case .unsupportedPrecision(let precision, let instructionSet):
            "\(precision.rawValue) products need AVX-512 BF16; \(instructionSet.rawValue) on this processor doesn't have it"
        case .invalidOption(let option): "\(option)"
        case .memory(let shortage): shortage.description
        case .cancelled: "loading was cancelled"
        }
    }
}
