import Foundation
import LongLM
import ModelTwins
import SIMDKernels
import Testing
import TestSupport

/// Log probabilities of given tokens, against the logits of whole prefills and the C library's functions.
@Suite struct ScoringTests {
    private static let modes: [AttentionMode] = [.plain, .selfExtend(SelfExtend(groupSize: 4, neighborWindow: 24))]

    private let tokens: [Int]

    init() {
        var generator = SeededGenerator(seed: 91)
        tokens = generator.tokens(1_100, below: 67)
    }

    private func options(_ mode: AttentionMode, threads: Int = 2) -> SessionOptions {
        SessionOptions(attention: mode, threadCount: threads, capacity: 1_200)
    }

    /// ln p of every token after the first, in double precision, from logits [N, V].
    private func expected(_ logits: [Float], _ tokens: [Int], vocabularySize: Int) -> [Double] {
        (1..<tokens.count).map { position in
            let row = logits[((position - 1) * vocabularySize)..<(position * vocabularySize)].map(Double.init)
            let greatest = row.reduce(-.infinity, max)
            return row[tokens[position]] - greatest - log(row.reduce(0) { $0 + exp($1 - greatest) })
        }
    }

    /// Over several passes, with rows that don't fill the last group.
    @Test(arguments: modes, [16, 90])
    func matchesAllLogits(mode: AttentionMode, vocabularySize: Int) throws {
        var tiny = TinyLlama()
        tiny.vocabularySize = vocabularySize
        let model = try loadModel(tiny)
        let tokens = tokens.map { $0 % vocabularySize }
        let logits = try allLogits(model, tokens, options(mode))
        let session = try Session(model: model, options: options(mode))
        let scores = try session.score(tokens)
        #expect(scores.count == tokens.count)
        #expect(scores[0] == TokenScore(logProbability: 0, isMostProbable: true))
        for (score, value) in zip(scores.dropFirst(), expected(logits, tokens, vocabularySize: vocabularySize)) {
            #expect(abs(score.logProbability - value) < 1e-12)
        }
        for position in 1..<tokens.count {
            let row = Array(logits[((position - 1) * vocabularySize)..<(position * vocabularySize)])
            let isGreedy = GreedySampler.indexOfGreatest(in: row) == tokens[position]
            #expect(scores[position].isMostProbable == isGreedy)
        }
        #expect(scores.dropFirst().contains { $0.isMostProbable })
        // The session is as after a prefill.
        #expect(session.tokens == tokens && bits(session.logits) == bits(Array(logits.suffix(vocabularySize))))
    }

    /// However a text is divided, between prefills and scores too, and for any number of threads.
    @Test(arguments: modes)
    func divisionsAndThreadsChangeNoBit(mode: AttentionMode) throws {
        let model = try loadModel()
        let whole = try Session(model: model, options: options(mode, threads: 1)).score(tokens)
        for threads in [1, 2, 3] {
            for chunk in [1, 7, 64, 513, 1_100] {
                let session = try Session(model: model, options: options(mode, threads: threads))
                var scores: [TokenScore] = []
                let count = chunk == 1 ? 90 : tokens.count
                for start in stride(from: 0, to: count, by: chunk) {
                    scores += try session.score(Array(tokens[start..<min(start + chunk, count)]))
                }
                #expect(scores == Array(whole.prefix(count)))
            }
            let session = try Session(model: model, options: options(mode, threads: threads))
            try session.prefill(Array(tokens[..<700]))
            #expect(try session.logProbabilities(of: Array(tokens[700...])) == whole[700...].map(\.logProbability))
        }
    }

    /// Logits of every instruction set that computes alike give the same bits.
    @Test func instructionSetsChangeNoBit() throws {
        let sets = InstructionSet.availableForFloats.filter { $0 != .baseline }
        let scores = try sets.map { set in
            try Session(model: try loadModel(instructionSet: set), options: options(.plain)).score(tokens)
        }
        #expect(scores.allSatisfy { $0 == scores.first })
    }

    @Test func forksScoreSeveralContinuations() throws {
        let model = try loadModel()
        let session = try Session(model: model, options: options(.plain))
        try session.prefill(Array(tokens[..<40]))
        for continuation in [Array(tokens[40..<43]), Array(tokens[50..<60])] {
            let scores = try session.fork().score(continuation)
            let alone = try Session(model: model, options: options(.plain)).score(Array(tokens[..<40]) + continuation)
            #expect(scores == Array(alone[40...]))
        }
        #expect(session.position == 40)
    }

    /// Alternatives are those that a generation reports in the same place.
    @Test(arguments: [1, 5, 100])
    func alternatives(count: Int) throws {
        let model = try loadModel()
        var generating = GenerationOptions(tokenLimit: 6, endTokens: [])
        generating.alternativeCount = count
        let generation = try Generation(
            session: try Session(model: model, options: options(.plain)), prompt: Array(tokens[..<30]),
            options: generating)
        var generated: [GeneratedToken] = []
        while let token = try generation.next() { generated.append(token) }
        let text = tokens[..<30] + generated.compactMap(\.id)
        let session = try Session(model: model, options: options(.plain))
        var scores = try session.score(Array(text[..<33]), alternativeCount: count)
        scores += try session.score(Array(text[33...]), alternativeCount: count)
        #expect(scores[0].alternatives.isEmpty)
        #expect(scores[1..<30].allSatisfy { $0.alternatives.count == min(count, 67) })
        #expect(scores[30...].map(\.alternatives) == generated.map(\.alternatives))
        #expect(scores[30...].map(\.logProbability) == generated.map(\.logProbability))
        #expect(thrownError { () throws(SessionError) in _ = try session.score([1], alternativeCount: 1_001) } != nil)
        #expect(session.position == 36)
    }

    @Test func progressAndErrors() throws {
        let model = try loadModel()
        let session = try Session(model: model, options: options(.plain))
        var reported: [Int] = []
        var inside: SessionError?
        _ = try session.score(tokens) { done in
            reported.append(done)
            inside = thrownError { () throws(SessionError) in _ = try session.score([1]) }
        }
        #expect(reported == [512, 1_024, 1_100] && inside == .busy)
        func error(_ tokens: [Int]) -> SessionError? {
            thrownError { () throws(SessionError) in _ = try session.score(tokens) }
        }
        #expect(error([]) == .noTokens)
        #expect(error([3, 67]) == .tokenOutOfRange(id: 67, vocabularySize: 67))
        #expect(error([Int](repeating: 1, count: 101)) == .capacityExceeded(needed: 1_201, capacity: 1_200))
        try session.truncate(to: 1_000)
        guard case .invalidOption(let option)? = error([1]) else {
            Issue.record("a score without logits")
            return
        }
        #expect(option.description.contains("logits of the session is 0"))
        // What the error says to do.
        try session.truncate(to: 999)
        try session.prefill([tokens[999]])
        #expect(try session.score([tokens[1_000]]).count == 1)
    }

    /// Logits of some rows only are in memory, and that memory is reserved.
    @Test func memoryForSomeRowsIsReserved() throws {
        var tiny = TinyLlama()
        tiny.vocabularySize = 1_000
        let roomy = try loadModel(tiny)
        let session = try Session(model: roomy, options: options(.plain))
        let used = roomy.reservedByteCount
        // 64 rows of 1,000 logits, not 100.
        let tight = try loadModel(tiny, memoryLimit: used + 64 * 1_000 * 4)
        let fits = try Session(model: tight, options: options(.plain))
        #expect(try fits.score(Array(tokens[..<100])).count == 100)
        #expect(tight.reservedByteCount == used)
        let short = try loadModel(tiny, memoryLimit: used + 64 * 1_000 * 4 - 1)
        let fails = try Session(model: short, options: options(.plain))
        let error = thrownError { () throws(SessionError) in _ = try fails.score(Array(tokens[..<100])) }
        guard case .memory(let shortage)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(shortage.purpose == .logits(tokenCount: 64))
        #expect(fails.position == 0 && session.position == 0)
    }

    @Test func cancellationKeepsCompletePasses() async throws {
        let session = Transferred(value: try Session(model: try loadModel(), options: options(.plain)))
        let tokens = tokens
        let error = await Task { () -> SessionError? in
            thrownError { () throws(SessionError) in
                _ = try session.value.score(tokens) { _ in withUnsafeCurrentTask { $0?.cancel() } }
            }
        }.value
        #expect(error == .cancelled(position: 512))
        #expect(session.value.tokens == Array(tokens[..<512]) && session.value.logits.isEmpty)
    }

    /// Extreme logits: a token far from all others, infinities and NaN.
    @Test func extremeLogits() {
        func score(_ token: Int, _ logits: [Float]) -> Double { LogProbability.of(token, logits: logits[...]) }
        #expect(score(0, [1_000, -1_000]) == 0 && score(1, [1_000, -1_000]) == -2_000)
        #expect(score(1, [0, -.infinity]) == -.infinity && score(0, [0, -.infinity]) == 0)
        #expect(score(0, [3]) == 0)
        #expect(score(0, [0, .nan]).isNaN && score(0, [.infinity, 0]).isNaN)
        #expect(score(0, [-.infinity, -.infinity]).isNaN)
        let uniform = score(7, [Float](repeating: -2.5, count: 262_144))
        #expect(abs(uniform + 18 * log(2)) < 1e-14)
        var generator = SeededGenerator(seed: 5)
        for deviation: Float in [0.01, 1, 30, 300] {
            let logits = generator.floats(1_000, deviation: deviation)
            let greatest = Double(logits.max() ?? 0)
            let sum = logits.reduce(0) { $0 + exp(Double($1) - greatest) }
            for token in [0, 500, 999] {
                let expected = Double(logits[token]) - greatest - log(sum)
                #expect(abs(score(token, logits) - expected) <= 1e-14 * max(1, abs(expected)))
            }
        }
    }
}

/// Probabilities beside generated tokens.
@Suite struct TokenProbabilityTests {
    private let prompt = [3, 14, 15, 9, 26, 5]

    private func generate(
        alternatives: Int?, processors: [any LogitProcessor] = [], sampler: any Sampler = GreedySampler()
    ) throws -> [GeneratedToken] {
        var options = GenerationOptions(tokenLimit: 5, sampler: sampler, processors: processors, endTokens: [])
        options.alternativeCount = alternatives
        let session = try Session(model: try loadModel(), options: SessionOptions(capacity: 32))
        let generation = try Generation(session: session, prompt: prompt, options: options)
        var tokens: [GeneratedToken] = []
        while let token = try generation.next() { tokens.append(token) }
        return tokens
    }

    @Test func nothingUnlessAskedFor() throws {
        #expect(try generate(alternatives: nil).allSatisfy { $0.logProbability == nil && $0.alternatives.isEmpty })
        #expect(try generate(alternatives: 0).allSatisfy { $0.logProbability != nil && $0.alternatives.isEmpty })
    }

    /// The scores of the same tokens, and the sorted logits.
    @Test(arguments: [1, 5, 67, 200])
    func alternativesAreTheGreatestLogits(count: Int) throws {
        let tokens = try generate(alternatives: count)
        let model = try loadModel()
        let ids = tokens.compactMap(\.id)
        let scores = try Session(model: model).score(prompt + ids).dropFirst(prompt.count)
        #expect(tokens.map(\.logProbability) == scores.map(\.logProbability))
        let logits = try allLogits(model, prompt + ids)
        for (index, token) in tokens.enumerated() {
            let row = logits[((prompt.count - 1 + index) * 67)..<((prompt.count + index) * 67)]
            let order = row.enumerated().sorted { ($1.element, $0.offset) < ($0.element, $1.offset) }.map(\.offset)
            #expect(token.alternatives.map(\.id) == Array(order.prefix(count)))
            #expect(token.alternatives.first?.logProbability == token.logProbability)
            let total = token.alternatives.reduce(0) { $0 + exp($1.logProbability) }
            #expect(count < 67 ? total < 1 : abs(total - 1) < 1e-12)
        }
    }

    /// Processors change what is chosen, but not what is reported.
    @Test func rawLogitsAreReported() throws {
        struct Forbid: LogitProcessor {
            let token: Int
            mutating func process(_ logits: inout [Float], after tokens: [Int]) { logits[token] = -.infinity }
        }
        let plain = try generate(alternatives: 2)
        let first = try #require(plain[0].id)
        let other = try generate(alternatives: 2, processors: [Forbid(token: first)])
        #expect(other[0].alternatives == plain[0].alternatives)
        #expect(other[0].id == plain[0].alternatives[1].id)
        #expect(other[0].logProbability == plain[0].alternatives[1].logProbability)
    }

    @Test(arguments: [-1, 1_001])
    func wrongCountsAreRefused(count: Int) throws {
        #expect {
            try generate(alternatives: count)
        } throws: { error in
            guard case .invalidOption(let option)? = error as? GenerationError else { return false }
            return option.description == "the number of alternatives is \(count); it must be between 0 and 1000"
        }
    }
}
