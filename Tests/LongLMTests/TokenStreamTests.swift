import LongLM
import TestSupport
import Testing

/// That a generation can be read as an asynchronous sequence wherever it is.
@Suite struct TokenStreamTests {
    private let model: LanguageModel
    private let prompt = [3, 41, 5, 9, 26, 5, 35]
    private let expected: [Int]

    init() throws {
        model = try loadModel()
        expected = try Self.generation(model, [3, 41, 5, 9, 26, 5, 35]).rest().compactMap(\.id)
    }

    private static func generation(
        _ model: LanguageModel, _ prompt: [Int], tokenLimit: Int = 20, capacity: Int = 2_000
    ) throws -> Generation {
        let session = try Session(
            model: model,
            options: SessionOptions(
                attention: .selfExtend(SelfExtend(groupSize: 4, neighborWindow: 16)), threadCount: 2,
                capacity: capacity))
        return try Generation(
            session: session, prompt: prompt,
            options: GenerationOptions(
                tokenLimit: tokenLimit, sampler: try ProbabilitySampler(temperature: 2, seed: 8)))
    }

    @Test func toItsEnd() async throws {
        let stream = TokenStream(try Self.generation(model, prompt))
        #expect(stream.stopReason == nil && stream.generation.session.position == 0, "nothing is computed ahead")
        var tokens: [Int?] = []
        for try await token in stream {
            tokens.append(token.id)
            #expect(stream.statistics.generatedTokenCount == tokens.count)
        }
        #expect(tokens == expected && tokens.count == 20)
        #expect(stream.stopReason == .tokenLimit && stream.statistics.promptTokenCount == prompt.count)
        for try await _ in stream { Issue.record("there is no more") }
    }

    /// Leaving the loop stops the work; another loop goes on from there.
    @Test func leaving() async throws {
        let stream = TokenStream(try Self.generation(model, prompt))
        var tokens: [Int?] = []
        for try await token in stream {
            tokens.append(token.id)
            if tokens.count == 3 { break }
        }
        // The third token isn't processed before somebody asks for the next.
        let session = stream.generation.session
        #expect(session.position == prompt.count + 2 && stream.stopReason == nil)
        for _ in 0..<20 { await Task.yield() }
        #expect(session.position == prompt.count + 2)
        for try await token in stream { tokens.append(token.id) }
        #expect(tokens == expected && session.position == prompt.count + 19)
    }

    /// All iterators continue one generation.
    @Test func severalIterators() async throws {
        let stream = TokenStream(try Self.generation(model, prompt))
        var iterators = [stream.makeAsyncIterator(), stream.makeAsyncIterator()]
        var tokens: [Int?] = []
        for index in 0..<20 { tokens.append(try await iterators[index % 2].next(isolation: nil)?.id) }
        #expect(tokens == expected)
        #expect(try await iterators[0].next(isolation: nil) == nil)
    }

    /// A cancelled loop throws; the generation is as before, and goes on in another task.
    @Test func cancellation() async throws {
        let generation = Transferred(value: try Self.generation(model, prompt))
        let (first, error) = await Task { () -> ([Int?], GenerationError?) in
            var tokens: [Int?] = []
            do throws(GenerationError) {
                for try await token in TokenStream(generation.value) {
                    tokens.append(token.id)
                    if tokens.count == 4 { withUnsafeCurrentTask { $0?.cancel() } }
                }
                return (tokens, nil)
            } catch { return (tokens, error) }
        }.value
        #expect(error == .session(.cancelled(position: prompt.count + 3)) && first == Array(expected[..<4]))
        var tokens = first
        for try await token in TokenStream(generation.value) { tokens.append(token.id) }
        #expect(tokens == expected)
    }

    /// So does one that is cancelled within its prompt: what was processed of it isn't again.
    @Test func cancellationWithinThePrompt() async throws {
        var generator = SeededGenerator(seed: 92)
        let long = generator.tokens(1_300, below: 67)
        let undisturbed = try Self.generation(model, long, tokenLimit: 3).rest()
        let session = try Session(
            model: model,
            options: SessionOptions(
                attention: .selfExtend(SelfExtend(groupSize: 4, neighborWindow: 16)), capacity: 2_000))
        let generation = Transferred(
            value: try Generation(
                session: session, prompt: long,
                options: GenerationOptions(
                    tokenLimit: 3, sampler: try ProbabilitySampler(temperature: 2, seed: 8))
            ) { done in if done == 512 { withUnsafeCurrentTask { $0?.cancel() } } })
        let error = await Task { () -> GenerationError? in
            do throws(GenerationError) {
                for try await _ in TokenStream(generation.value) { Issue.record("there is no token yet") }
                return nil
            } catch { return error }
        }.value
        #expect(error == .session(.cancelled(position: 512)) && generation.value.statistics.promptTokenCount == 512)
        #expect(try generation.value.rest() == undisturbed)
        #expect(generation.value.statistics.promptTokenCount == 1_300)
    }

    /// A session that has no more room for a prompt says so when the generation is made; one that is refused at work
    /// throws from the loop.
    @Test func errors() async throws {
        #expect(throws: GenerationError.session(.capacityExceeded(needed: 7, capacity: 5))) {
            try Self.generation(model, prompt, capacity: 5)
        }
        let generation = try Self.generation(model, prompt, capacity: 20)
        try generation.session.prefill([1, 2, 3])
        await #expect(throws: GenerationError.sessionChanged) {
            for try await _ in TokenStream(generation) { Issue.record("the prompt would not be alone") }
        }
    }

    // MARK: - Where it runs

    /// A generation in an actor, as a server would keep it.
    private actor Keeper {
        private let generation: Generation

        init(_ generation: sending Generation) { self.generation = generation }

        func tokens() async throws -> [Int?] {
            var tokens: [Int?] = []
            for try await token in TokenStream(generation) {
                self.preconditionIsolated()
                tokens.append(token.id)
            }
            return tokens
        }
    }

    @Test func inAnActor() async throws {
        let keeper = Keeper(try Self.generation(model, prompt))
        #expect(try await keeper.tokens() == expected)
    }

    @Test @MainActor func onTheMainActor() async throws {
        let stream = TokenStream(try Self.generation(model, prompt))
        // Others on the main actor get their turn while tokens come.
        var turns = 0
        let other = Task { @MainActor in
            while !Task.isCancelled {
                turns += 1
                await Task.yield()
            }
        }
        var tokens: [Int?] = []
        for try await token in stream {
            MainActor.preconditionIsolated()
            tokens.append(token.id)
        }
        other.cancel()
        #expect(tokens == expected && turns > 0)
    }

    @Test func onAnInferenceThread() async throws {
        let thread = InferenceThread()
        let generation = Transferred(value: try Self.generation(model, prompt))
        let tokens = try await Task(executorPreference: thread) {
            var tokens: [Int?] = []
            for try await token in TokenStream(generation.value) { tokens.append(token.id) }
            return tokens
        }.value
        #expect(tokens == expected)
    }
}
