import Tokenization

/// A chat with an instruction-tuned model: its messages, and a session that holds their tokens.
///
/// Each turn's prompt is the whole chat in the model's format. The part that the session already holds is not processed
/// again.
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
    private let endTokens: [Int]
    /// How the model writes calls; nil where the format shows no form that is known. Found when there are tools.
    private lazy var toolCallForm = format.toolCallForm
    private lazy var startsInThought = format.startsAnswersInThought
    private var history: [ChatMessage]
    /// The generation of the last answer.
    private var answer: Generation?
    /// Finds the calls in it; nil where it was given no tools.
    private var answerParser: ToolCallParser?

    /// A chat.
    ///
    /// - Parameters:
    ///   - session: An empty session, or one with tokens that the chat may begin with.
    ///   - tokenizer: The model's.
    ///   - format: The model's; `ChatFormat(directory:)` finds it.
    ///   - messages: What the chat begins with: a system message, or a conversation to continue.
    public init(session: Session, tokenizer: Tokenizer, format: ChatFormat, messages: [ChatMessage] = []) {
        self.session = session
        self.tokenizer = tokenizer
        self.format = format
        endTokens = format.endTokens(of: session.model, with: tokenizer)
        history = messages
    }

    /// All messages, including the last answer as far as it has come.
    ///
    /// Where there are ``tools``, the calls in an answer are the message's ``ChatMessage/toolCalls``, and its content is
    /// the text beside them, without white space at its end. A call keeps an id of nine letters and digits that the model
    /// states, as Mistral's models do; any other gets `call00000` and so on, by its number in the chat.
    public var messages: [ChatMessage] {
        guard let answer, answer.statistics.generatedTokenCount > 0 || answer.stopReason != nil else { return history }
        return history + [message(answer.text)]
    }

    /// The functions that the last answer calls, as far as it has come. The model is waiting for a result of each:
    /// ``respond(to:options:progress:)-([ChatMessage],_,_)`` takes them.
    public var toolCalls: [ToolCall] {
        guard let last = messages.last, last.role == .assistant else { return [] }
        return last.toolCalls
    }

    /// Finds the calls in an answer while it comes: what the stream's tokens have as their text is appended to it. nil
    /// where there are no tools, or the format shows no form of calls that is known; such calls stay text.
    public func makeToolCallParser() -> ToolCallParser? {
        guard !tools.isEmpty, let toolCallForm else { return nil }
        return ToolCallParser(form: toolCallForm, names: Set(tools.map(\.name)), startsInThought: startsInThought)
    }

    /// What the assistant says with a text.
    private func message(_ text: String) -> ChatMessage {
        guard var parser = answerParser else { return ChatMessage(role: .assistant, content: text) }
        var (content, calls) = ("", [ToolCall]())
        for event in parser.append(text) + parser.finish() {
            switch event {
            case .text(let part): content += part
            case .calls(let more, _): calls += more
            }
        }
        guard !calls.isEmpty else { return ChatMessage(role: .assistant, content: text) }
        let number = history.reduce(0) { $0 + $1.toolCalls.count }
        for index in calls.indices where !(calls[index].id?.isNineLettersAndDigits ?? false) {
            calls[index].id = ToolCall.identifier(number: number + index)
        }
        // Templates put white space of their own before a call.
        while let last = content.last, last.isWhitespace { content.removeLast() }
        return .assistant(content, toolCalls: calls)
    }

    /// Adds a message and lets the model answer it.
    ///
    /// The answer is computed while the stream is read. If reading stops, the answer stops as well, and what there is
    /// of it stays in the chat. A message whose answer never began is dropped when the next message comes. The streams
    /// of earlier answers can no longer be read.
    ///
    /// - Parameters:
    ///   - text: What the user says.
    ///   - options: How to choose tokens, and when to end. The answer is a text of its own in any case
    ///     (``GenerationOptions/startsText``). Where they name no end tokens, these are those of the model and the format.
    ///   - progress: Called while the prompt is processed, with the number of its tokens that have been processed.
    /// - Throws: ``GenerationError/tokenizer(_:)`` if the format has no place for the message, or
    ///   ``GenerationError/session(_:)``: with ``SessionError/capacityExceeded(needed:capacity:)`` if the chat has
    ///   become too long, with ``SessionError/tokenOutOfRange(id:vocabularySize:)`` if the tokenizer has tokens that
    ///   the model lacks, with ``SessionError/busy`` if it is called from a prefill's `progress`. The chat is then
    ///   unchanged.
    public func respond(
        to text: String, options: GenerationOptions = GenerationOptions(), progress: ((Int) -> Void)? = nil
    ) throws(GenerationError) -> TokenStream {
        try respond(to: [ChatMessage(role: .user, content: text)], options: options, progress: progress)
    }

    /// Adds messages and lets the model answer them: the results of the functions that it called, or whatever else comes
    /// before its next turn. It does what ``respond(to:options:progress:)-(String,_,_)`` does.
    ///
    /// - Parameters:
    ///   - added: The messages, such as `chat.toolCalls.map { .result(run($0), of: $0) }`.
    ///   - options: How to choose tokens, and when to end.
    ///   - progress: Called while the prompt is processed, with the number of its tokens that have been processed.
    /// - Throws: What the other method throws.
    public func respond(
        to added: [ChatMessage], options: GenerationOptions = GenerationOptions(), progress: ((Int) -> Void)? = nil
    ) throws(GenerationError) -> TokenStream {
        var messages = messages
        // Formats don't allow two user messages in a row.
        if answer != nil, messages.last?.role == .user, added.first?.role == .user { messages.removeLast() }
        messages += added
        let tokens: [Int]
        do {
            tokens = try format.encode(messages, tools: tools, with: tokenizer)
        } catch { throw .tokenizer(error) }
        guard tokens.count <= session.capacity else {
            throw .session(.capacityExceeded(needed: tokens.count, capacity: session.capacity))
        }
        let shared = try generating { () throws(SessionError) in
            try session.checkVocabulary(tokens)
            return try session.keepPrefix(of: tokens)
        }
        var options = options
        options.startsText = true
        options.endTokens = options.endTokens ?? endTokens
        if !tools.isEmpty, let toolCallForm { options.keptSpecialTokens.formUnion(toolCallForm.tokens(of: tokenizer)) }
        let generation = try Generation(
            session: session, prompt: Array(tokens[shared...]), tokenizer: tokenizer, options: options,
            progress: progress)
        history = messages
        answer = generation
        answerParser = makeToolCallParser()
        return TokenStream(generation)
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
