import Foundation
import Tokenization

/// Why a tokenizer or a chat format could not be made of a model's files.
public enum LoadingError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A path that leads to no model, or a file that can't be read.
    case model(ModelError)
    /// A tokenizer or a chat template that can't be used.
    case tokenizer(TokenizerError)

    /// One line for a person to read.
    public var description: String {
        switch self {
        case .model(let error): "\(error)"
        case .tokenizer(let error): "\(error)"
        }
    }
}

extension Tokenizer {
    /// Loads the tokenizer of a model: tokenizer.json of a directory in Hugging Face's form, or the vocabulary of a GGUF file.
    ///
    /// - Parameter modelPath: The path that ``LanguageModel/init(path:options:progress:)`` takes: a directory or a GGUF
    ///   file. Of several shards, the first.
    /// - Throws: ``LoadingError``.
    public init(modelPath: String) throws(LoadingError) {
        self = try ModelLocation(loading: modelPath).tokenizer()
    }
}

extension ChatFormat {
    /// Reads the chat template of a model: that of a directory in Hugging Face's form, or of a GGUF file.
    ///
    /// - Parameters:
    ///   - modelPath: The path that ``LanguageModel/init(path:options:progress:)`` takes: a directory or a GGUF file. Of
    ///     several shards, the first.
    ///   - today: The date for templates that state one.
    /// - Throws: ``LoadingError``, for a model without a chat template as well. `ChatFormat.named(_:today:)` has formats
    ///   for those.
    public init(modelPath: String, today: Date = Date()) throws(LoadingError) {
        self = try ModelLocation(loading: modelPath).chatFormat(today: today)
    }
}
