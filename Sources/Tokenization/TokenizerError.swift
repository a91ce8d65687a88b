import Foundation

/// Why a tokenizer or a chat format could not be loaded or used; one case per kind of failure.
///
/// `file` is the path or the name that the caller gave for the JSON text.
public enum TokenizerError: Error, Equatable, Sendable {
    /// The file could not be read.
    case unreadableFile(file: String, reason: String)
    /// The file is not UTF-8 text.
    case invalidUTF8(file: String)
    /// The file is not JSON. Line and column, both from 1, say where reading stopped; a column is a Unicode scalar.
    case invalidJSON(file: String, line: Int, column: Int, reason: String)
    /// A key that must be there is missing.
    case missingKey(file: String, key: String)
    /// A key occurs twice in one object.
    case duplicateKey(file: String, key: String)
    /// A value has another type or range than the key asks for.
    case invalidValue(file: String, key: String, expected: String)

    /// The model is not byte-pair encoding (WordPiece, Unigram, WordLevel).
    case unsupportedModel(file: String, type: String)
    /// The model asks for an option that is not implemented.
    case unsupportedModelOption(file: String, option: String)
    /// A component has an option that is not known, and that could change what it does.
    case unsupportedOption(file: String, key: String)
    /// The normalizer is of a type that is not implemented.
    case unsupportedNormalizer(file: String, type: String)
    /// The pre-tokenizer, or an option of it, is not implemented.
    case unsupportedPreTokenizer(file: String, type: String)
    /// A GGUF file names a pre-tokenizer that isn't known.
    case unknownPreTokenizer(file: String, name: String, known: [String])
    /// A Split or a Replace has a regular expression that is not understood or too large, or a Replace has one that matches
    /// the empty text.
    case unsupportedPattern(file: String, pattern: String)
    /// The post-processor, or a template of it, is not implemented.
    case unsupportedPostProcessor(file: String, type: String)
    /// The decoder, or an order of its components, is not implemented.
    case unsupportedDecoder(file: String, type: String)
    /// A normalizer, a pre-tokenizer, a post-processor or a decoder could take for ever or fill the memory: it has too many
    /// steps, too large patterns, or makes a text too long.
    case excessiveComponent(file: String, component: String, reason: String)
    /// A chat template isn't Jinja, or uses a part of it that is not implemented. The line counts from 1.
    case unsupportedChatTemplate(file: String, line: Int, reason: String)
    /// A chat template fails with this chat, or uses up more than it may have. The line counts from 1.
    case failedChatTemplate(file: String, line: Int, reason: String)

    /// A tokenizer does something that a GGUF file has no words for.
    case inexpressible(file: String, part: String)

    /// Two tokens have the same id.
    case duplicateTokenID(file: String, id: Int, first: String, second: String)
    /// The same token occurs twice.
    case duplicateToken(file: String, token: String)
    /// A token's id is negative or too large for any published vocabulary.
    case tokenIDOutOfRange(file: String, token: String, id: Int)
    /// An added token is the empty string, or normalization makes it empty.
    case emptyAddedToken(file: String, id: Int)
    /// A merge is not two tokens.
    case malformedMerge(file: String, index: Int)
    /// A merge names, or produces, a token that the vocabulary lacks.
    case unknownMergeToken(file: String, index: Int, token: String)
    /// A pair of tokens has two merges.
    case duplicateMerge(file: String, index: Int)
    /// A vocabulary with byte fallback lacks the token of a byte.
    case missingByteToken(file: String, token: String)
    /// The vocabulary lacks some characters or bytes, and also lacks the unknown token that should stand for them.
    case missingUnknownToken(file: String, token: String)
    /// A template inserts an id that no token has.
    case unknownTemplateToken(file: String, id: Int)

    /// An id to be decoded that no token has.
    case unknownTokenID(id: Int, vocabularySize: Int)
    /// A chat holds messages that its format can't express.
    case unsupportedChat(reason: String)
    /// A chat needs a control token that the tokenizer lacks.
    case missingControlToken(token: String)
    /// Encoding would turn a part of a message's content into a special token.
    case forgedControlToken(token: String)
}

extension TokenizerError: CustomStringConvertible {
    /// One line for people. Names and values come from foreign files, so characters that could end the line or steer a
    /// terminal are shown as escapes, and a very long line is cut.
    public var description: String { text.singleLine(maximum: 2_000) }

    private var text: String {
        switch self {
        case .unreadableFile(let file, let reason): "\(file): cannot be read: \(reason)"
        case .invalidUTF8(let file): "\(file): not UTF-8 text"
        case .invalidJSON(let file, let line, let column, let reason):
            "\(file): not valid JSON: line \(line), column \(column): \(reason)"
        case .missingKey(let file, let key): "\(file): key \(key) is missing"
        case .duplicateKey(let file, let key): "\(file): key \(key) occurs twice"
        case .invalidValue(let file, let key, let expected): "\(file): \(key) is not \(expected)"
        case .unsupportedModel(let file, let type): "\(file): model type \(type) is not supported, only BPE is"
        case .unsupportedModelOption(let file, let option): "\(file): model option \(option) is not supported"
        case .unsupportedOption(let file, let key): "\(file): \(key) is not supported"
        case .unsupportedNormalizer(let file, let type): "\(file): normalizer \(type) is not supported"
        case .unsupportedPreTokenizer(let file, let type): "\(file): pre-tokenizer \(type) is not supported"
        case .unknownPreTokenizer(let file, let name, let known):
            "\(file): pre-tokenizer \(name) is not known, only \(known.joined(separator: ", ")) are"
        case .unsupportedPattern(let file, let pattern): "\(file): the regular expression is not supported: \(pattern)"
        case .unsupportedPostProcessor(let file, let type): "\(file): post-processor \(type) is not supported"
        case .unsupportedDecoder(let file, let type): "\(file): decoder \(type) is not supported"
        case .excessiveComponent(let file, let component, let reason): "\(file): the \(component) \(reason)"
        case .unsupportedChatTemplate(let file, let line, let reason):
            "\(file): the chat template can't be used: line \(line): \(reason)"
        case .failedChatTemplate(let file, let line, let reason):
            "\(file): the chat template fails: line \(line): \(reason)"
        case .inexpressible(let file, let part): "\(file): GGUF can't express \(part)"
        case .duplicateTokenID(let file, let id, let first, let second):
            "\(file): id \(id) belongs to both \"\(first)\" and \"\(second)\""
        case .duplicateToken(let file, let token): "\(file): token \"\(token)\" occurs twice"
        case .tokenIDOutOfRange(let file, let token, let id): "\(file): token \"\(token)\" has id \(id), out of range"
        case .emptyAddedToken(let file, let id): "\(file): added token \(id) is empty"
        case .malformedMerge(let file, let index): "\(file): merge \(index) is not a pair of tokens"
        case .unknownMergeToken(let file, let index, let token):
            "\(file): merge \(index) needs token \"\(token)\", which the vocabulary lacks"
        case .duplicateMerge(let file, let index): "\(file): merge \(index) has the same pair of tokens as another"
        case .missingByteToken(let file, let token): "\(file): the vocabulary lacks the byte token \(token)"
        case .missingUnknownToken(let file, let token):
            "\(file): the vocabulary lacks the unknown token \"\(token)\""
        case .unknownTemplateToken(let file, let id): "\(file): the post-processor inserts id \(id), which is no token"
        case .unknownTokenID(let id, let vocabularySize):
            "token id \(id) is not in the vocabulary of \(vocabularySize) ids"
        case .unsupportedChat(let reason): reason
        case .missingControlToken(let token): "the chat needs control token \(token), which the tokenizer lacks"
        case .forgedControlToken(let token): "a message's content would be encoded to special token \(token)"
        }
    }
}

extension TokenizerError: LocalizedError {
    /// The same as `description`.
    public var errorDescription: String? { description }
}
