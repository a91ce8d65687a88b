import LongLM
import TestSupport
import Testing

/// That an actor can give a stream of its session away, and that leaving the stream stops the work.
@Suite struct GenerationStreamTests {
    /// Keeps a chat on a thread of its own, as a program would.
    private actor Assistant {
        private let chat: ChatSession
        private let thread = InferenceThread()
        nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

        init(_ model: LanguageModel) throws {
            chat = ChatSession(
                session: try Session(model: model, options: SessionOptions(threadCount: 2, capacity: 3_000)),
                tokenizer: try TinyTokenizer.make(), format: TinyTokenizer.format)
            chat.options = GenerationOptions(
                tokenLimit: 20, sampler: try ProbabilitySampler(temperature: 2, seed: 8), endTokens: [])
        }

        func answer(
            _ text: String, progress: (@Sendable (Int) -> Void)? = nil
        ) throws(GenerationError) -> GenerationStream {
            GenerationStream(try chat.stream(to: text, progress: progress))
        }

        func prefill(_ tokens: [Int]) throws { try chat.session.prefill(tokens) }

        var position: Int { chat.session.position }
        var messages: [ChatMessage] { chat.messages }
        var wholeAnswer: String { get throws { try chat.respond(to: "then") } }
    }

    private let model: LanguageModel

    init() throws { model = try loadModel() }

    /// The tokens that the same chat produces without a stream.
    private func expected(_ text: String) throws -> [GeneratedToken] {
        let chat = ChatSession(
            session: try Session(model: model, options: SessionOptions(capacity: 3_000)),
            tokenizer: try TinyTokenizer.make(), format: TinyTokenizer.format)
        let options = GenerationOptions(
            tokenLimit: 20, sampler: try ProbabilitySampler(temperature: 2, seed: 8), endTokens: [])
        return try chat.stream(to: text, options: options).generation.rest()
    }

    @Test func toItsEnd() async throws {
        let assistant = try Assistant(model)
        let stream = try await assistant.answer("who?")
        #expect(await assistant.position == 0, "nothing is computed ahead")
        #expect(await stream.stopReason == nil)
        // Read in another task, as a reader of a server would.
        let tokens = try await Task.detached {
            var tokens: [GeneratedToken] = []
            for try await token in stream { tokens.append(token) }
            return tokens
        }.value
        #expect(try tokens == expected("who?"))
        #expect(await stream.stopReason == .tokenLimit)
        #expect(await stream.statistics.generatedTokenCount == 20)
        for try await _ in stream { Issue.record("there is no more") }
    }

    /// Leaving the loop stops the work, and the chat goes on with the next question.
    @Test func leaving() async throws {
        let assistant = try Assistant(model)
        var text = ""
        var count = 0
        for try await token in try await assistant.answer("who?") {
            text += token.text
            count += 1
            if count == 3 { break }
        }
        let position = await assistant.position
        try await Task.sleep(for: .milliseconds(30))
        #expect(await assistant.position == position, "the third token isn't processed, and there is no fourth")
        #expect(await assistant.messages.last == ChatMessage(role: .assistant, content: text))
        let answer = try await assistant.wholeAnswer
        #expect(
            await assistant.messages == [
                ChatMessage(role: .user, content: "who?"), ChatMessage(role: .assistant, content: text),
                ChatMessage(role: .user, content: "then"), ChatMessage(role: .assistant, content: answer),
            ])
    }

    /// Cancelling the reader ends a prompt between its passes, and the actor's session stays usable.
    @Test func cancellation() async throws {
        let assistant = try Assistant(model)
        let (passes, pass) = AsyncStream<Int>.makeStream()
        let stream = try await assistant.answer(String(repeating: "a", count: 1_500)) { pass.yield($0) }
        let reader = Task { () -> GenerationError? in
            do throws(GenerationError) {
                for try await _ in stream { Issue.record("there is no token yet") }
                return nil
            } catch { return error }
        }
        for await _ in passes {
            reader.cancel()
            break
        }
        let error = await reader.value
        let position = await assistant.position
        #expect(error == .session(.cancelled(position: position)) && error?.isCancellation == true)
        #expect(position >= 512 && position < 1_500)
        _ = try await assistant.wholeAnswer
        #expect(await assistant.messages.count == 2, "a question without an answer makes room for the next")
    }

    /// While a stream is read, the actor has time for others.
    @Test func othersInBetween() async throws {
        let assistant = try Assistant(model)
        let stream = try await assistant.answer("who?")
        var positions: [Int] = []
        for try await _ in stream { positions.append(await assistant.position) }
        #expect(positions.count == 20 && positions == positions.sorted() && positions[0] < positions[19])
    }

    @Test func sessionUsedForSomethingElse() async throws {
        let assistant = try Assistant(model)
        let stream = try await assistant.answer("who?")
        for try await _ in stream { break }
        try await assistant.prefill([1, 2, 3])
        await #expect(throws: GenerationError.sessionChanged) { for try await _ in stream {} }
    }
}
