import Foundation
import LongLM
import ModelTwins
import Testing
import TestSupport

/// That tokens guessed ahead change the time of a text and nothing else.
@Suite struct SpeculationTests {
    static let modes: [AttentionMode] = [
        .plain, .selfExtend(SelfExtend(groupSize: 4, neighborWindow: 16)), .reRoPE(ReRoPE(neighborWindow: 20)),
    ]

    private let model: LanguageModel
    private let text: [Int]

    init() throws {
        model = try loadModel()
        var generator = SeededGenerator(seed: 5)
        text = generator.tokens(700, below: 67)
    }

    private func session(
        _ mode: AttentionMode, threadCount: Int = 2, cacheFormat: CacheFormat = .float32, capacity: Int = 800
    ) throws -> Session {
        try Session(
            model: model,
            options: SessionOptions(
                attention: mode, threadCount: threadCount, capacity: capacity, cacheFormat: cacheFormat))
    }

    // MARK: - Sessions

    /// Guesses that are right, partly right, wrong, too many, and beyond the vocabulary; across a segment's end at 512.
    @Test(arguments: modes, CacheFormat.allCases)
    func decoding(mode: AttentionMode, cacheFormat: CacheFormat) throws {
        for threadCount in [1, 3] {
            let plain = try session(mode, threadCount: threadCount, cacheFormat: cacheFormat)
            let guessing = try session(mode, threadCount: threadCount, cacheFormat: cacheFormat)
            try plain.prefill(Array(text[..<480]))
            try guessing.prefill(Array(text[..<480]))
            var generator = SeededGenerator(seed: 9)
            var expectedRows = 0
            var passCount = 0
            for position in 480..<600 {
                try plain.decode(text[position])
                var guess = Array(text[(position + 1)...].prefix(Int.random(in: 0..<20, using: &generator)))
                if let wrong = guess.indices.randomElement(using: &generator),
                    Int.random(in: 0..<2, using: &generator) == 0
                {
                    guess[wrong] = Int.random(in: 0..<3, using: &generator) == 0 ? 67 : (guess[wrong] + 1) % 67
                }
                let rows = try guessing.decode(text[position], expecting: guess)
                #expect(rows == 0 ? expectedRows > 0 : expectedRows == 0)
                if rows > 0 {
                    passCount += 1
                    let valid = guess.prefix(15).prefix { $0 < 67 }
                    #expect(rows == 1 + valid.count)
                    expectedRows = zip(valid, text[(position + 1)...]).prefix { $0 == $1 }.count
                } else {
                    expectedRows -= 1
                }
                #expect(guessing.tokens == plain.tokens && bits(guessing.logits) == bits(plain.logits))
            }
            #expect(passCount < 60)
        }
    }

    /// Whatever else a session does in the middle of expected tokens, it does as if there were none.
    @Test(arguments: modes)
    func otherWorkForgetsTheGuess(mode: AttentionMode) throws {
        let directory = try TemporaryDirectory()
        let file = directory.file("session")
        func prepared() throws -> Session {
            let session = try session(mode)
            try session.prefill(Array(text[..<500]))
            try session.decode(text[500], expecting: Array(text[501..<516]))
            try session.decode(text[501], expecting: [])
            return session
        }
        func logits(_ tokens: [Int]) throws -> Bits {
            let session = try session(mode)
            try session.prefill(tokens)
            return bits(session.logits)
        }
        let begun = Array(text[...501])
        #expect(bits(try prepared().logits) == (try logits(begun)))

        let decoded = try prepared()
        try decoded.decode(text[502])
        #expect(try decoded.decode(text[503], expecting: []) == 1)
        #expect(bits(decoded.logits) == (try logits(Array(text[...503]))))

        let other = try prepared()
        #expect(try other.decode(3, expecting: [4]) == 2)
        #expect(try other.decode(4, expecting: []) == 0)
        #expect(bits(other.logits) == (try logits(begun + [3, 4])))

        let prefilled = try prepared()
        try prefilled.prefill([9, 8, 7])
        #expect(bits(prefilled.logits) == (try logits(begun + [9, 8, 7])))

        let truncated = try prepared()
        try truncated.truncate(to: 490)
        #expect(try truncated.decode(text[490], expecting: Array(text[491..<495])) == 5)
        try truncated.decode(text[491], expecting: [])
        #expect(bits(truncated.logits) == (try logits(Array(text[...491]))))

        let trunk = try prepared()
        let fork = try trunk.fork()
        try fork.prefill([1, 2, 3])
        #expect(try trunk.decode(text[502], expecting: []) == 0)
        try trunk.decode(5)
        #expect(bits(trunk.logits) == (try logits(Array(text[...502]) + [5])))
        #expect(bits(fork.logits) == (try logits(begun + [1, 2, 3])))

        let saved = try prepared()
        try saved.save(to: file)
        let restored = try session(mode)
        try restored.restore(from: file)
        try restored.decode(6)
        #expect(bits(restored.logits) == (try logits(begun + [6])))

        let batch = try Batch(model: model, sessionLimit: 2, threadCount: 2)
        let (one, two) = (try prepared(), try prepared())
        try batch.process([[text[502]], [7, 7]], in: [one, two])
        #expect(try one.decode(text[503], expecting: []) == 1)
        #expect(bits(one.logits) == (try logits(Array(text[...503]))))
        #expect(bits(two.logits) == (try logits(begun + [7, 7])))
    }

    @Test func guessesEndWithTheCapacity() throws {
        let session = try session(.plain, capacity: 12)
        try session.prefill(Array(text[..<8]))
        #expect(try session.decode(text[8], expecting: Array(text[9..<20])) == 4)
        for position in 9..<12 { #expect(try session.decode(text[position], expecting: []) == 0) }
        #expect(throws: SessionError.capacityExceeded(needed: 13, capacity: 12)) {
            try session.decode(text[12], expecting: [1])
        }
        #expect(throws: SessionError.tokenOutOfRange(id: 67, vocabularySize: 67)) {
            try session.decode(67, expecting: [1])
        }
        #expect(session.tokens == Array(text[..<12]))
    }

    /// Without memory for the logits of guesses, tokens are processed one by one.
    @Test func guessesNeedMemory() throws {
        let free = try session(.plain)
        let needed = model.reservedByteCount
        let tight = try loadModel(memoryLimit: needed + 16 * 67 * 4 - 1)
        let session = try Session(
            model: tight, options: SessionOptions(threadCount: 2, capacity: 800, cacheFormat: .float32))
        for (index, token) in text[..<20].enumerated() {
            #expect(try session.decode(token, expecting: [text[index + 1]]) == 1)
            try free.decode(token)
        }
        #expect(bits(session.logits) == bits(free.logits))
        let enough = try loadModel(memoryLimit: needed + 16 * 67 * 4)
        let other = try Session(
            model: enough, options: SessionOptions(threadCount: 2, capacity: 800, cacheFormat: .float32))
        #expect(try other.decode(text[0], expecting: [text[1]]) == 2)
    }

    @Test func cancelledTasksLeaveTheSessionAsItWas() async throws {
        try await Task {
            let session = try session(.plain)
            try session.prefill(Array(text[..<20]))
            try session.decode(text[20], expecting: [text[21], text[22]])
            let before = bits(session.logits)
            withUnsafeCurrentTask { $0?.cancel() }
            for guess in [[text[22]], []] {
                #expect(throws: SessionError.cancelled(position: 21)) { try session.decode(text[21], expecting: guess) }
            }
            #expect(session.position == 21 && bits(session.logits) == before)
        }.value
    }

    /// A batch's pass that is cancelled midway has overwritten keys and values of expected tokens, so it forgets them.
    @Test func cancelledBatches() async throws {
        try await Task {
            let session = try session(.plain)
            let plain = try session.fork()
            try session.prefill(Array(text[..<20]))
            try session.decode(text[20], expecting: [text[21], text[22]])
            let batch = try Batch(model: model, sessionLimit: 2, threadCount: 2)
            let canceller = Task { [batch = Transferred(value: batch), session = Transferred(value: session)] in
                withUnsafeCurrentTask { $0?.cancel() }
                #expect(throws: SessionError.cancelled(position: 21)) {
                    try batch.value.process([[1, 2]], in: [session.value])
                }
            }
            await canceller.value
            #expect(try session.decode(text[21], expecting: []) == 1)
            try plain.prefill(Array(text[...21]))
            #expect(bits(session.logits) == bits(plain.logits))
        }.value
    }

    // MARK: - Generations

    static let samplers: [any Sampler] = [
        GreedySampler(), (try? ProbabilitySampler(temperature: 0.7, topK: 8, seed: 3)) ?? GreedySampler(),
    ]

    /// The steps of a generation; `LONGLM_SPECULATION_STEPS` may ask for more.
    static let stepCount =
        ProcessInfo.processInfo.environment["LONGLM_SPECULATION_STEPS"].flatMap(Int.init) ?? 300

    private struct Outcome: Equatable {
        var tokens: [Int] = []
        var logits = Bits()
    }

    private func outcome(
        _ mode: AttentionMode, prompt: [Int], sampler: any Sampler, speculation: Speculation, draft: Session? = nil
    ) throws -> (Outcome, GenerationStatistics) {
        let session = try session(mode, capacity: prompt.count + Self.stepCount + 1)
        let generation = try Generation(
            session: session, prompt: prompt,
            options: GenerationOptions(
                tokenLimit: Self.stepCount, sampler: sampler, processors: [try RepetitionPenalty(1.02)], endTokens: [],
                speculation: speculation),
            draft: draft)
        var outcome = Outcome()
        while let token = try generation.next() {
            let id = try #require(token.id)
            // What others see between two tokens is as without guesses.
            #expect(session.tokens == prompt + outcome.tokens)
            outcome.tokens.append(id)
            outcome.logits += bits(session.logits)
        }
        return (outcome, generation.statistics)
    }

    @Test(arguments: modes, samplers.indices)
    func texts(mode: AttentionMode, sampler: Int) throws {
        let phrase = Array(text[..<23])
        let prompt = phrase + phrase + text[100..<140] + phrase
        let sampler = Self.samplers[sampler]
        let (expected, plain) = try outcome(mode, prompt: prompt, sampler: sampler, speculation: .never)
        let (guessed, statistics) = try outcome(mode, prompt: prompt, sampler: sampler, speculation: .automatic)
        #expect(guessed == expected)
        #expect(plain.guessedTokenCount == 0 && plain.decodePassCount == plain.decodeStepCount)
        #expect(statistics.decodeStepCount == plain.decodeStepCount)
        #expect(statistics.decodePassCount <= statistics.decodeStepCount)
        #expect(statistics.decodePassCount + statistics.guessedTokenCount >= statistics.decodeStepCount)
    }

    /// A model that is its own draft guesses right; another one guesses wrong. The text is the same.
    @Test(arguments: modes, samplers.indices)
    func drafts(mode: AttentionMode, sampler: Int) throws {
        let prompt = Array(text[..<60])
        let sampler = Self.samplers[sampler]
        let (expected, _) = try outcome(mode, prompt: prompt, sampler: sampler, speculation: .never)
        var tiny = TinyLlama()
        tiny.seed = 99
        let stranger = try loadModel(tiny)
        let draftSessions = [
            try session(mode, capacity: 2_000),
            try Session(model: stranger, options: SessionOptions(threadCount: 1, capacity: 2_000)),
            // Too short for the text: it guesses nothing.
            try session(.plain, capacity: 30),
        ]
        for draft in draftSessions {
            let (guessed, statistics) = try outcome(
                mode, prompt: prompt, sampler: sampler, speculation: .automatic, draft: draft)
            #expect(guessed == expected)
            #expect(statistics.decodeStepCount == Self.stepCount - 1)
        }
        #expect(draftSessions[2].position == 0)
    }

    // MARK: - Guesses

    /// Against a search that compares everything with everything.
    @Test func lookup() throws {
        var generator = SeededGenerator(seed: 8)
        for alphabet in [1, 2, 3, 6] {
            var lookup = PromptLookup()
            var tokens: [Int] = []
            for step in 0..<200 {
                let last = Int.random(in: 0..<alphabet, using: &generator)
                lookup.update(after: tokens, last)
                let text = tokens + [last]
                var longest = 0
                for end in tokens.indices {
                    let common = zip(text.reversed(), text[...end].reversed()).prefix { $0 == $1 }.count
                    longest = max(longest, min(common, PromptLookup.maximumLength))
                }
                #expect((lookup.match?.length ?? 0) <= longest)
                // A match that went on is kept, although a longer one may have come; a new one is the longest.
                if let match = lookup.match {
                    let before = text[..<match.next].suffix(match.length)
                    #expect(Array(before) == Array(text.suffix(match.length)), "step \(step)")
                    let guess = lookup.guess(9, after: tokens, last)
                    let period = text.count - match.next
                    let expected = (0..<9).map { text[match.next + ($0 % period)] }
                    #expect(guess == expected)
                } else {
                    #expect(longest == 0)
                }
                tokens.append(last)
            }
            var fresh = PromptLookup()
            fresh.update(after: Array(tokens.dropLast()), try #require(tokens.last))
            let longest = tokens.indices.dropLast().map { end in
                min(zip(tokens.reversed(), tokens[...end].reversed()).prefix { $0 == $1 }.count, 16)
            }
            #expect(fresh.match?.length == longest.max())
        }
        var empty = PromptLookup()
        empty.update(after: [], 3)
        #expect(empty.match == nil && empty.guess(5, after: [], 3).isEmpty)
    }

    /// What rows cost decides how many tokens are guessed.
    @Test func costs() {
        func cost(_ time: (Double) -> Double) -> PassCost {
            var cost = PassCost()
            for pass in 0..<100 {
                cost.add(rowCount: 1, seconds: 0.01)
                let rows = [2, 3, 5, 9, 16][pass % 5]
                cost.add(rowCount: rows, seconds: 0.01 * time(Double(rows)))
            }
            return cost
        }
        let cheap = cost { 1 + 0.02 * ($0 - 1) }
        let dear = cost { $0 }
        // The second row costs as much as ten more, as with quantised weights.
        let stepped = cost { 2 + 0.1 * ($0 - 2) }
        for rows in 2...16 {
            #expect(abs(cheap.time(rowCount: rows) - (1 + 0.02 * Double(rows - 1))) < 0.01)
            #expect(abs(dear.time(rowCount: rows) - Double(rows)) < 0.01)
            #expect(abs(stepped.time(rowCount: rows) - (2 + 0.1 * Double(rows - 2))) < 0.01)
        }
        #expect(cheap.time(rowCount: 1) == 1 && stepped.time(rowCount: 1) == 1)
        #expect(cheap.bestGuessLength(limit: 15) { _ in 0.99 } == 15)
        #expect((1...4).contains(cheap.bestGuessLength(limit: 15) { _ in 0.3 }))
        #expect(cheap.bestGuessLength(limit: 15) { _ in 0.02 } == 0)
        #expect(dear.bestGuessLength(limit: 15) { _ in 0.99 } == 0)
        #expect(stepped.bestGuessLength(limit: 15) { _ in 0.99 } == 15)
        #expect(stepped.bestGuessLength(limit: 15) { _ in 0.5 } == 0)
        #expect(stepped.bestGuessLength(limit: 1) { _ in 0.99 } == 0)
        #expect(cheap.bestGuessLength(limit: 15, tokenTime: 1) { _ in 0.9 } == 0)
        #expect(cheap.bestGuessLength(limit: 0) { _ in 1 } == 0)
        // Passes of one size alone say what that size takes.
        var alike = PassCost()
        for _ in 0..<100 {
            alike.add(rowCount: 1, seconds: 0.01)
            alike.add(rowCount: 4, seconds: 0.016)
        }
        #expect(abs(alike.time(rowCount: 4) - 1.6) < 0.01 && alike.time(rowCount: 8) > 1.6)
        // A pass that was held up counts as one that took twice as long.
        var heldUp = cheap
        heldUp.add(rowCount: 1, seconds: 60)
        #expect(heldUp.single < 0.0113)
        heldUp.add(rowCount: 9, seconds: 60)
        #expect(heldUp.time(rowCount: 9) < 1.5)
    }
}
