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
    private let endTokens: [Int]
    private var history: [ChatMessage]
    /// The generation of the last answer.
    private var answer: Generation?

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
    public var messages: [ChatMessage] {
        guard let answer, answer.statistics.generatedTokenCount > 0 || answer.stopReason != nil else { return history }
        return history + [ChatMessage(role: .assistant, content: answer.text)]
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
        var messages = messages
        // Formats don't allow two user messages in a row.
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
        var options = options
        options.startsText = true
        options.endTokens = options.endTokens ?? endTokens
        let generation = try Generation(
            session: session, prompt: Array(tokens[shared...]), tokenizer: tokenizer, options: options,
            progress: progress)
        history = messages
        answer = generation
        return TokenStream(generation)
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
