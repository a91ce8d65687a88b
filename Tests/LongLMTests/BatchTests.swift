import LongLM
import ModelTwins
import SIMDKernels
import Testing
import TestSupport
import Tokenization

/// That sessions that are decoded together get the bits of each alone, whoever is with them.
@Suite struct BatchTests {
    /// A session, and the tokens that it is to decode.
    private struct Member: Sendable {
        let prompt: [Int]
        let tokens: [Int]
        let options: SessionOptions

        func session(_ model: LanguageModel) throws -> Session {
            let session = try Session(model: model, options: options)
            try session.prefill(prompt)
            return session
        }

        /// The logits after each token.
        func alone(_ model: LanguageModel) throws -> [Bits] {
            let session = try session(model)
            return try tokens.map { token in
                try session.decode(token)
                return bits(session.logits)
            }
        }
    }

    private static let modes: [AttentionMode] = [
        .plain, .selfExtend(SelfExtend(groupSize: 4, neighborWindow: 16)),
        .selfExtend(SelfExtend(groupSize: 3, neighborWindow: 50, shift: .fractional, queryScaleBase: 48)),
        .reRoPE(ReRoPE(neighborWindow: 20)), .leakyReRoPE(LeakyReRoPE(slowdown: 2.5, neighborWindow: 24)),
        .selfExtend(SelfExtend(groupSize: 8, neighborWindow: 9)),
    ]

    /// Members whose decoded tokens cross segments of 512 positions, of all modes and all types of cache, and of
    /// several capacities.
    private static func members(
        of lengths: [Int], vocabularySize: Int, modes: [AttentionMode] = modes, decoding count: Int = 6
    ) -> [Member] {
        var generator = SeededGenerator(seed: 81)
        return lengths.enumerated().map { index, length in
            Member(
                prompt: generator.tokens(length, below: vocabularySize),
                tokens: generator.tokens(count, below: vocabularySize),
                options: SessionOptions(
                    attention: modes[index % modes.count], threadCount: 1, capacity: length + count + index % 3,
                    cacheFormat: [.float32, .int8, .float32, .bfloat16][index % 4]))
        }
    }

    /// Decodes all members' tokens in batches that some join and leave in every step, and compares each step's logits.
    private func expectSolitude(_ model: LanguageModel, _ members: [Member], threads: [Int] = [1, 2, 3]) throws {
        let alone = try members.map { try $0.alone(model) }
        #expect(Set(alone.flatMap { $0 }).count > members.count, "the members are different")
        for threadCount in threads {
            let batch = try Batch(model: model, sessionLimit: members.count, threadCount: threadCount)
            let sessions = try members.map { try $0.session(model) }
            var done = members.map { _ in 0 }
            var step = 0
            while zip(done, members).contains(where: { $0 < $1.tokens.count }) {
                // Some have a rest in every step but the first, and the order changes.
                var present = members.indices.filter { index in
                    done[index] < members[index].tokens.count && (step == 0 || (step + index) % 3 != 0)
                }
                if step % 2 == 1 { present.reverse() }
                step += 1
                try batch.decode(present.map { members[$0].tokens[done[$0]] }, in: present.map { sessions[$0] })
                for index in present {
                    #expect(
                        bits(sessions[index].logits) == alone[index][done[index]],
                        "member \(index), token \(done[index]), \(threadCount) threads")
                    done[index] += 1
                }
            }
            for (session, member) in zip(sessions, members) {
                #expect(session.tokens == member.prompt + member.tokens)
            }
        }
    }

    @Test func lengthsModesAndCacheFormats() throws {
        let lengths = [1, 31, 511, 512, 513, 1_100, 507, 60, 1_020, 33]
        try expectSolitude(try loadModel(), Self.members(of: lengths, vocabularySize: 67))
    }

    /// Every number of rows that kernels or the division of work treat otherwise.
    @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8, 9, 100, 150])
    func batchSizes(size: Int) throws {
        let lengths = (0..<size).map { $0 * 7 % 53 + 1 }
        let members = Self.members(of: lengths, vocabularySize: 67, decoding: size > 9 ? 2 : 4)
        try expectSolitude(try loadModel(), members)
    }

    /// Few sessions of a batch that is made for many, or for one.
    @Test func aBatchOfOne() throws {
        let model = try loadModel()
        for member in Self.members(of: [1, 600, 70, 512], vocabularySize: 67) {
            let alone = try member.alone(model)
            for size in [1, 512] {
                let batch = try Batch(model: model, sessionLimit: size, threadCount: 2)
                let session = try member.session(model)
                for (token, expected) in zip(member.tokens, alone) {
                    try batch.decode([token], in: [session])
                    #expect(bits(session.logits) == expected)
                }
            }
        }
    }

    /// So many query heads for a key-value head that one row's segments aren't shared out among the workers.
    @Test func manyQueryHeadsForOneKeyValueHead() throws {
        var tiny = TinyLlama()
        (tiny.hiddenSize, tiny.queryHeadCount, tiny.keyValueHeadCount) = (128, 64, 1)
        (tiny.layerCount, tiny.statedHeadDimension) = (1, 4)
        let members = Self.members(of: [600, 5, 512, 40], vocabularySize: 67, decoding: 3)
        try expectSolitude(try loadModel(tiny), members)
    }

    /// Local layers, caps of scores, layers without positions, parallel blocks, biases, norms of heads.
    @Test(arguments: [
        "gemma3_text", "gemma2", "gpt_neox", "gpt_neox_sequential", "phi", "phi_qk_layernorm", "smollm3", "qwen3",
        "mistral_sliding", "stablelm_parallel",
    ])
    func families(name: String) throws {
        let model = try LanguageModel(directory: Fixtures.path("reference/\(name)"))
        let context = model.configuration.contextLength
        let window = min(16, context - 1)
        let modes: [AttentionMode] = [
            .plain, .selfExtend(SelfExtend(groupSize: 4, neighborWindow: window)),
            .reRoPE(ReRoPE(neighborWindow: window)),
        ]
        let members = Self.members(
            of: [1, 40, 73, 509, 20], vocabularySize: model.configuration.vocabularySize, modes: modes, decoding: 4)
        try expectSolitude(model, members, threads: [2])
    }

    /// Frequencies that depend on a session's length are each member's own.
    @Test func frequenciesOfEachSession() throws {
        let model = try LanguageModel(directory: Fixtures.path("reference/llama_dynamic"))
        let members = (0..<4).map { index in
            Member(
                prompt: Array(1...20), tokens: [5, 6, 7],
                options: SessionOptions(threadCount: 1, capacity: 40 + 200 * index))
        }
        try expectSolitude(model, members, threads: [2])
    }

    @Test(.enabled(if: InstructionSet.availableForFloats.contains(where: \.hasBFloat16Products)))
    func bfloat16Products() throws {
        let members = Self.members(of: [1, 31, 511, 513, 1_100, 70, 8], vocabularySize: 67, decoding: 3)
        try expectSolitude(try loadModel(precision: .bfloat16), members)
    }

    @Test(arguments: [Precision.float32, .int8])
    func quantizedWeights(precision: Precision) throws {
        let model = try TinyQuantized(formats: TinyQuantized.mixture).load(LoadOptions(precision: precision))
        let members = Self.members(of: [1, 31, 513, 70, 8], vocabularySize: 67, decoding: 3)
        try expectSolitude(model, members)
    }

    // MARK: - Generations

    /// A generation for each way of choosing and ending; every call makes new ones.
    private func generations(_ model: LanguageModel) throws -> [Generation] {
        var generator = SeededGenerator(seed: 83)
        let tokenizer = try TinyTokenizer.make()
        let options = [
            GenerationOptions(tokenLimit: 12),
            GenerationOptions(tokenLimit: 15, sampler: try ProbabilitySampler(temperature: 2, seed: 4)),
            GenerationOptions(
                tokenLimit: 9, sampler: try ProbabilitySampler(topK: 9, minP: 0.01, seed: 5),
                processors: [try RepetitionPenalty(1.3), try LogitBias([3: 1])]),
            GenerationOptions(tokenLimit: 0),
            GenerationOptions(
                tokenLimit: 20, sampler: ScriptedSampler(tokens: [1, 2, 3, 4]), endTokens: [4]),
            GenerationOptions(
                tokenLimit: 20, sampler: ScriptedSampler(tokens: tokenizer.encode("the cabe")),
                stopSequences: ["cab"]),
            GenerationOptions(sampler: try ProbabilitySampler(seed: 6)),
            GenerationOptions(tokenLimit: 1),
        ]
        let lengths = [3, 600, 20, 9, 1, 40, 50, 513]
        return try zip(options, lengths).enumerated().map { index, pair in
            let session = try Session(
                model: model,
                options: SessionOptions(
                    attention: Self.modes[index % Self.modes.count], threadCount: 1,
                    // The seventh is full after four tokens.
                    capacity: index == 6 ? 54 : 700))
            let prompt = generator.tokens(pair.1, below: 65)
            // The first one continues what is there.
            if index == 0 { try session.prefill(prompt) }
            return try Generation(
                session: session, prompt: index == 0 ? [] : prompt, tokenizer: tokenizer, options: pair.0)
        }
    }

    @Test(arguments: [1, 3])
    func generationsGetTheirOwnTokens(threads: Int) throws {
        let model = try loadModel()
        let alone = try generations(model)
        let expected = try alone.map { try $0.rest() }
        #expect(expected.map(\.count).max() == 15 && expected[3].isEmpty)
        #expect(alone[4].stopReason == .endToken(4) && alone[5].stopReason == .stopSequence("cab"))
        #expect(alone[6].stopReason == .capacity && expected[6].compactMap(\.id).count == 5)

        let together = try generations(model)
        let batch = try Batch(model: model, sessionLimit: 8, threadCount: threads)
        var found = together.map { _ in [GeneratedToken]() }
        for round in 0..<60 {
            // Three come later, and those that have ended stay for a while.
            let present = together.indices.filter { round >= $0 % 3 }
            let tokens = try batch.next(for: present.map { together[$0] }).map { try $0.get().token }
            #expect(tokens.count == present.count)
            for (index, token) in zip(present, tokens) { if let token { found[index].append(token) } }
        }
        #expect(found == expected)
        for (one, other) in zip(together, alone) {
            #expect(one.stopReason == other.stopReason && one.text == other.text)
            #expect(one.session.tokens == other.session.tokens)
            #expect(bits(one.session.logits) == bits(other.session.logits))
            #expect(one.statistics.generatedTokenCount == other.statistics.generatedTokenCount)
            #expect(one.statistics.decodeStepCount == other.statistics.decodeStepCount)
            #expect(one.statistics.promptTokenCount == other.statistics.promptTokenCount)
        }
    }

    /// A token that one's tokenizer doesn't know is that one's trouble.
    @Test func aTokenWithoutText() throws {
        let model = try loadModel()
        let batch = try Batch(model: model, sessionLimit: 3, threadCount: 1)
        let short = try TinyTokenizer.make(size: 60)
        func generation(_ tokens: [Int], _ tokenizer: Tokenizer) throws -> Generation {
            let session = try Session(model: model)
            return try Generation(
                session: session, prompt: [1, 2], tokenizer: tokenizer,
                options: GenerationOptions(tokenLimit: 4, sampler: ScriptedSampler(tokens: tokens)))
        }
        let generations = [
            try generation([1, 2, 3, 4], short), try generation([5, 63, 7, 8], short),
            try generation([9, 10, 11, 12], short),
        ]
        func next() throws -> [Result<Int?, GenerationError>] {
            try batch.next(for: generations).map { $0.map { $0.token?.id } }
        }
        let unknown = GenerationError.tokenizer(.unknownTokenID(id: 63, vocabularySize: 60))
        #expect(try next() == [.success(1), .success(5), .success(9)])
        // It isn't chosen anew: what the sampler gives next stays for the others.
        #expect(try next() == [.success(2), .failure(unknown), .success(10)])
        #expect(try next() == [.success(3), .failure(unknown), .success(11)])
        #expect(generations[0].text == "bcd" && generations[2].text == "jkl")
        #expect(thrownError { () throws(GenerationError) in _ = try generations[1].next() } == unknown)
        #expect(generations[1].session.position == 3 && generations[1].statistics.generatedTokenCount == 1)
    }

    /// A session that somebody else has used is its generation's trouble, before its prompt and after.
    @Test func aChangedSession() throws {
        let model = try loadModel()
        let batch = try Batch(model: model, sessionLimit: 3, threadCount: 1)
        let generations = try (0..<3).map { index in
            try Generation(
                session: try Session(model: model), prompt: [1, 2, index],
                options: GenerationOptions(tokenLimit: 4, endTokens: []))
        }
        let alone = try Generation(
            session: try Session(model: model), prompt: [1, 2, 2],
            options: GenerationOptions(tokenLimit: 4, endTokens: []))
        try generations[0].session.prefill([5])
        func kinds() throws -> [Bool] {
            try batch.next(for: generations).map { if case .failure(.sessionChanged) = $0 { false } else { true } }
        }
        #expect(try kinds() == [false, true, true])
        try generations[1].session.decode(5)
        #expect(try kinds() == [false, false, true])
        let rest = try (0..<2).map { _ in try batch.next(for: [generations[2]])[0].get().token?.id }
        #expect(try alone.rest().suffix(2).map(\.id) == rest)
        #expect(generations[0].session.tokens == [5] && generations[1].session.position == 4)
    }

    // MARK: - Errors

    @Test func sizesOutOfRange() throws {
        let model = try loadModel()
        for size in [0, -1, 513, Int.max, Int.min] {
            let option = InvalidOption("limit of sessions", size, allowed: "between 1 and 512")
            #expect(throws: SessionError.invalidOption(option)) {
                try Batch(model: model, sessionLimit: size)
            }
        }
        for count in [0, 1_025] {
            let option = InvalidOption("number of threads", count, allowed: "between 1 and 1024")
            #expect(throws: SessionError.invalidOption(option)) {
                try Batch(model: model, threadCount: count)
            }
        }
        let batch = try Batch(model: model)
        #expect(batch.sessionLimit == 16 && batch.rowLimit == 512 && batch.threadCount >= 1 && batch.model === model)
        for rows in [15, 0, -1, 513, Int.max, Int.min] {
            // No less than one row for each session.
            let option = InvalidOption("limit of rows", rows, allowed: "between 16 and 512")
            #expect(throws: SessionError.invalidOption(option)) { try Batch(model: model, rowLimit: rows) }
        }
    }

    /// What is wrong with one member is found before any work on the others.
    @Test func refusalsChangeNothing() throws {
        let model = try loadModel()
        let batch = try Batch(model: model, sessionLimit: 3, threadCount: 2)
        let sessions = try Self.members(of: [5, 520, 7, 9], vocabularySize: 67).map { try $0.session(model) }
        let full = try Session(model: model, options: SessionOptions(capacity: 2))
        try full.prefill([1, 2])
        let stranger = try Session(model: try loadModel())
        let all = sessions + [full, stranger]
        let logits = all.map { bits($0.logits) }
        let tokens = all.map(\.tokens)
        func refuses(_ error: SessionError, _ tokenIDs: [Int], _ members: [Session]) {
            #expect(throws: error) { try batch.decode(tokenIDs, in: members) }
            #expect(all.map { bits($0.logits) } == logits && all.map(\.tokens) == tokens)
        }
        let tooMany = InvalidOption("number of sessions of a pass", 4, allowed: "at most 3")
        refuses(.invalidOption(tooMany), [1, 1, 1, 1], sessions)
        refuses(.mismatch(.repeated), [1, 2, 3], [sessions[0], sessions[1], sessions[0]])
        refuses(.mismatch(.otherModel), [1, 2], [sessions[0], stranger])
        for id in [-1, 67, Int.max, Int.min] {
            refuses(.tokenOutOfRange(id: id, vocabularySize: 67), [1, id, 2], [sessions[0], sessions[1], sessions[2]])
        }
        refuses(.capacityExceeded(needed: 3, capacity: 2), [1, 2, 3], [sessions[0], sessions[1], full])
        var busy: SessionError?
        let working = try sessions[3].fork()
        try working.prefill([1]) { _ in
            busy = thrownError { () throws(SessionError) in try batch.decode([1, 2], in: [sessions[0], working]) }
        }
        #expect(busy == .busy)
    }

    @Test func nobody() throws {
        let batch = try Batch(model: try loadModel())
        try batch.decode([], in: [])
        #expect(try batch.next(for: []).isEmpty)
    }

    /// The same for generations: nothing is chosen or processed.
    @Test func refusedGenerations() throws {
        let model = try loadModel()
        let batch = try Batch(model: model, sessionLimit: 2, threadCount: 1)
        func generation(_ session: Session) throws -> Generation {
            try Generation(session: session, prompt: [1, 2], options: GenerationOptions(tokenLimit: 5))
        }
        let generations = try (0..<3).map { _ in try generation(try Session(model: model)) }
        let stranger = try generation(try Session(model: try loadModel()))
        let twin = try generation(generations[0].session)
        let all = generations + [stranger, twin]
        func refuses(_ error: SessionError, _ members: [Generation]) {
            #expect(throws: GenerationError.session(error)) { try batch.next(for: members) }
            #expect(all.allSatisfy { $0.session.position == 0 && $0.statistics.generatedTokenCount == 0 })
        }
        let tooMany = InvalidOption("number of sessions of a pass", 3, allowed: "at most 2")
        refuses(.invalidOption(tooMany), generations)
        refuses(.mismatch(.otherModel), [generations[0], stranger])
        refuses(.mismatch(.repeated), [generations[0], generations[0]])
        refuses(.mismatch(.repeated), [generations[0], twin])
        #expect(try batch.next(for: Array(generations[..<2])).allSatisfy { try $0.get().token != nil })
    }

    /// A batch keeps no session alive.
    @Test func sessionsThatAreGone() throws {
        let model = try loadModel()
        let batch = try Batch(model: model, threadCount: 1)
        weak var gone: Session?
        do {
            let sessions = try (0..<2).map { _ in try Session(model: model) }
            try batch.decode([1, 2], in: sessions)
            gone = sessions[0]
        }
        #expect(gone == nil)
    }

    // MARK: - Several tasks

    /// Two batches and two sessions use one model at the same time.
    @Test func severalTasksAtOnce() async throws {
        let model = try loadModel()
        let members = Self.members(of: [20, 515, 3, 70, 511, 8], vocabularySize: 67, decoding: 20)
        let alone = try members.map { try $0.alone(model) }
        let found = try await withThrowingTaskGroup(of: [(Int, [Bits])].self) { group in
            for first in [0, 2] {
                group.addTask {
                    let batch = try Batch(model: model, sessionLimit: 2, threadCount: 2)
                    let indices = [first, first + 1]
                    let sessions = try indices.map { try members[$0].session(model) }
                    var logits = [[Bits](), []]
                    for step in 0..<20 {
                        try batch.decode(indices.map { members[$0].tokens[step] }, in: sessions)
                        for index in 0..<2 { logits[index].append(bits(sessions[index].logits)) }
                    }
                    return [(first, logits[0]), (first + 1, logits[1])]
                }
            }
            for index in [4, 5] { group.addTask { [(index, try members[index].alone(model))] } }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(found.count == 6)
        for (index, logits) in found { #expect(logits == alone[index], "member \(index)") }
    }
}
