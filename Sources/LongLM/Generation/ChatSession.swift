import Tokenization

/// A chat with an instruction-tuned model: its messages, and a session that holds their tokens.
///
/// Each turn's prompt is the whole chat in the model's format; what the session holds of it already is not processed again.
public final class ChatSession {
    /// What holds the chat's tokens. Nobody else may process tokens with it.
    public let session: Session
    /// Turns text into tokens and back.
    public let tokenizer: Tokenizer
    /// How messages become the model's text.
    public let format: ChatFormat
    private var history: [ChatMessage]
    /// The generation of the last answer.
    private var answer: Generation?

    /// A chat.
    ///
    /// - Parameters:
    ///   - session: An empty one, or one whose tokens the chat may begin with.
    ///   - tokenizer: The model's.
    ///   - format: The model's; `ChatFormat(directory:)` finds it.
    ///   - messages: What the chat begins with: a system message, or a conversation to go on with.
    public init(session: Session, tokenizer: Tokenizer, format: ChatFormat, messages: [ChatMessage] = []) {
        self.session = session
        self.tokenizer = tokenizer
        self.format = format
        history = messages
    }

    /// All messages, the last answer included as far as it has come.
    public var messages: [ChatMessage] {
        guard let answer, answer.statistics.generatedTokenCount > 0 || answer.stopReason != nil else { return history }
        return history + [ChatMessage(role: .assistant, content: answer.text)]
    }

    /// Adds a message and lets the model answer it.
    ///
    /// The answer is computed while the stream is read. Where reading stops, the answer stops, too; it stays in the chat
    /// as far as it has come, but a message whose answer never began is forgotten with the next one. The streams of earlier
    /// answers can't be read on.
    ///
    /// - Parameters:
    ///   - text: What the user says.
    ///   - options: How to choose tokens, and when to end.
    ///   - progress: Called while the prompt is processed with how many of its tokens have been.
    /// - Throws: ``GenerationError/tokenizer(_:)`` when the format has no place for the message, or
    ///   ``GenerationError/session(_:)``: with ``SessionError/capacityExceeded(needed:capacity:)`` when the chat has become too
    ///   long, with ``SessionError/tokenOutOfRange(id:vocabularySize:)`` when the tokenizer has tokens that the model hasn't,
    ///   with ``SessionError/busy`` from within the progress of a prefill. The chat is then as before.
    public func respond(
        to text: String, options: GenerationOptions = GenerationOptions(), progress: ((Int) -> Void)? = nil
    ) throws(GenerationError) -> TokenStream {
        var messages = messages
        // Formats take no two messages of the user in a row.
        if answer != nil, messages.last?.role == .user { messages.removeLast() }
        messages.append(ChatMessage(role: .user, content: text))
        let tokens: [Int]
        do {
            tokens = try format.encode(messages, with: tokenizer)
        } catch { throw .tokenizer(error) }
        guard tokens.count <= session.capacity else {
            throw .session(.capacityExceeded(needed: tokens.count, capacity: session.capacity))
        }
        let shared = try generating { () throws(SessionError) in
            try session.checkVocabulary(tokens)
            return try session.keepPrefix(of: tokens)
        }
        let generation = try Generation(
            session: session, prompt: Array(tokens[shared...]), tokenizer: tokenizer, options: options,
            progress: progress)
        history = messages
        answer = generation
        return TokenStream(generation)
    }
}
