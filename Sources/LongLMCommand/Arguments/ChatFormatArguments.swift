import ArgumentParser
import LongLM

/// The option for another chat format than the model's own.
struct ChatFormatArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The chat format, for a model whose own template can't be used: \(ChatFormat.names.joined(separator: ", ")).",
            valueName: "name"))
    var chatFormat: String?

    func validate() throws {
        guard let chatFormat, !ChatFormat.names.contains(chatFormat) else { return }
        throw ValidationError("--chat-format is none of \(ChatFormat.names.joined(separator: ", "))")
    }

    /// The chat format of a model.
    ///
    /// - Throws: ``CommandError`` with an offer of formats for a model whose own can't be used.
    func format(of location: ModelLocation) throws -> ChatFormat {
        if let format = chatFormat.flatMap({ ChatFormat.named($0) }) { return try location.adapted(format) }
        do throws(LoadingError) {
            return try location.chatFormat()
        } catch {
            guard case .tokenizer(let reason) = error, reason.leavesAChoice else { throw error }
            let names = ChatFormat.names.joined(separator: ", ")
            throw CommandError.invalidInput("\(error); choose a format with --chat-format (\(names))")
        }
    }
}

extension TokenizerError {
    /// Whether a chat format that is chosen by name helps.
    fileprivate var leavesAChoice: Bool {
        switch self {
        case .unsupportedChatTemplate, .failedChatTemplate, .missingKey: true
        default: false
        }
    }
}
