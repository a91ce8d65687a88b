import Tokenization

/// A chat with an instruction-tuned model: its messages, and a session that holds their tokens.
///
/// Each turn's prompt is the whole chat in the model's format. The part that the session already holds is not processed
/// again. ``init(path:options:loadOptions:system:seed:progress:)`` makes a chat of a model's path.
public final class ChatSession {
    /// The session that holds the chat's tokens. Nobody else may process tokens with it.
    public let session: Session
    /// Turns text into tokens and back.
    public let tokenizer: Tokenizer
    /// How messages are turned into text for the model.
    public let format: ChatFormat
    /// The functions that the model may call; none at first. They stand at the beginning of the chat, so a change of them
    /// lets the next turn process all of it again.
    public var tools: [ToolDefinition] = []
    /// How the model writes calls; nil where the format shows no form that is known. Found when there are tools.
    private lazy var toolCallForm = format.toolCallForm
    private lazy var startsInThought = format.startsAnswersInThought
    /// How answers are generated, unless a turn has options of its own.
    public var options: GenerationOptions
    /// A session of a smaller model with the same vocabulary, whose guesses are tried where the chat repeats nothing
    /// (``Speculation/automatic``); nil, at first: there is none. Nobody else may process tokens with it.
    public var draft: Session?
    private let endTokens: [Int]
    private let firstMessages: [ChatMessage]
    private var history: [ChatMessage]
    /// The last answer; nil before the first.
    private var answer: Answer?

    private struct Answer {
        let generation: Generation
        /// Finds the calls in it; nil where it was given no tools.
        let parser: ToolCallParser?
        /// What is around it if it has to be a call.
        let forcedCall: ForcedCall?
        /// How many messages it answers.
        let questionCount: Int

        var hasBegun: Bool { generation.statistics.generatedTokenCount > 0 || generation.stopReason != nil }
    }

    /// A chat.
    ///
    /// - Parameters:
    ///   - session: An empty session, or one with tokens that the chat may begin with.
    ///   - tokenizer: The model's.
    ///   - format: The model's; `ChatFormat(directory:)` finds it.
    ///   - messages: What the chat begins with: a system message, or a conversation to continue.
    public convenience init(
        session: Session, tokenizer: Tokenizer, format: ChatFormat, messages: [ChatMessage] = []
    ) {
        self.init(
            session: session, tokenizer: tokenizer, format: format, messages: messages, options: GenerationOptions())
    }

    /// A chat with options for its answers.
    ///
    /// - Parameters:
    ///   - session: An empty session, or one with tokens that the chat may begin with.
    ///   - tokenizer: The model's.
    ///   - format: The model's.
    ///   - messages: What the chat begins with.
    ///   - options: How answers are generated, unless a turn has options of its own.
    public init(
        session: Session, tokenizer: Tokenizer, format: ChatFormat, messages: [ChatMessage], options: GenerationOptions
    ) {
        self.session = session
        self.tokenizer = tokenizer
        self.format = format
        self.options = options
        endTokens = format.endTokens(of: session.model, with: tokenizer)
        firstMessages = messages
        history = messages
    }

    /// All messages, including the last answer as far as it has come. They are `Codable`, in the form that chat clients
    /// send.
    ///
    /// Where there are ``tools``, the calls in an answer are the message's ``ChatMessage/toolCalls``, and its content is
    /// the text beside them, without white space at its end. A call keeps an id of nine letters and digits that the model
    /// states, as Mistral's models do; any other gets `call00000` and so on, by its number in the chat.
    ///
    /// Setting them continues another conversation. The streams of earlier answers can then no longer be read, once the
    /// next answer has begun; what the session holds of the new messages' beginning is not processed again.
    public var messages: [ChatMessage] {
        get {
            guard let answer, answer.hasBegun else { return history }
            return history + [message(of: answer)]
        }
        set {
            history = newValue
            answer = nil
        }
    }

    /// The functions that the last answer calls, as far as it has come. The model is waiting for a result of each:
    /// ``stream(to:calling:options:progress:)`` takes them.
    public var toolCalls: [ToolCall] {
        guard let last = messages.last, last.role == .assistant else { return [] }
        return last.toolCalls
    }

    /// Makes a parser that finds the calls in an answer as it is streamed: append each token's text to it.
    ///
    /// - Returns: nil if there are no tools, or if the chat format uses no known form of calls. Calls then remain text.
    public func makeToolCallParser() -> ToolCallParser? {
        guard !tools.isEmpty, let toolCallForm else { return nil }
        return ToolCallParser(form: toolCallForm, names: Set(tools.map(\.name)), startsInThought: startsInThought)
    }

    /// What the assistant says with an answer.
    private func message(of answer: Answer) -> ChatMessage {
        var text = answer.generation.text
        if let call = answer.forcedCall {
            text = call.prefix + text + (answer.generation.stopReason == .constraint ? call.suffix : "")
        }
        guard var parser = answer.parser else { return ChatMessage(role: .assistant, content: text) }
        var (content, calls) = ("", [ToolCall]())
        for event in parser.append(text) + parser.finish() {
            switch event {
            case .text(let part): content += part
            case .calls(let more, _): calls += more
            }
        }
        guard !calls.isEmpty else { return ChatMessage(role: .assistant, content: text) }
        let number = Self.callCount(in: history)
        for index in calls.indices where !(calls[index].id?.isNineLettersAndDigits ?? false) {
            calls[index].id = ToolCall.identifier(number: number + index)
        }
        // Templates put white space of their own before a call.
        while let last = content.last, last.isWhitespace { content.removeLast() }
        return .assistant(content, toolCalls: calls)
    }

    private static func callCount(in messages: [ChatMessage]) -> Int {
        messages.reduce(0) { $0 + $1.toolCalls.count }
    }

    /// Forgets the conversation: what is left are the messages that the chat was made with. The session keeps
    /// its tokens, so that they needn't be processed again if it can be shortened to them
    /// (``Session/earliestTruncation``).
    public func clear() { messages = firstMessages }

    /// Adds a message and returns the model's answer to it.
    ///
    /// The answer is computed before this returns, on the caller's thread. ``stream(to:options:progress:)`` returns it
    /// token by token. ``options`` say how tokens are chosen, and how many there may be.
    ///
    /// - Parameter text: What the user says.
    /// - Returns: The whole answer, which is also the last of ``messages``.
    /// - Throws: ``GenerationError``, as ``stream(to:options:progress:)``. After
    ///   ``SessionError/cancelled(position:)``, what there is of the answer stays in the chat.
    public func respond(to text: String) throws(GenerationError) -> String {
        try respond(to: [ChatMessage(role: .user, content: text)])
    }

    /// Adds messages and returns the model's answer to them, as ``respond(to:)`` does: the results of the functions that it
    /// called, or whatever else comes before its next turn.
    ///
    /// - Parameters:
    ///   - added: The messages, such as `chat.toolCalls.map { .result(run($0), of: $0) }`.
    ///   - choice: Which functions the answer has to call, as for ``stream(to:calling:options:progress:)``.
    /// - Returns: The whole answer, without the calls in it: those are ``toolCalls``.
    /// - Throws: As ``stream(to:calling:options:progress:)``.
    public func respond(
        to added: [ChatMessage], calling choice: ToolChoice = .automatic
    ) throws(GenerationError) -> String {
        let generation = try stream(to: added, calling: choice).generation
        while try generation.next() != nil {}
        return messages.last?.content ?? generation.text
    }

    /// Adds a message and lets the model answer it.
    ///
    /// The answer is computed while the stream is read. If reading stops, the answer stops as well, and what there is
    /// of it stays in the chat. Messages whose answer never began are dropped when the next ones come. The streams
    /// of earlier answers can no longer be read.
    ///
    /// - Parameters:
    ///   - text: What the user says.
    ///   - options: How to choose tokens, and when to end; nil: the chat's own. The answer is a text of its own in any case
    ///     (``GenerationOptions/startsText``). Where they name no end tokens, these are those of the model and the format.
    ///   - progress: Called while the prompt is processed, with the number of its tokens that have been processed.
    /// - Throws: ``GenerationError/tokenizer(_:)`` if the format has no place for the message, or
    ///   ``GenerationError/session(_:)``: with ``SessionError/capacityExceeded(needed:capacity:)`` if the chat has
    ///   become too long, with ``SessionError/tokenOutOfRange(id:vocabularySize:)`` if the tokenizer has tokens that
    ///   the model lacks, with ``SessionError/busy`` if it is called from a prefill's `progress`. The chat is then
    ///   unchanged.
    public func stream(
        to text: String, options: GenerationOptions? = nil, progress: ((Int) -> Void)? = nil
    ) throws(GenerationError) -> TokenStream {
        try stream(to: [ChatMessage(role: .user, content: text)], options: options, progress: progress)
    }

    /// Adds messages and lets the model answer them: the results of the functions that it called, or whatever else comes
    /// before its next turn. It does what ``stream(to:options:progress:)`` does.
    ///
    /// With another choice than ``ToolChoice/automatic``, the answer is a call of a function. It begins as the model's own
    /// form of calls does, and the rest can only be arguments that satisfy the function's parameters, a JSON schema
    /// (``Constraint``). The stream's text is that rest: of a named function the arguments, else the name, too.
    /// ``toolCalls`` has the whole call.
    ///
    /// - Parameters:
    ///   - added: The messages, such as `chat.toolCalls.map { .result(run($0), of: $0) }`.
    ///   - choice: Which functions the answer has to call.
    ///   - options: How to choose tokens, and when to end. A constraint of theirs counts only with
    ///     ``ToolChoice/automatic``.
    ///   - progress: Called while the prompt is processed, with the number of its tokens that have been processed.
    /// - Throws: What ``stream(to:options:progress:)`` throws; ``GenerationError/invalidOption(_:)`` for a choice that the
    ///   ``tools`` or the format don't allow, ``GenerationError/constraint(_:)`` for parameters that no constraint can be
    ///   made of.
    public func stream(
        to added: [ChatMessage], calling choice: ToolChoice = .automatic, options: GenerationOptions? = nil,
        progress: ((Int) -> Void)? = nil
    ) throws(GenerationError) -> TokenStream {
        var messages = messages
        // Nothing came of the last turn. Formats don't allow two user messages in a row, nor results twice.
        if let answer, !answer.hasBegun { messages.removeLast(answer.questionCount) }
        messages += added
        if choice != .automatic, startsInThought {
            throw .invalidOption(
                InvalidOption(
                    "tool choice", "\(choice)",
                    allowed: "automatic, because answers in this format begin with a thought")
            )
        }
        let forced = try ForcedCall(
            choice, of: tools, form: choice == .automatic ? nil : toolCallForm, tokenizer: tokenizer,
            number: Self.callCount(in: messages))
        var tokens: [Int]
        do {
            tokens = try format.encode(messages, tools: tools, with: tokenizer)
        } catch { throw .tokenizer(error) }
        if let forced { tokens += tokenizer.encode(forced.prefix, addSpecialTokens: false) }
        guard tokens.count <= session.capacity else {
            throw .session(.capacityExceeded(needed: tokens.count, capacity: session.capacity))
        }
        let shared = try generating { () throws(SessionError) in
            try session.checkVocabulary(tokens)
            return try session.keepPrefix(of: tokens)
        }
        var options = options ?? self.options
        // The rest of a call is no text of its own.
        options.startsText = forced == nil
        if let forced { options.constraint = forced.constraint }
        options.endTokens = options.endTokens ?? endTokens
        if !tools.isEmpty, let toolCallForm { options.keptSpecialTokens.formUnion(toolCallForm.tokens(of: tokenizer)) }
        let generation = try Generation(
            session: session, prompt: Array(tokens[shared...]), tokenizer: tokenizer, options: options, draft: draft,
            progress: progress)
        history = messages
        answer = Answer(
            generation: generation, parser: makeToolCallParser(), forcedCall: forced, questionCount: added.count)
        return TokenStream(generation)
    }

    /// The earlier name of ``stream(to:options:progress:)``.
    ///
    /// Without options, `try chat.respond(to: text)` is the whole answer as text, unless the context asks for a stream, as
    /// `for try await` does.
    @available(*, deprecated, renamed: "stream(to:options:progress:)")
    public func respond(
        to text: String, options: GenerationOptions = GenerationOptions(), progress: ((Int) -> Void)? = nil
    ) throws(GenerationError) -> TokenStream {
        try stream(to: text, options: options, progress: progress)
    }
}

extension String {
    /// Whether it is an id that Mistral's templates take.
    fileprivate var isNineLettersAndDigits: Bool {
        utf8.count == 9 && unicodeScalars.allSatisfy { $0.isASCII && $0.properties.isAlphabetic || "0"..."9" ~= $0 }
    }
}

extension ChatFormat {
    /// The tokens at which an answer in a chat ends: the model's own (``LanguageModel/endTokens``), and those by which the
    /// format ends a turn. Many checkpoints name only the end of a text, and would go on with the next turn.
    ///
    /// - Parameters:
    ///   - model: The model.
    ///   - tokenizer: The model's.
    public func endTokens(of model: LanguageModel, with tokenizer: Tokenizer) -> [Int] {
        model.endTokens + endOfTurnTokens(with: tokenizer).filter { !model.endTokens.contains($0) }
    }
}
