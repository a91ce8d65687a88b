import GGUF
import Tokenization

/// Why a model can't be written as a GGUF file. `file` is a path as it was given, or follows from one.
package enum QuantizationError: Error, Sendable, CustomStringConvertible {
    /// The model can't be read.
    case model(ModelError)
    /// The file can't be written, or would break a rule of the format.
    case gguf(GGUFError)
    /// The tokenizer or the chat template can't be read, or GGUF has no words for it.
    case tokenizer(TokenizerError)
    /// GGUF has no words for a part of the model.
    case inexpressible(file: String, part: String)
    /// The disk has too little room.
    case diskTooSmall(file: String, byteCount: Int, available: Int)
    /// The file would replace a file of the model itself.
    case replacesModel(file: String)

    /// One line for a person to read.
    package var description: String {
        switch self {
        case .model(let error): "\(error)"
        case .gguf(let error): "\(error)"
        case .tokenizer(let error): "\(error)"
        case .inexpressible(let file, let part): "\(file): GGUF can't express \(part)"
        case .diskTooSmall(let file, let byteCount, let available):
            "\(file): needs \(byteCount.formattedBytes), and the disk has \(available.formattedBytes) left"
        case .replacesModel(let file): "\(file): is a file of the model itself; choose another name"
        }
    }
}
