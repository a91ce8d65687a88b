import Foundation
import LongLM

/// The chat of `longlm chat`: a model, its messages, and a document that stays in the context.
actor Conversation {
    /// What a conversation is made of.
    struct Parts {
        let session: Session
        let tokenizer: Tokenizer
        let format: ChatFormat
        let options: GenerationOptions
        let system: String?
        /// The text of a document; nil: there is none.
        let document: String?
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor { Main.thread.asUnownedSerialExecutor() }

    private var chat: ChatSession
    private let options: GenerationOptions
    private let document: String?
    /// A session that has read the document alone. With a neighbor window, a session that is far past the document can't be
    /// shortened to it.
    private var documentSession: Session?
    /// The last answer.
    private var answer: Generation?

    init(_ parts: sending Parts) {
        options = parts.options
        document = parts.document
        chat = ChatSession(
            session: parts.session, tokenizer: parts.tokenizer, format: parts.format,
            messages: parts.system.map { [ChatMessage(role: .system, content: $0)] } ?? [], options: parts.options)
    }

    // MARK: - Messages

    /// What is in front of the first question.
    static func documentPart(_ document: String?) -> String { document.map { $0 + "\n\n" } ?? "" }

    /// The message for what the user says. The document stands in front of the first one, where every chat format has room
    /// for it.
    private func content(_ text: String) -> String {
        let isFirst = !chat.messages.contains { $0.role == .assistant }
        return isFirst ? Self.documentPart(document) + text : text
    }

    /// Messages with a question after them. A question that was never answered makes room for it.
    private func messages(asking content: String) -> [ChatMessage] {
        var messages = chat.messages
        if messages.last?.role == .user { messages.removeLast() }
        return messages + [ChatMessage(role: .user, content: content)]
    }

    private func encode(asking content: String) throws -> [Int] {
        try chat.format.encode(messages(asking: content), with: chat.tokenizer)
    }

    // MARK: - Turns

    /// Reads the document, so that the first question needn't wait for it.
    ///
    /// - Throws: ``SessionError/cancelled(position:)`` after Ctrl-C.
    func readDocument() throws {
        guard document != nil else { return }
        // What is the same whatever is asked.
        let (first, second) = (try encode(asking: content("a")), try encode(asking: content("Z")))
        let tokens = zip(first, second).prefix { $0 == $1 }.map(\.0)
        let session = chat.session
        guard !tokens.isEmpty, tokens.count <= session.capacity else { return }
        let bar = PromptBar("read", tokenCount: tokens.count)
        defer { bar.finish() }
        try session.prefill(tokens) { bar.update($0) }
        // Without the memory for a second session, the document is read again where it must be.
        if session.attention.neighborWindow != nil { documentSession = try? session.fork() }
    }

    /// Answers a message; the text goes to standard output as it comes.
    ///
    /// - Throws: ``CommandError`` when the context has no room for the message; the chat is then unchanged. The error of a
    ///   generation after Ctrl-C; what there is of the answer stays in the chat.
    func answer(to text: String) throws {
        let content = content(text)
        let tokens = try encode(asking: content)
        guard tokens.count < chat.session.capacity else { throw noRoom(for: tokens.count) }
        returnToDocument(for: tokens)
        chat.messages = Array(messages(asking: content).dropLast())
        let unread = tokens.count - chat.session.reusablePrefix(of: tokens)
        // What takes a single pass needs no bar.
        let bar = unread > Session.maximumPassRowCount ? PromptBar("read", tokenCount: unread) : nil
        defer { bar?.finish() }
        let generation = try chat.stream(to: content) { bar?.update($0) }.generation
        answer = generation
        do {
            while let token = try generation.next() {
                if !token.text.isEmpty { try Terminal.write(token.text) }
            }
        } catch {
            if !generation.text.isEmpty { try Terminal.write("\n") }
            throw error
        }
        try Terminal.write("\n")
        note(generation.stopReason)
    }

    /// Takes the session that has read the document alone, where the present one can't be shortened to what the next prompt
    /// begins with.
    private func returnToDocument(for tokens: [Int]) {
        guard let documentSession,
            chat.session.reusablePrefix(of: tokens) < documentSession.reusablePrefix(of: tokens),
            let fork = try? documentSession.fork()
        else { return }
        replaceSession(with: fork, messages: chat.messages)
    }

    private func replaceSession(with session: Session, messages: [ChatMessage]) {
        let first = messages.first?.role == .system ? [messages[0]] : []
        chat = ChatSession(
            session: session, tokenizer: chat.tokenizer, format: chat.format, messages: first, options: options)
        chat.messages = messages
    }

    /// Says why an answer ended early.
    private func note(_ reason: StopReason?) {
        switch reason {
        case .capacity?:
            Terminal.writeError(
                "longlm: the answer ended because the context is full, at \(chat.session.capacity.grouped) tokens; "
                    + Self.remedies)
        case .tokenLimit?:
            Terminal.writeError(
                "longlm: the answer was cut at \(options.tokenLimit.grouped) tokens; --max-tokens allows more")
        case .endToken?, .stopSequence?, .constraint?, nil: break
        }
    }

    private func noRoom(for count: Int) -> CommandError {
        .invalidInput(
            "the context is full: with this message and room for an answer, the chat has more than \(count.grouped) "
                + "tokens, and the context holds \(chat.session.capacity.grouped). The message was not taken, and the "
                + "conversation is as it was; " + Self.remedies)
    }

    private static let remedies =
        "/clear forgets the conversation, /save FILE keeps it, and --length N (with --self-extend auto beyond the model's "
        + "own context) makes room for more"

    // MARK: - Commands

    /// Forgets the conversation, but for the system message and the document.
    func clear() {
        chat.messages = chat.messages.first?.role == .system ? [chat.messages[0]] : []
        answer = nil
    }

    /// Sets the system message.
    ///
    /// - Throws: The error of a format that has no place for it, or ``CommandError`` where it doesn't fit; the chat is then
    ///   unchanged.
    func setSystem(_ text: String) throws {
        let rest = chat.messages.first?.role == .system ? Array(chat.messages.dropFirst()) : chat.messages
        let messages = [ChatMessage(role: .system, content: text)] + rest
        try check(messages)
        chat.messages = messages
    }

    /// Refuses messages after which no question could be asked, now rather than with the next message.
    private func check(_ messages: [ChatMessage]) throws {
        let answered = messages.last?.role == .user ? Array(messages.dropLast()) : messages
        let question = ChatMessage(role: .user, content: "a")
        let tokens = try chat.format.encode(answered + [question], with: chat.tokenizer)
        guard tokens.count < chat.session.capacity else { throw noRoom(for: tokens.count) }
    }

    /// Writes the conversation, and the state of the session.
    ///
    /// - Returns: What was written, in words.
    func save(to path: String) throws -> String {
        var messages = chat.messages
        if messages.last?.role == .user { messages.removeLast() }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try writeFile(try encoder.encode(messages) + Data("\n".utf8), to: path)
        let session = chat.session
        guard session.position > 0 else { return "\(messages.count) messages in \(path)" }
        try session.save(to: path + ".session")
        return "\(messages.count) messages in \(path), \(session.position.grouped) tokens in \(path).session"
    }

    /// Continues a conversation.
    ///
    /// - Returns: What was read, in words.
    /// - Throws: ``CommandError`` for a file that holds no conversation; the chat is then unchanged.
    func load(_ path: String) throws -> String {
        let messages: [ChatMessage]
        do {
            messages = try JSONDecoder().decode([ChatMessage].self, from: Data(try readFile(path)))
        } catch let error as DecodingError {
            throw CommandError.invalidInput("\(path): is not a list of messages: \(error.reason)")
        }
        let answered = messages.last?.role == .user ? Array(messages.dropLast()) : messages
        try check(answered)
        let state = restore(path + ".session")
        chat.messages = answered
        answer = nil
        let part = Self.documentPart(document)
        let lacksDocument = !answered.isEmpty && !answered.contains { $0.content.hasPrefix(part) }
        return "\(answered.count) messages from \(path); \(state)"
            + (lacksDocument ? "; the document of --file is not in this conversation" : "")
    }

    /// Takes over a saved state, if there is one that suits.
    ///
    /// - Returns: What came of it, in words.
    private func restore(_ path: String) -> String {
        guard FileManager.default.fileExists(atPath: path) else { return "they are read with the next message" }
        do throws(SessionFileError) {
            try chat.session.restore(from: path)
            return "\(chat.session.position.grouped) tokens from \(path)"
        } catch { return "they are read with the next message, because their state can't be used: \(error)" }
    }

    /// What `/stats` shows.
    var statistics: String {
        let session = chat.session
        var lines = [
            "context: \(session.position.grouped) of \(session.capacity.grouped) tokens in \(chat.messages.count) messages, "
                + "\(session.attention.words)",
            "memory: \(session.memoryByteCount.formattedBytes) for the session, "
                + "\(session.model.weightByteCount.formattedBytes) for weights, "
                + "\(peakMemoryByteCount().formattedBytes) at the peak of the process",
        ]
        if let statistics = answer?.statistics {
            let rates = [statistics.prefillRate, statistics.decodeRate].map { String(format: "%.1f", $0) }
            lines.append(
                "last answer: \(statistics.generatedTokenCount.grouped) tokens at \(rates[1]) tokens/s; of its prompt, "
                    + "\(statistics.reusedTokenCount.grouped) tokens were there already, and "
                    + "\(statistics.promptTokenCount.grouped) were read at \(rates[0]) tokens/s")
        }
        return lines.joined(separator: "\n")
    }
}

extension DecodingError {
    /// Where reading stopped, and why.
    fileprivate var reason: String {
        let context: Context
        switch self {
        case .typeMismatch(_, let found), .valueNotFound(_, let found), .keyNotFound(_, let found),
            .dataCorrupted(let found):
            context = found
        @unknown default: return "\(self)"
        }
        let place = context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? ".\($0.stringValue)" }.joined()
        return (place.isEmpty ? "" : "\(place): ") + context.debugDescription
    }
}
