import Foundation
import LongLM
import TestSupport
import Testing

/// That a chat, a tokenizer and a chat format are made of a model's path alone.
@Suite struct ChatLoadingTests {
    private static let template =
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
        + "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"

    private let folder: TemporaryDirectory

    init() throws {
        folder = try TemporaryDirectory()
        var tiny = TinyLlama()
        tiny.contextLength = 400
        try tiny.write(to: folder)
        try folder.write(TinyTokenizer.json(), to: "tokenizer.json")
        try folder.write(jsonObject(["chat_template": quoted(Self.template)]), to: "tokenizer_config.json")
    }

    private func quoted(_ text: String) throws -> String {
        String(decoding: try JSONEncoder().encode(text), as: UTF8.self)
    }

    private func chat(_ system: String? = nil, seed: UInt64 = 0) throws -> ChatSession {
        try ChatSession(path: folder.path, options: SessionOptions(threadCount: 2), system: system, seed: seed)
    }

    /// The two lines.
    @Test func twoLines() throws {
        let chat = try ChatSession(path: folder.path)
        chat.options.tokenLimit = 12
        let answer = try chat.respond(to: "who?")
        #expect(
            chat.messages == [
                ChatMessage(role: .user, content: "who?"), ChatMessage(role: .assistant, content: answer),
            ])
        // The same as with all parts by hand.
        let model = try LanguageModel(directory: folder.path)
        let tokenizer = try Tokenizer(contentsOfFile: folder.file("tokenizer.json"))
        let prompt = try ChatFormat(directory: folder.path).encode([chat.messages[0]], with: tokenizer)
        let generation = try Generation(
            session: Session(model: model), prompt: prompt, tokenizer: tokenizer,
            options: GenerationOptions(tokenLimit: 12, endTokens: [TinyTokenizer.end], startsText: true))
        _ = try generation.rest()
        #expect(answer == generation.text && !answer.isEmpty)
        #expect(chat.options.sampler is GreedySampler && ChatSession.defaultTokenLimit == 1_024)
        #expect(chat.session.capacity == 400)
    }

    /// The model's own sampling, with a seed that is always the same, and greedy one option away.
    @Test func ownSampling() throws {
        try folder.write(
            #"{"do_sample": true, "temperature": 3, "top_k": 40, "repetition_penalty": 1.2}"#,
            to: "generation_config.json")
        var answers: [UInt64: String] = [:]
        for seed in [0, 0, 1] as [UInt64] {
            let chat = try chat(seed: seed)
            #expect(chat.options.sampler is ProbabilitySampler && chat.options.processors.count == 1)
            #expect(chat.options.tokenLimit == ChatSession.defaultTokenLimit)
            chat.options.tokenLimit = 12
            let answer = try chat.respond(to: "who?")
            if let earlier = answers[seed] { #expect(earlier == answer) }
            answers[seed] = answer
        }
        #expect(answers[0] != answers[1])
        let greedy = try chat()
        greedy.options = GenerationOptions(tokenLimit: 12)
        #expect(try greedy.respond(to: "who?") != answers[0])
    }

    @Test func systemMessageAndProgress() throws {
        var fractions: [Double] = []
        let chat = try ChatSession(url: URL(filePath: folder.path), system: "be brief") { fractions.append($0) }
        #expect(chat.messages == [ChatMessage(role: .system, content: "be brief")])
        #expect(fractions.last == 1 && fractions == fractions.sorted())
        chat.options.tokenLimit = 3
        _ = try chat.respond(to: "who?")
        #expect(chat.messages.count == 3)
        chat.clear()
        #expect(chat.messages == [ChatMessage(role: .system, content: "be brief")])
    }

    /// Forgetting and replacing messages, each against a chat that never had the others.
    @Test func clearAndReplace() throws {
        let chat = try chat("be brief")
        chat.options.tokenLimit = 8
        let first = try chat.respond(to: "who?")
        let saved = chat.messages
        _ = try chat.respond(to: "a cab?")
        chat.clear()
        let held = chat.session.position
        #expect(held > 0)
        let stream = try chat.stream(to: "who?")
        #expect(try stream.generation.rest().map(\.text).joined() == first)
        #expect(stream.statistics.reusedTokenCount > 0)

        chat.messages = saved
        let next = try chat.respond(to: "then")
        let other = try self.chat()
        other.options.tokenLimit = 8
        other.messages = saved
        #expect(try other.respond(to: "then") == next)
        #expect(chat.messages.count == 5 && chat.messages == other.messages)
    }

    /// In the middle of an answer, too: the rest of it can't be read.
    @Test func clearWithinAnAnswer() throws {
        let chat = try chat()
        let stream = try chat.stream(to: "who?")
        _ = try stream.generation.next()
        chat.clear()
        #expect(chat.messages.isEmpty)
        chat.options.tokenLimit = 2
        _ = try chat.respond(to: "a cab?")
        #expect(throws: GenerationError.sessionChanged) { try stream.generation.next() }
        #expect(chat.messages.count == 2)
    }

    /// The earlier name, where a stream is wanted and where a text is.
    @Test func streamOrText() async throws {
        let (chat, other) = (try chat(), try chat())
        let options = GenerationOptions(tokenLimit: 4)
        chat.options = options
        let text = try chat.respond(to: "who?")
        var pieces = ""
        for try await token in try other.stream(to: "who?", options: options) { pieces += token.text }
        #expect(text == pieces)
    }

    // MARK: - Refusals

    private func error(_ path: String) -> ChatError? {
        thrownError { () throws(ChatError) in _ = try ChatSession(path: path) }
    }

    @Test func errors() throws {
        let missing = folder.file("none")
        #expect(error(missing) == .model(.notAModel(path: missing, reason: "no such file or directory")))
        #expect(
            thrownError { () throws(LoadingError) in _ = try Tokenizer(modelPath: missing) }
                == .model(.notAModel(path: missing, reason: "no such file or directory")))
        #expect(
            thrownError { () throws(LoadingError) in _ = try ChatFormat(modelPath: missing) }
                == .model(.notAModel(path: missing, reason: "no such file or directory")))
        let web = try #require(URL(string: "https://example.org/model"))
        guard case .model(.notAModel)? = thrownError({ () throws(ChatError) in _ = try ChatSession(url: web) }) else {
            Issue.record("a URL of the web was taken")
            return
        }
        let options = SessionOptions(capacity: 0)
        let refusal = thrownError { () throws(ChatError) in
            _ = try ChatSession(path: folder.path, options: options)
        }
        #expect(refusal == .session(.invalidOption(InvalidOption("capacity", 0, allowed: "between 1 and 16777216"))))
        try folder.write(#"{"top_p": 2}"#, to: "generation_config.json")
        guard case .model(.invalidConfiguration)? = error(folder.path) else {
            Issue.record("a top-p of 2 was taken")
            return
        }
    }

    @Test func withoutATemplate() throws {
        try folder.write("{}", to: "tokenizer_config.json")
        let missing = TokenizerError.missingKey(file: folder.file("tokenizer_config.json"), key: "chat_template")
        #expect(error(folder.path) == .tokenizer(missing) && "\(ChatError.tokenizer(missing))" == "\(missing)")
        #expect(
            thrownError { () throws(LoadingError) in _ = try ChatFormat(modelPath: folder.path) }
                == .tokenizer(missing))
        _ = try Tokenizer(modelPath: folder.path)
    }

    @Test func withoutATokenizer() throws {
        try FileManager.default.removeItem(atPath: folder.file("tokenizer.json"))
        guard case .tokenizer(.unreadableFile)? = error(folder.path) else {
            Issue.record("a model without a tokenizer was taken")
            return
        }
    }

    @Test func cancellation() async throws {
        let path = folder.path
        let error = await Task { () -> ChatError? in
            withUnsafeCurrentTask { $0?.cancel() }
            return thrownError { () throws(ChatError) in _ = try ChatSession(path: path) }
        }.value
        #expect(error?.isCancellation == true && error == .model(.cancelled))
        #expect(!ChatError.session(.busy).isCancellation)
    }

    /// A directory and its GGUF file give the same tokenizer and answers.
    @Test(.enabled(if: FetchedModel.smolLM2.isExpected, "run Fixtures/fetch_smollm2.py"))
    func smolLM2() throws {
        let directory = FetchedModel.smolLM2.directory
        let text = "Name three rivers. <|im_end|>"
        let tokens = try Tokenizer(modelPath: directory).encode(text)
        let format = try ChatFormat(modelPath: directory)
        let messages = [ChatMessage(role: .user, content: text)]
        guard let file = FetchedModel.smolLM2.quantizedFile else { return }
        #expect(try Tokenizer(modelPath: file).encode(text) == tokens)
        #expect(try ChatFormat(modelPath: file).render(messages) == format.render(messages))
        let chat = try ChatSession(path: file)
        #expect(try chat.respond(to: "What is the capital of France?").contains("Paris"))
    }
}
