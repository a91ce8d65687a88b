import Foundation
import GGUF
import SIMDKernels
import Tokenization

extension ModelConfiguration {
    /// Reads the configuration of a model alone: config.json of a directory, or the header of a GGUF file.
    ///
    /// - Parameter path: The directory or the file. Of several shards in GGUF, the first.
    /// - Throws: ``ModelError`` when it can't be read, or the model can't be run.
    public init(path: String) throws(ModelError) {
        self = try ModelLocation(ofModel: path).configuration()
    }
}

extension ModelLocation {
    /// Looks at the path of a model.
    ///
    /// - Throws: ``ModelError/notAModel(path:reason:)`` for what can't be one.
    package init(ofModel path: String) throws(ModelError) {
        if let reason = ForeignModel.explanation(path) { throw .notAModel(path: path, reason: reason) }
        do {
            try self.init(path)
        } catch { throw .checkpoint(error) }
    }

    /// Reads the configuration alone, from config.json or the header of a GGUF file.
    ///
    /// - Throws: ``ModelError`` when it can't be read, or the model can't be run.
    package func configuration() throws(ModelError) -> ModelConfiguration {
        switch self {
        case .huggingFace(let path): return try ModelConfiguration(contentsOfFile: path + "/config.json")
        case .gguf(let path):
            let source: GGUFSource
            do {
                source = try GGUFSource(path: path)
            } catch { throw .checkpoint(error) }
            return try ModelConfiguration(GGUFConfiguration(source))
        }
    }

    /// Looks at the path of a model whose tokenizer or chat template is wanted.
    init(loading path: String) throws(LoadingError) {
        do {
            try self.init(ofModel: path)
        } catch { throw .model(error) }
    }

    /// Loads the tokenizer.
    ///
    /// - Throws: ``LoadingError``.
    package func tokenizer() throws(LoadingError) -> Tokenizer {
        defer { returnFreedMemory() }
        switch self {
        case .huggingFace(let path):
            if let reason = ForeignModel.foreignTokenizer(path) {
                throw .model(.notAModel(path: path, reason: reason))
            }
            do {
                return try Tokenizer(contentsOfFile: path + "/tokenizer.json")
            } catch { throw .tokenizer(error) }
        case .gguf(let path):
            let vocabulary = try vocabulary(path)
            do {
                return try Tokenizer(vocabulary: vocabulary)
            } catch { throw .tokenizer(error) }
        }
    }

    /// Reads the chat template.
    ///
    /// - Parameter today: The date for templates that state one.
    /// - Throws: ``LoadingError``.
    package func chatFormat(today: Date = Date()) throws(LoadingError) -> ChatFormat {
        switch self {
        case .huggingFace(let path):
            do {
                return try ChatFormat(directory: path, today: today)
            } catch { throw .tokenizer(error) }
        case .gguf(let path):
            let vocabulary = try vocabulary(path)
            do {
                return try ChatFormat(vocabulary: vocabulary, today: today)
            } catch { throw .tokenizer(error) }
        }
    }

    private func vocabulary(_ path: String) throws(LoadingError) -> TokenizerVocabulary {
        do {
            return try TokenizerVocabulary(path)
        } catch { throw .model(error) }
    }

    /// A chat format with the begin and end tokens of the model.
    ///
    /// - Throws: `TokenizerError` when they can't be read.
    package func adapted(_ format: ChatFormat) throws -> ChatFormat {
        switch self {
        case .huggingFace(let path): try format.adapted(toDirectory: path)
        case .gguf: format
        }
    }
}

extension TokenizerVocabulary {
    /// Reads the vocabulary of a GGUF file.
    ///
    /// - Throws: ``ModelError`` when the file can't be read.
    fileprivate init(_ path: String) throws(ModelError) {
        do throws(GGUFError) {
            let metadata = try GGUFCheckpoint(path: path).metadata
            // Without them, the tokenizer says what is missing.
            let model = try metadata.string("tokenizer.ggml.model") ?? "none"
            let tokens = try metadata.strings("tokenizer.ggml.tokens") ?? []
            func number(_ name: String) throws(GGUFError) -> Int? { try metadata.integer("tokenizer.ggml.\(name)") }
            func truth(_ name: String) throws(GGUFError) -> Bool? { try metadata.bool("tokenizer.ggml.\(name)") }
            self.init(
                file: path, model: model, pre: try metadata.string("tokenizer.ggml.pre"), tokens: tokens,
                tokenTypes: try metadata.integers("tokenizer.ggml.token_type")?.map { Int32(clamping: $0) },
                scores: try metadata.numbers("tokenizer.ggml.scores")?.map { Float($0) },
                merges: try metadata.strings("tokenizer.ggml.merges"), beginningID: try number("bos_token_id"),
                endID: try number("eos_token_id"), endOfTurnID: try number("eot_token_id"),
                endOfMessageID: try number("eom_token_id"), unknownID: try number("unknown_token_id"),
                paddingID: try number("padding_token_id"), addsBeginning: try truth("add_bos_token"),
                addsEnd: try truth("add_eos_token"), addsSpacePrefix: try truth("add_space_prefix"),
                chatTemplate: try metadata.string("tokenizer.chat_template"))
        } catch { throw .checkpoint(.gguf(error)) }
    }
}
