import LongLM
import TestSupport
import Testing

@Suite struct GenerationTests {
    private let model: LanguageModel
    private let prompt = [3, 41, 5, 9, 26, 5, 35]

    init() throws { model = try loadModel() }

    /// Greedy continuation by hand: the most probable token, fed back.
    private func greedy(_ count: Int, _ options: SessionOptions = SessionOptions(), prompt: [Int]) throws -> [Int] {
        let session = try Session(model: model, options: options)
        try session.prefill(prompt)
        return try (0..<count).map { _ in
            let token = session.logits.indices.reduce(0) { session.logits[$1] > session.logits[$0] ? $1 : $0 }
            try session.decode(token)
            return token
        }
    }

    private func generation(
        _ options: SessionOptions = SessionOptions(), tokenLimit: Int, endTokens: [Int]? = nil,
        sampler: any Sampler = GreedySampler(), model: LanguageModel? = nil
    ) throws -> Generation {
        let session = try Session(model: model ?? self.model, options: options)
        try session.prefill(prompt)
        return try Generation(
            session: session,
            options: GenerationOptions(tokenLimit: tokenLimit, sampler: sampler, endTokens: endTokens))
    }

    private func all(_ generation: Generation) throws -> [Int] {
        var tokens: [Int] = []
        while let token = try generation.next() {
            tokens.append(try #require(token.id))
            #expect(token.text.isEmpty, "there is no tokenizer")
        }
        return tokens
    }

    /// A session that somebody else has used is not gone on with: the text would be another one.
    @Test func sessionsUsedByOthers() throws {
        let generation = try generation(tokenLimit: 10)
        _ = try generation.next()
        _ = try generation.next()
        try generation.session.decode(1)
        #expect(throws: GenerationError.sessionChanged) { try generation.next() }
        let second = try self.generation(tokenLimit: 10)
        _ = try second.next()
        try second.session.truncate(to: prompt.count - 1)
        try second.session.prefill([9])
        #expect(second.session.position == prompt.count)
        #expect(throws: GenerationError.sessionChanged) { try second.next() }
    }

    @Test func tokensAreThoseOfAGreedyLoop() throws {
        let generation = try generation(tokenLimit: 30)
        #expect(generation.stopReason == nil && generation.statistics.generatedTokenCount == 0)
        let tokens = try all(generation)
        #expect(tokens == (try greedy(30, prompt: prompt)) && Set(tokens).count > 3)
        #expect(generation.stopReason == .tokenLimit && generation.statistics.generatedTokenCount == 30)
        // The last token is not processed: nobody asked what follows it.
        #expect(generation.session.position == prompt.count + 29)
        #expect(try generation.next() == nil && generation.session.position == prompt.count + 29)
    }

    /// Past the trained context with Self-Extend.
    @Test func tokensPastTheContext() throws {
        let options = SessionOptions(attention: .selfExtend(SelfExtend(groupSize: 4, neighborWindow: 16)))
        let session = try Session(model: model, options: options)
        var generator = SeededGenerator(seed: 51)
        let long = generator.tokens(100, below: 67)
        try session.prefill(long)
        let generation = try Generation(
            session: session, options: GenerationOptions(tokenLimit: 20, endTokens: []))
        #expect(try all(generation) == greedy(20, options, prompt: long))
    }

    @Test func endTokenIsNotReturned() throws {
        let expected = try greedy(30, prompt: prompt)
        let place = try #require((3..<30).first { !expected[..<$0].contains(expected[$0]) })
        let generation = try generation(tokenLimit: 30, endTokens: [expected[place], 1_000])
        #expect(try all(generation) == Array(expected[..<place]))
        #expect(
            generation.stopReason == .endToken(expected[place]) && generation.statistics.generatedTokenCount == place)
        #expect(try generation.next() == nil)
        // Another generation can go on where this one ended, since the session holds all that was returned.
        #expect(generation.session.position == prompt.count + place)
        let more = try Generation(
            session: generation.session, options: GenerationOptions(tokenLimit: 30 - place, endTokens: []))
        #expect(try all(more) == Array(expected[place...]))
    }

    /// Without a list the model's own end tokens count; an empty list lets nothing end the text.
    @Test func modelsOwnEndTokens() throws {
        let expected = try greedy(10, prompt: prompt)
        let directory = try TemporaryDirectory()
        let tiny = TinyLlama()
        try tiny.write(to: directory)
        try directory.write(
            jsonObject(tiny.configuration.merging(["eos_token_id": "[\(expected[0])]"]) { $1 }), to: "config.json")
        let ending = try LanguageModel(directory: directory.path)
        let generation = try generation(tokenLimit: 10, model: ending)
        #expect(try all(generation) == [] && generation.stopReason == .endToken(expected[0]))
        let endless = try self.generation(tokenLimit: 10, endTokens: [], model: ending)
        #expect(try all(endless) == expected && endless.stopReason == .tokenLimit)
        let otherwise = try self.generation(tokenLimit: 10, endTokens: [1_000_000, -1], model: ending)
        #expect(try all(otherwise) == expected)
    }

    @Test func fullSession() throws {
        let options = SessionOptions(capacity: prompt.count + 3)
        let generation = try generation(options, tokenLimit: 100)
        // Three tokens fit, and the logits of the third choose a fourth.
        #expect(try all(generation) == greedy(4, prompt: prompt))
        #expect(generation.stopReason == .capacity && generation.session.position == prompt.count + 3)
        #expect(try generation.next() == nil)
    }

    @Test(arguments: [0, -1, Int.min])
    func nothingAskedFor(tokenLimit: Int) throws {
        let generation = try generation(tokenLimit: tokenLimit)
        #expect(try generation.next() == nil)
        #expect(generation.stopReason == .tokenLimit && generation.session.position == prompt.count)
    }

    @Test func sampledTokensFollowTheSeed() throws {
        func tokens(seed: UInt64) throws -> [Int] {
            let generation = try generation(tokenLimit: 25, sampler: try ProbabilitySampler(temperature: 2, seed: seed))
            return try all(generation)
        }
        #expect(try tokens(seed: 1) == tokens(seed: 1) && tokens(seed: 1) != tokens(seed: 2))
        #expect(try tokens(seed: 1) != greedy(25, prompt: prompt))
    }

    @Test func nothingToContinue() throws {
        let session = try Session(model: model)
        #expect(throws: GenerationError.session(.noTokens)) {
            try Generation(session: session)
        }
    }

    /// A generation that was cancelled throws, and goes on with the same tokens when it is asked again.
    @Test func cancellation() async throws {
        let expected = try greedy(12, prompt: prompt)
        let keeper = GenerationKeeper(try generation(tokenLimit: 12))
        var tokens: [Int] = []
        for _ in 0..<5 { tokens.append(try #require(try await keeper.next())) }
        let error = await Task { () -> GenerationError? in
            withUnsafeCurrentTask { $0?.cancel() }
            do throws(GenerationError) {
                _ = try await keeper.next()
                return nil
            } catch { return error }
        }.value
        #expect(error == .session(.cancelled(position: prompt.count + 4)))
        while let token = try await keeper.next() { tokens.append(token) }
        #expect(tokens == expected)
    }

    // MARK: - Prompts

    /// A generation's own prompt is processed when the first token is asked for, or step by step before.
    @Test func promptOfAGeneration() throws {
        let long = (0..<1_100).map { $0 * 7 % 67 }
        let options = SessionOptions(threadCount: 2, capacity: 1_200)
        let expected = try greedy(5, options, prompt: [3, 4] + long)
        for steps in 0...4 {
            let session = try Session(model: model, options: options)
            try session.prefill([3, 4])
            var told: [Int] = []
            let generation = try Generation(
                session: session, prompt: long, options: GenerationOptions(tokenLimit: 5)
            ) { told.append($0) }
            #expect(session.position == 2 && told.isEmpty)
            for step in 0..<steps {
                #expect(try generation.prefillPass() == (step < 2))
                #expect(session.position == 2 + min((step + 1) * 512, 1_100))
            }
            #expect(try all(generation) == expected)
            #expect(told == [512, 1_024, 1_100] && session.tokens == [3, 4] + long + expected.dropLast())
            #expect(generation.statistics.reusedTokenCount == 2 && generation.statistics.promptTokenCount == 1_100)
        }
    }

    /// What is wrong with a prompt is found at once, and before any of it is processed.
    @Test func promptsThatAreRefused() throws {
        let session = try Session(model: model)
        #expect(throws: GenerationError.session(.capacityExceeded(needed: 65, capacity: 64))) {
            try Generation(session: session, prompt: [Int](repeating: 1, count: 65))
        }
        #expect(throws: GenerationError.session(.tokenOutOfRange(id: 67, vocabularySize: 67))) {
            try Generation(session: session, prompt: [1, 67])
        }
        var busy: GenerationError?
        try session.prefill([1]) { _ in
            busy = thrownError { () throws(GenerationError) in _ = try Generation(session: session, prompt: [1]) }
        }
        #expect(busy == .session(.busy) && session.position == 1)
        try session.truncate(to: 0)
        #expect(throws: GenerationError.session(.noTokens)) { try Generation(session: session) }
    }

    // MARK: - Statistics

    @Test func statistics() throws {
        let session = try Session(model: model)
        let generation = try Generation(
            session: session, prompt: prompt, options: GenerationOptions(tokenLimit: 6))
        var statistics = generation.statistics
        #expect(statistics.prefillDuration == .zero && statistics.decodeDuration == .zero)
        #expect(statistics.prefillRate == 0 && statistics.decodeRate == 0)
        #expect(statistics.reusedTokenCount == 0 && statistics.promptTokenCount == 0)

        _ = try generation.next()
        statistics = generation.statistics
        #expect(statistics.promptTokenCount == prompt.count && statistics.generatedTokenCount == 1)
        #expect(statistics.decodeStepCount == 0 && statistics.decodeDuration == .zero && statistics.decodeRate == 0)
        #expect(statistics.prefillDuration > .zero)
        let seconds = statistics.prefillDuration / .seconds(1)
        #expect(statistics.prefillRate == Double(prompt.count) / seconds)

        _ = try all(generation)
        let prefillDuration = statistics.prefillDuration
        statistics = generation.statistics
        #expect(statistics.generatedTokenCount == 6 && statistics.decodeStepCount == 5)
        #expect(statistics.decodeDuration > .zero && statistics.prefillDuration == prefillDuration)
        #expect(statistics.decodeRate == 5 / (statistics.decodeDuration / .seconds(1)))

        // An end token is paid for as well.
        let ending = try Generation(
            session: session,
            options: GenerationOptions(sampler: ScriptedSampler(tokens: [1, 2, 3]), endTokens: [3]))
        #expect(try all(ending) == [1, 2])
        #expect(ending.statistics.generatedTokenCount == 2 && ending.statistics.decodeStepCount == 2)
        #expect(ending.statistics.reusedTokenCount == prompt.count + 5 && ending.statistics.promptTokenCount == 0)
        #expect(ending.statistics.prefillDuration == .zero)
    }

    /// Many models pad their vocabularies with rows that no token has. Even where these are the most probable, a sampler gets
    /// others to choose from.
    @Test func tokensThatTheTokenizerLacks() throws {
        let tokenizer = try TinyTokenizer.make(size: 60)
        let favored = try LogitBias(Dictionary(uniqueKeysWithValues: (58..<67).map { ($0, 1_000) }))
        let samplers: [any Sampler] = [
            GreedySampler(), try ProbabilitySampler(temperature: 1, topK: nil, topP: nil, minP: nil, seed: 1),
        ]
        for sampler in samplers {
            let session = try Session(model: model)
            let options = GenerationOptions(tokenLimit: 20, sampler: sampler, processors: [favored])
            let tokens = try Generation(session: session, prompt: prompt, tokenizer: tokenizer, options: options).rest()
            #expect(
                tokens.compactMap(\.id).count == 20
                    && tokens.allSatisfy { $0.id.map { (58..<60).contains($0) } ?? true })
        }
        // An end token is one to choose, be there a spelling of it or not.
        let ending = GenerationOptions(
            tokenLimit: 20, processors: [try LogitBias([66: 1_000])], endTokens: [66])
        let generation = try Generation(
            session: Session(model: model), prompt: prompt, tokenizer: tokenizer, options: ending)
        #expect(try generation.rest().isEmpty && generation.stopReason == .endToken(66))
    }

    @Test func defaults() throws {
        let options = GenerationOptions()
        #expect(options.tokenLimit == 256 && options.sampler is GreedySampler && options.processors.isEmpty)
        #expect(options.endTokens == nil && options.stopSequences.isEmpty)
    }
}

/// A generation in an actor, as a server would keep it.
private actor GenerationKeeper {
    private let generation: Generation

    init(_ generation: sending Generation) { self.generation = generation }

    func next() throws(GenerationError) -> Int? { try generation.next()?.id }
}
