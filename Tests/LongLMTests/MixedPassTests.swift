import LongLM
import ModelTwins
import SIMDKernels
import Testing
import TestSupport

/// That sequences with any rows each, computed in one pass, get the bits of passes of their own. Everything is compared
/// with `==` on bit patterns.
@Suite struct MixedPassTests {
    /// A text, and how much of it is there before the first mixed pass.
    private struct Member: Sendable {
        let tokens: [Int]
        let prefix: Int
        let options: SessionOptions

        func session(_ model: LanguageModel) throws -> Session {
            let session = try Session(model: model, options: options)
            if prefix > 0 { try session.prefill(Array(tokens[..<prefix])) }
            return session
        }

        /// The logits of every token, from passes of its own.
        func alone(_ model: LanguageModel) throws -> [Float] { try allLogits(model, tokens, options) }
    }

    private static func modes(window: Int) -> [AttentionMode] {
        [
            .plain, .selfExtend(SelfExtend(groupSize: 4, neighborWindow: window)), .plain,
            .reRoPE(ReRoPE(neighborWindow: window)),
            .leakyReRoPE(LeakyReRoPE(slowdown: 2.5, neighborWindow: window)),
            .string(STRING(shiftedDistance: window, localWindow: 3)),
            .dualChunk(DualChunkAttention(chunkSize: window, localSize: 4)),
        ]
    }

    /// Rows of each member in each pass. Which of them are together is what kernels and the division of work treat
    /// otherwise: very few rows, some, so many that workers own them, and a run that workers share out as if it were alone.
    private static let passes: [[Int]] = [
        [1, 1, 2], [1, 64, 1, 1], [3, 1, 0, 5, 7, 1, 1, 9, 2], [160, 1, 1, 1], [1, 150, 1, 30, 1, 2, 1, 1, 1],
        [50, 50, 50, 50, 50, 50, 50, 50, 50], [1, 0, 1], [0, 1, 13, 1, 0, 97, 1, 1, 1], [1, 1, 1, 1, 1, 1, 1, 1, 1],
        [2, 2], [7, 1], [48, 3, 1, 48],
    ]

    /// Members whose rows cross segments of 512 positions, of several modes and all types of cache.
    private static func members(_ count: Int, _ model: LanguageModel) -> [Member] {
        let configuration = model.configuration
        let modes = modes(window: min(16, configuration.contextLength - 1))
        let prefixes = [0, 505, 30, 1_020, 3, 460, 0, 100, 511]
        var generator = SeededGenerator(seed: 91)
        return (0..<count).map { index in
            let rows = passes.reduce(0) { $0 + ($1.indices.contains(index) ? $1[index] : 0) }
            return Member(
                tokens: generator.tokens(prefixes[index] + rows, below: configuration.vocabularySize),
                prefix: prefixes[index],
                options: SessionOptions(
                    attention: modes[index % modes.count], threadCount: 1,
                    capacity: prefixes[index] + rows + index % 3,
                    cacheFormat: [.float32, .bfloat16, .float32, .int8][index % 4]))
        }
    }

    private func expectSolitude(_ model: LanguageModel, counts: [Int], threads: [Int] = [1, 2, 3]) throws {
        let vocabularySize = model.configuration.vocabularySize
        let all = Self.members(counts.max() ?? 0, model)
        let alone = try all.map { try $0.alone(model) }
        for count in counts {
            for threadCount in threads {
                let batch = try Batch(model: model, sessionLimit: count, threadCount: threadCount)
                let members = all[..<count]
                let sessions = try members.map { try $0.session(model) }
                for (number, rows) in Self.passes.enumerated() {
                    // The order changes, too.
                    var present = sessions.indices.filter { rows.indices.contains($0) && rows[$0] > 0 }
                    if number % 2 == 1 { present.reverse() }
                    let tokens = present.map { index in
                        Array(members[index].tokens[sessions[index].position...].prefix(rows[index]))
                    }
                    try batch.process(tokens, in: present.map { sessions[$0] })
                    for index in present {
                        let last = (sessions[index].position - 1) * vocabularySize
                        #expect(
                            bits(sessions[index].logits) == bits(Array(alone[index][last..<(last + vocabularySize)])),
                            "member \(index) of \(count), pass \(number), \(threadCount) threads")
                    }
                }
                for (session, member) in zip(sessions, members) {
                    #expect(session.tokens == Array(member.tokens[..<session.position]))
                }
            }
        }
    }

    @Test(arguments: InstructionSet.availableForFloats)
    func plainAndExtendedTogether(instructionSet: InstructionSet) throws {
        let model = try loadModel(instructionSet: instructionSet)
        try expectSolitude(model, counts: [2, 9])
        try expectSolitude(model, counts: [3, 4, 5, 6, 7, 8], threads: [2])
    }

    /// Local layers with rotations of their own, sliding windows, bounded scores and logits, parallel blocks.
    @Test(arguments: ["gemma3_text", "gemma2", "gpt_neox", "mistral_sliding", "stablelm_parallel"])
    func families(name: String) throws {
        for instructionSet in InstructionSet.availableForFloats {
            let model = try LanguageModel(
                directory: Fixtures.path("reference/\(name)"), options: LoadOptions(instructionSet: instructionSet))
            try expectSolitude(model, counts: [9], threads: name == "gemma3_text" ? [1, 2, 3] : [2])
        }
    }

    @Test(.enabled(if: InstructionSet.availableForFloats.contains(where: \.hasBFloat16Products)))
    func bfloat16Products() throws {
        try expectSolitude(try loadModel(precision: .bfloat16), counts: [2, 9])
    }

    /// Inputs are rounded to 8 bits row by row, so those of others don't show.
    @Test(arguments: [Precision.float32, .int8])
    func quantizedWeights(precision: Precision) throws {
        let model = try TinyQuantized(formats: TinyQuantized.mixture).load(LoadOptions(precision: precision))
        try expectSolitude(model, counts: [2, 9], threads: [1, 3])
    }

    // MARK: - Rounds

    private func generations(_ model: LanguageModel, lengths: [Int], count: Int = 9) throws -> [Generation] {
        let modes = Self.modes(window: 16)
        return try lengths.enumerated().map { index, length in
            var generator = SeededGenerator(seed: UInt64(17 + index))
            return try Generation(
                session: try Session(
                    model: model,
                    options: SessionOptions(
                        attention: modes[index % modes.count], threadCount: 1, capacity: length + count,
                        cacheFormat: CacheFormat.allCases[index % 3])),
                prompt: generator.tokens(length, below: 65),
                options: GenerationOptions(
                    tokenLimit: count, sampler: try ProbabilitySampler(temperature: 2, seed: UInt64(index)),
                    endTokens: []))
        }
    }

    /// Generations whose prompts are read beside the others' tokens, and that come at different times.
    @Test(arguments: [1, 2, 3], [nil, 1, 7, 100] as [Int?])
    func roundsOfPromptsAndTokens(threads: Int, promptRowLimit: Int?) throws {
        let model = try loadModel()
        let lengths = [5, 300, 1, 64, 530]
        let alone = try generations(model, lengths: lengths)
        let expected = try alone.map { try $0.rest() }
        let together = try generations(model, lengths: lengths)
        let batch = try Batch(model: model, sessionLimit: 5, threadCount: threads)
        var found = together.map { _ in [GeneratedToken]() }
        var round = 0
        while together.contains(where: { $0.stopReason == nil }) {
            let present = together.indices.filter { round >= 3 * ($0 % 3) }
            let positions = present.map { together[$0].session.position }
            let outcomes = try batch.next(for: present.map { together[$0] }, promptRowLimit: promptRowLimit)
            var promptRowCount = 0
            for (place, index) in present.enumerated() {
                let processed = together[index].session.position - positions[place]
                let isPrompt = positions[place] < lengths[index]
                if isPrompt { promptRowCount += processed }
                switch try outcomes[place].get() {
                case .token(let token): found[index].append(token)
                case .reading(let count):
                    #expect(isPrompt && count == lengths[index] - together[index].session.position && count > 0)
                    #expect(together[index].session.logits.isEmpty || processed == 0)
                case .ended: #expect(together[index].stopReason == .tokenLimit)
                }
            }
            if let promptRowLimit { #expect(promptRowCount <= promptRowLimit) }
            round += 1
            try #require(round < 1_500)
        }
        #expect(found == expected)
        for (one, other) in zip(together, alone) {
            #expect(
                one.session.tokens == other.session.tokens && bits(one.session.logits) == bits(other.session.logits))
            #expect(one.statistics.promptTokenCount == other.statistics.promptTokenCount)
            #expect(one.statistics.decodeStepCount == other.statistics.decodeStepCount)
        }
    }

    /// What is left of each prompt after each of some rounds.
    private func remainders(_ lengths: [Int], rounds: Int, limit: Int?, decoding: Int = 0) throws -> [[Int]] {
        let model = try loadModel()
        let batch = try Batch(model: model, threadCount: 1)
        let others = try generations(model, lengths: Array(repeating: 1, count: decoding), count: 30)
        if decoding > 0 { _ = try batch.next(for: others) }
        let readers = try generations(model, lengths: lengths)
        return try (0..<rounds).map { _ in
            for outcome in try batch.next(for: others + readers, promptRowLimit: limit).prefix(decoding) {
                #expect(try outcome.get().token != nil)
            }
            return zip(readers, lengths).map { $1 - $0.statistics.promptTokenCount }
        }
    }

    /// Prompts are read in their order, short ones beside the first.
    @Test func sharesOfPrompts() throws {
        #expect(
            try remainders([300, 200, 20], rounds: 3, limit: 32) == [[284, 200, 4], [256, 200, 0], [224, 200, 0]])
        // One that isn't much shorter than the first waits.
        #expect(try remainders([40, 30], rounds: 3, limit: 20) == [[20, 30], [0, 30], [0, 10]])
        #expect(try remainders([40, 10], rounds: 2, limit: 20) == [[30, 0], [10, 0]])
        // Equal ones are read one after the other, and what one doesn't need is the next one's.
        #expect(try remainders([50, 50, 50], rounds: 3, limit: 60) == [[0, 40, 50], [0, 0, 30], [0, 0, 0]])
        // A short prompt behind many.
        #expect(
            try remainders([400, 400, 400, 5], rounds: 2, limit: 10) == [[395, 400, 400, 0], [385, 400, 400, 0]])
    }

    /// Prompts get a part of the rows while others decode, and all of them otherwise.
    @Test func rowsOfPromptsBesideTokens() throws {
        let limit = Batch.defaultPromptRowLimit
        #expect(try remainders([700], rounds: 2, limit: nil) == [[188], [0]])
        #expect(try remainders([700], rounds: 2, limit: nil, decoding: 2) == [[700 - limit], [700 - 2 * limit]])
        // The rows of a pass are a limit, too.
        #expect(try remainders([700], rounds: 1, limit: 1_000, decoding: 3) == [[700 - 512 + 3]])
    }

    // MARK: - Errors

    @Test func refusedPasses() throws {
        let model = try loadModel()
        let batch = try Batch(model: model, sessionLimit: 2, rowLimit: 8, threadCount: 1)
        let sessions = try (0..<2).map { _ in try Session(model: model, options: SessionOptions(capacity: 10)) }
        func refuses(_ error: SessionError, _ tokens: [[Int]]) {
            #expect(throws: error) { try batch.process(tokens, in: sessions) }
            #expect(sessions.allSatisfy { $0.position == 0 && $0.logits.isEmpty })
        }
        let tooMany = InvalidOption("number of tokens of a pass", 9, allowed: "at most 8")
        refuses(.invalidOption(tooMany), [[1, 2, 3], [1, 2, 3, 4, 5, 6]])
        refuses(.noTokens, [[1], []])
        refuses(.tokenOutOfRange(id: 67, vocabularySize: 67), [[1, 2], [3, 67]])
        let generation = try Generation(session: sessions[0], prompt: [1, 2, 3])
        for limit in [0, -1, Int.min] {
            let option = InvalidOption("limit of rows of prompts", limit, allowed: "at least 1")
            #expect(throws: GenerationError.invalidOption(option)) {
                try batch.next(for: [generation], promptRowLimit: limit)
            }
        }
        // A limit beyond the rows of a pass is none.
        #expect(try batch.next(for: [generation], promptRowLimit: .max)[0].get().token != nil)
    }

    /// A sampler's token that the model doesn't have is that generation's trouble.
    @Test func aTokenOfNobody() throws {
        let model = try loadModel()
        let batch = try Batch(model: model, sessionLimit: 2, threadCount: 1)
        let generations = try [[5, 67, 1], [5, 6, 7]].map { tokens in
            try Generation(
                session: try Session(model: model), prompt: [1, 2],
                options: GenerationOptions(
                    tokenLimit: 3, sampler: ScriptedSampler(tokens: tokens), endTokens: []))
        }
        func next() throws -> [Result<Int?, GenerationError>] {
            try batch.next(for: generations).map { $0.map { $0.token?.id } }
        }
        #expect(try next() == [.success(5), .success(5)])
        #expect(try next() == [.success(67), .success(6)])
        #expect(try next() == [.failure(.session(.tokenOutOfRange(id: 67, vocabularySize: 67))), .success(7)])
    }
}
