import LongLM
import ModelTwins
import Testing
import TestSupport
import Tokenization

/// That a chat's turns are those of one session with the whole transcript, and don't process it again.
@Suite struct ChatSessionTests {
    private let model: LanguageModel
    private let tokenizer: Tokenizer

    init() throws {
        model = try loadModel()
        tokenizer = try TinyTokenizer.make()
    }

    private func makeSession(_ mode: AttentionMode = .plain, capacity: Int = 1_500) throws -> Session {
        try Session(
            model: model, options: SessionOptions(attention: mode, threadCount: 2, capacity: capacity))
    }

    private func makeChat(
        _ session: Session? = nil, messages: [ChatMessage] = [], format: ChatFormat = TinyTokenizer.format
    ) throws -> ChatSession {
        ChatSession(
            session: try session ?? makeSession(), tokenizer: tokenizer, format: format, messages: messages)
    }

    private func user(_ text: String) -> ChatMessage { ChatMessage(role: .user, content: text) }
    private func assistant(_ text: String) -> ChatMessage { ChatMessage(role: .assistant, content: text) }

    private func all(_ stream: TokenStream) async throws -> [GeneratedToken] {
        var tokens: [GeneratedToken] = []
        for try await token in stream { tokens.append(token) }
        return tokens
    }

    /// Answers with a text.
    private func answering(_ text: String) -> GenerationOptions {
        GenerationOptions(
            sampler: ScriptedSampler(tokens: tokenizer.encode(text) + [TinyTokenizer.end]),
            endTokens: [TinyTokenizer.end])
    }

    /// A session of its own with the whole transcript.
    private func alone(
        _ messages: [ChatMessage], _ options: GenerationOptions, _ mode: AttentionMode = .plain
    ) throws -> Generation {
        let prompt = try TinyTokenizer.format.encode(messages, with: tokenizer)
        return try Generation(
            session: try makeSession(mode), prompt: prompt, tokenizer: tokenizer, options: options)
    }

    @Test(arguments: [AttentionMode.plain, .selfExtend(SelfExtend(groupSize: 4, neighborWindow: 16))])
    func turnsReuseWhatIsThere(mode: AttentionMode) async throws {
        let system = ChatMessage(role: .system, content: "be brief")
        let chat = try makeChat(try makeSession(mode), messages: [system])
        #expect(chat.messages == [system] && chat.session.position == 0)
        var history = [system]
        for (question, answer) in [("who?", "the cab"), ("a cab?", "no."), ("then", "yes é€")] {
            let held = chat.session.position
            let stream = try chat.stream(to: question, options: answering(answer))
            history.append(user(question))
            #expect(chat.messages == history, "there is no answer yet")
            let prompt = try TinyTokenizer.format.encode(history, with: tokenizer)
            let tokens = try await all(stream)
            #expect(tokens.map(\.text).joined() == answer)
            #expect(stream.stopReason == .endToken(TinyTokenizer.end))
            // All that was there is the beginning of what is asked now.
            #expect(stream.statistics.reusedTokenCount == held)
            #expect(stream.statistics.promptTokenCount == prompt.count - held)
            #expect(chat.session.tokens == prompt + tokenizer.encode(answer))

            let alone = try alone(history, answering(answer), mode)
            #expect(try alone.rest() == tokens && bits(alone.session.logits) == bits(chat.session.logits))
            history.append(assistant(answer))
            #expect(chat.messages == history)
        }
    }

    /// A draft session follows the chat from turn to turn, and changes no answer.
    @Test func drafts() async throws {
        let options = GenerationOptions(tokenLimit: 40, endTokens: [])
        let plain = try makeChat()
        let drafted = try makeChat()
        drafted.draft = try makeSession(.plain)
        for question in ["who?", "a cab?"] {
            let expected = try await all(try plain.stream(to: question, options: options))
            let stream = try drafted.stream(to: question, options: options)
            #expect(try await all(stream) == expected)
            #expect(bits(drafted.session.logits) == bits(plain.session.logits))
            // It was asked at least once, unless lookup had all the guesses.
            #expect(stream.statistics.guessedTokenCount > 0)
        }
    }

    /// A checkpoint may name no end token, or only that of the text. The format's own end of a turn ends the answer all the
    /// same; only where a caller names end tokens are they the only ones.
    @Test func answersEndAtTheFormatsEndOfTurn() async throws {
        let script = tokenizer.encode("sure") + [TinyTokenizer.end] + tokenizer.encode("x of")
        #expect(model.endTokens.isEmpty)
        let chat = try makeChat()
        let options = GenerationOptions(tokenLimit: script.count, sampler: ScriptedSampler(tokens: script))
        let stream = try chat.stream(to: "now?", options: options)
        #expect(try await all(stream).map(\.text).joined() == "sure")
        #expect(stream.stopReason == .endToken(TinyTokenizer.end))
        var stated = options
        stated.endTokens = []
        let longer = try makeChat().stream(to: "now?", options: stated)
        #expect(try await all(longer).count == script.count)
    }

    /// Answers of the model's own choice, whose text needn't be encoded to the same tokens again.
    @Test func ownAnswers() async throws {
        let chat = try makeChat()
        for (turn, question) in ["who?", "a cab?", "then"].enumerated() {
            let options = GenerationOptions(
                tokenLimit: 15, sampler: try ProbabilitySampler(temperature: 1.5, seed: UInt64(turn)),
                endTokens: [])
            let before = chat.messages
            let prompt = try TinyTokenizer.format.encode(before + [user(question)], with: tokenizer)
            let shared = zip(prompt, chat.session.tokens).prefix { $0 == $1 }.count
            let stream = try chat.stream(to: question, options: options)
            let tokens = try await all(stream)
            #expect(try tokens == alone(before + [user(question)], options).rest())
            #expect(stream.statistics.reusedTokenCount == shared && (turn == 0) == (shared == 0))
            #expect(chat.messages == before + [user(question), assistant(tokens.map(\.text).joined())])
        }
    }

    /// A long chat with a neighbor window: where the session can't be shortened so far, all is processed again.
    @Test func beyondTheEarliestTruncation() async throws {
        let mode = AttentionMode.selfExtend(SelfExtend(groupSize: 4, neighborWindow: 16))
        let session = try makeSession(mode)
        // A session that shares the frame with the chat, and is far past it.
        let first = try TinyTokenizer.format.encode([user("x")], with: tokenizer)
        try session.prefill(Array(first[..<4]))
        try session.prefill((0..<1_200).map { $0 % 60 })
        #expect(session.earliestTruncation > 4)
        let chat = try makeChat(session)
        let stream = try chat.stream(to: "x", options: answering("yes"))
        let tokens = try await all(stream)
        #expect(stream.statistics.reusedTokenCount == 0 && stream.statistics.promptTokenCount == first.count)
        #expect(try tokens == alone([user("x")], answering("yes"), mode).rest())
    }

    /// An answer that is left stays as far as it came, and the next turn builds on it.
    @Test func partialAnswers() async throws {
        let chat = try makeChat()
        var texts = ""
        for try await token in try chat.stream(to: "who?", options: answering("the cab")) {
            texts += token.text
            if texts == "the c" { break }
            #expect(chat.messages == [user("who?"), assistant(texts)])
        }
        let history = [user("who?"), assistant("the c"), user("what?")]
        #expect(chat.messages == Array(history[..<2]))
        let stream = try chat.stream(to: "what?", options: answering("a cab"))
        #expect(try await all(stream) == alone(history, answering("a cab")).rest())
        #expect(stream.statistics.reusedTokenCount > 0)
        #expect(chat.messages == history + [assistant("a cab")])

        // Nothing of an answer that nobody read.
        _ = try chat.stream(to: "and?", options: answering("no"))
        #expect(chat.messages == history + [assistant("a cab"), user("and?")])
        // The next message takes the place of that one: no format has room for two of a user in a row.
        let last = history + [assistant("a cab"), user("so?")]
        #expect(
            try await all(try chat.stream(to: "so?", options: answering("no")))
                == alone(last, answering("no")).rest())
        #expect(chat.messages == last + [assistant("no")])
    }

    /// An answer that is no longer the last one can't be read on: it would write into the session of its successor.
    @Test func streamsOfEarlierAnswers() async throws {
        let chat = try makeChat()
        let stale = try chat.stream(to: "who?", options: answering("the cab"))
        for try await _ in stale { break }
        let stream = try chat.stream(to: "what?", options: answering("a cab"))
        for try await _ in stream { break }
        await #expect(throws: GenerationError.sessionChanged) { for try await _ in stale {} }
        let history = [user("who?"), assistant(stale.generation.text), user("what?")]
        _ = try await all(stream)
        #expect(chat.messages == history + [assistant("a cab")])
    }

    /// An answer that ended at once is one.
    @Test func emptyAnswers() async throws {
        let chat = try makeChat()
        #expect(try await all(try chat.stream(to: "who?", options: answering(""))).isEmpty)
        #expect(chat.messages == [user("who?"), assistant("")])
    }

    /// The first token of an answer alone makes it a message, even when its text is still held back.
    @Test func answersWithoutText() async throws {
        let chat = try makeChat()
        var options = answering("ab")
        options.stopSequences = ["ab"]
        let stream = try chat.stream(to: "who?", options: options)
        #expect(try await all(stream).map(\.text) == [""] && stream.stopReason == .stopSequence("ab"))
        #expect(chat.messages == [user("who?"), assistant("")])
    }

    @Test func errorsChangeNothing() async throws {
        // Twenty-odd tokens of a frame, and eight of an answer.
        let chat = try makeChat(try makeSession(capacity: 90))
        _ = try await all(try chat.stream(to: "who?", options: answering("the cab")))
        let (messages, tokens) = (chat.messages, chat.session.tokens)
        let logits = bits(chat.session.logits)
        let long = String(repeating: "a", count: 200)
        let needed = try TinyTokenizer.format.encode(messages + [user(long)], with: tokenizer).count
        #expect(throws: GenerationError.session(.capacityExceeded(needed: needed, capacity: 90))) {
            try chat.respond(to: long)
        }
        #expect(chat.messages == messages && chat.session.tokens == tokens && bits(chat.session.logits) == logits)

        // Within a prefill of its session.
        var busy: GenerationError?
        let working = try makeSession()
        let other = try makeChat(working)
        try working.prefill([1]) { _ in
            busy = thrownError { () throws(GenerationError) in _ = try other.respond(to: "a") }
        }
        #expect(busy == .session(.busy) && other.messages.isEmpty && working.tokens == [1])

        // With a tokenizer of more tokens than the model has.
        var tiny = TinyLlama()
        tiny.vocabularySize = 60
        let small = try Session(model: try loadModel(tiny))
        try small.prefill([1, 2, 3])
        let beginning = bits(small.logits)
        let stranger = try makeChat(small)
        let history = try TinyTokenizer.format.encode([user("a")], with: tokenizer)
        let unknown = try #require(history.first { $0 >= 60 })
        let refusal = thrownError { () throws(GenerationError) in _ = try stranger.respond(to: "a") }
        #expect(refusal == .session(.tokenOutOfRange(id: unknown, vocabularySize: 60)))
        #expect(stranger.messages.isEmpty && small.tokens == [1, 2, 3] && bits(small.logits) == beginning)

        // And the chat goes on.
        let stream = try chat.stream(to: "a", options: answering("no"))
        #expect(try await all(stream) == alone(messages + [user("a")], answering("no")).rest())
    }

    /// A format that has no place for a message, or a tokenizer without its tokens.
    @Test func messagesWithoutAPlace() throws {
        let roles = [user("a"), user("b")]
        let chat = try makeChat(messages: roles, format: .gemma)
        let error = thrownError { () throws(GenerationError) in _ = try chat.respond(to: "c") }
        guard case .tokenizer = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(chat.messages == roles && chat.session.position == 0)
        let plain = ChatSession(
            session: try makeSession(), tokenizer: try TinyTokenizer.make(size: 60), format: TinyTokenizer.format)
        #expect(throws: GenerationError.tokenizer(.missingControlToken(token: "<|im_end|>"))) {
            try plain.respond(to: "c")
        }
    }

    @Test func progress() async throws {
        let chat = try makeChat()
        var told: [Int] = []
        let stream = try chat.stream(to: String(repeating: "a", count: 600), options: answering("no")) {
            told.append($0)
        }
        #expect(told.isEmpty)
        _ = try await all(stream)
        #expect(told == [512, stream.statistics.promptTokenCount])
    }
}
