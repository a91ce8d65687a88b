import LongLM
import ModelTwins
import SIMDKernels
import Testing
import TestSupport

/// That a prompt goes on from the longest beginning that was processed before, with the bits of a session of its own.
@Suite struct PromptCacheTests {
    private static let extended = AttentionMode.selfExtend(SelfExtend(groupSize: 4, neighborWindow: 16))

    private let model: LanguageModel
    private let tokens: [Int]

    init() throws {
        model = try loadModel()
        var generator = SeededGenerator(seed: 95)
        tokens = generator.tokens(1_500, below: 60)
    }

    private func options(_ mode: AttentionMode = .plain, threads: Int? = 2) -> SessionOptions {
        SessionOptions(attention: mode, threadCount: threads, capacity: 1_500)
    }

    private func makeCache(_ mode: AttentionMode = .plain, sessionLimit: Int = 8) -> PromptCache {
        PromptCache(model: model, options: options(mode), sessionLimit: sessionLimit)
    }

    private func session(_ tokens: [Int], _ mode: AttentionMode = .plain) throws -> Session {
        let session = try Session(model: model, options: options(mode))
        try session.prefill(tokens)
        return session
    }

    /// The cache's session for a prompt, which must hold `reused` of its tokens and give the bits of a new session.
    @discardableResult
    private func expect(_ cache: PromptCache, _ prompt: [Int], reused: Int) throws -> Session {
        let found = try cache.session(for: prompt)
        #expect(found.position == reused && found.tokens == Array(prompt[..<reused]))
        try found.prefill(Array(prompt[reused...]))
        let undisturbed = try session(prompt, cache.options.attention)
        #expect(bits(found.logits) == bits(undisturbed.logits))
        return found
    }

    @Test(arguments: [AttentionMode.plain, extended])
    func longestBeginning(mode: AttentionMode) throws {
        let cache = makeCache(mode)
        let trunk = Array(tokens[..<600])
        #expect(cache.count == 0 && cache.cacheByteCount == 0)
        try expect(cache, trunk, reused: 0)
        try cache.insert(try session(trunk + [61, 62], mode))
        try cache.insert(try session(trunk + [63, 61, 62, 63], mode))
        #expect(cache.count == 2 && cache.cacheByteCount > 0)
        try expect(cache, trunk + [61, 62, 5], reused: 602)
        try expect(cache, trunk + [63, 61, 62, 5, 6], reused: 603)
        try expect(cache, trunk + [5, 6], reused: 600)
        try expect(cache, [66] + trunk, reused: 0)
        try expect(cache, [trunk[0], 66], reused: mode == .plain ? 1 : 0)
        // None of that changed what is kept.
        try expect(cache, trunk + [61, 62, 5], reused: 602)
        #expect(cache.count == 2)
    }

    /// Of a prompt that is there as a whole, the last token is processed again for its logits.
    @Test func samePromptAgain() throws {
        let cache = makeCache()
        try cache.insert(try session(Array(tokens[..<20])))
        try expect(cache, Array(tokens[..<20]), reused: 19)
        try expect(cache, Array(tokens[..<10]), reused: 9)
        try expect(cache, [tokens[0]], reused: 0)
        #expect(try cache.session(for: []).position == 0)
    }

    /// What is kept is a fork: neither the session that was given nor one that was taken changes it.
    @Test func sessionsAreIndependent() throws {
        let cache = makeCache()
        let given = try session(Array(tokens[..<520]))
        try cache.insert(given)
        try given.prefill([60, 61])
        try given.truncate(to: 100)
        try given.prefill([62])
        let taken = try cache.session(for: Array(tokens[..<600]))
        try taken.prefill([63, 64, 65])
        try expect(cache, Array(tokens[..<600]), reused: 520)
        #expect(given.tokens == Array(tokens[..<100]) + [62])
        #expect(try bits(given.logits) == bits(session(Array(tokens[..<100]) + [62]).logits))
    }

    /// The session that was neither inserted nor taken for the longest goes first.
    @Test func leastRecentlyUsed() throws {
        let cache = makeCache(sessionLimit: 3)
        let prompts = (0..<5).map { [60 + $0, 1, 2, 3] }
        for prompt in prompts[..<3] { try cache.insert(try session(prompt)) }
        #expect(cache.count == 3)
        // The first is used again, so the second goes.
        _ = try cache.session(for: prompts[0])
        try cache.insert(try session(prompts[3]))
        let held = { (cache: PromptCache, prompt: [Int]) in try cache.session(for: prompt + [9]).position }
        #expect(cache.count == 3)
        #expect(try held(cache, prompts[1]) == 0 && held(cache, prompts[2]) == 4)
        // Now in order of their last use: 0, 3, 2.
        try cache.insert(try session(prompts[4]))
        #expect(try held(cache, prompts[0]) == 0)
        #expect(try [2, 3, 4].allSatisfy { try held(cache, prompts[$0]) == 4 })
        // What isn't found makes nothing else older.
        _ = try cache.session(for: [9, 9])
        #expect(cache.count == 3)

        cache.removeAll()
        #expect(try cache.count == 0 && held(cache, prompts[4]) == 0)
        let none = makeCache(sessionLimit: 0)
        try none.insert(try session(prompts[0]))
        #expect(try none.count == 0 && held(none, prompts[0]) == 0)
    }

    /// A text that goes on takes the place of its beginning, as long as that can be had back from it.
    @Test(arguments: [AttentionMode.plain, extended])
    func textsThatGoOn(mode: AttentionMode) throws {
        let cache = makeCache(mode)
        for length in [200, 200, 230, 700] { try cache.insert(try session(Array(tokens[..<length]), mode)) }
        #expect(cache.count == 1)
        try expect(cache, Array(tokens[..<210]) + [66, 66], reused: 210)
        try cache.insert(try session(Array(tokens[..<1_400]), mode))
        // Neighbor keys of the first 700 tokens are gone from the longer one.
        #expect(cache.count == (mode == .plain ? 1 : 2))
        try expect(cache, Array(tokens[..<210]) + [66, 66], reused: 210)
        try expect(cache, Array(tokens[..<1_450]), reused: 1_400)
        // A beginning of what is there changes nothing but the order.
        try cache.insert(try session(Array(tokens[..<1_300]), mode))
        try expect(cache, Array(tokens[..<1_450]), reused: 1_400)
        try cache.insert(try session([66], mode))
        let empty = try Session(model: model, options: options(mode))
        let count = cache.count
        try cache.insert(empty)
        #expect(cache.count == count, "nothing is gained by an empty session")
    }

    /// A session that can't be shortened so far is passed over for one that shares less, or for none.
    @Test func beyondTheEarliestTruncation() throws {
        let cache = makeCache(Self.extended)
        let long = try session(Array(tokens[..<1_400]), Self.extended)
        try cache.insert(long)
        let earliest = long.earliestTruncation
        #expect((800...900).contains(earliest))
        try expect(cache, Array(tokens[..<earliest]) + [66, 66], reused: earliest)
        try expect(cache, Array(tokens[..<(earliest - 1)]) + [66, 66], reused: 0)
        try cache.insert(try session(Array(tokens[..<100]) + [61], Self.extended))
        try expect(cache, Array(tokens[..<(earliest - 1)]) + [66, 66], reused: 100)
    }

    @Test func strangers() throws {
        func refuses(_ cache: PromptCache, _ session: Session, _ mismatch: SessionMismatch = .otherOptions) throws {
            try session.prefill([1, 2])
            #expect(throws: SessionError.mismatch(mismatch)) { try cache.insert(session) }
            #expect(cache.count == 0)
        }
        let cache = makeCache()
        try refuses(cache, try Session(model: try loadModel(), options: options()), .otherModel)
        try refuses(cache, try Session(model: model, options: options(Self.extended)))
        var other = options()
        other.cacheFormat = .bfloat16
        try refuses(cache, try Session(model: model, options: other))
        // What the options leave open is what a session of them would have.
        let open = PromptCache(model: model)
        try refuses(open, try Session(model: model, options: SessionOptions(cacheFormat: .bfloat16)))
        let own = try Session(
            model: model, options: SessionOptions(threadCount: 1, capacity: 64, cacheFormat: .float32))
        try own.prefill([1, 2])
        try open.insert(own)
        #expect(open.count == 1)
        var busy: SessionError?
        try own.prefill([3]) { _ in
            busy = thrownError { () throws(SessionError) in try open.insert(own) }
        }
        #expect(busy == .busy)
    }

    /// A capacity for each session, kept or new, changes no bit.
    @Test(arguments: [AttentionMode.plain, extended])
    func capacities(mode: AttentionMode) throws {
        let cache = makeCache(mode)
        let first = try cache.session(for: Array(tokens[..<620]), capacity: 640)
        #expect(first.capacity == 640)
        try first.prefill(Array(tokens[..<620]))
        try cache.insert(first)
        for (length, capacity) in [(620, 620), (630, 1_300), (1_499, 1_500)] {
            let prompt = Array(tokens[..<length])
            let reused = min(620, length - 1)
            let session = try cache.session(for: prompt, capacity: capacity)
            #expect(session.capacity == capacity && session.position == reused)
            try session.prefill(Array(prompt[reused...]))
            #expect(try bits(session.logits) == bits(self.session(prompt, mode).logits))
        }
        #expect(
            throws: SessionError.invalidOption(InvalidOption("capacity", 0, allowed: "between 1 and 16777216"))
        ) { try cache.session(for: [66], capacity: 0) }
        // Of either prompt, less than the capacity can be reused.
        for prompt in [Array(tokens[..<700]), Array(tokens[..<620]) + [61, 62]] {
            let exceeded = SessionError.capacityExceeded(needed: prompt.count, capacity: prompt.count - 1)
            #expect(throws: exceeded) { try cache.session(for: prompt, capacity: prompt.count - 1) }
        }
    }

    /// Sessions in use are forked where they share more than what is kept.
    @Test(arguments: [AttentionMode.plain, extended])
    func sessionsInUse(mode: AttentionMode) throws {
        let cache = makeCache(mode)
        try cache.insert(try session(Array(tokens[..<100]), mode))
        let running = [try session(Array(tokens[..<50]), mode), try session(Array(tokens[..<1_000]), mode)]
        let prompt = Array(tokens[..<950]) + [61, 62]
        #expect(cache.reusableCount(of: prompt) == 100)
        #expect(cache.reusableCount(of: prompt, sharing: running) == 950)
        let found = try cache.session(for: prompt, capacity: 1_100, sharing: running)
        #expect(found.position == 950)
        try found.prefill([61, 62])
        try running[1].prefill([5])
        #expect(try bits(found.logits) == bits(session(prompt, mode).logits))
        #expect(try bits(running[1].logits) == bits(session(Array(tokens[..<1_000]) + [5], mode).logits))
        #expect(cache.count == 1)
        #expect(throws: SessionError.mismatch(.otherOptions)) {
            try cache.session(
                for: prompt, capacity: 1_100,
                sharing: [try session([1], mode == .plain ? Self.extended : .plain)])
        }
    }

    /// Where frequencies depend on a text's length, they are those of the cache's options.
    @Test func frequenciesOfTheOptions() throws {
        let model = try LanguageModel(directory: Fixtures.path("reference/llama_dynamic"))
        let cache = PromptCache(model: model, options: SessionOptions(threadCount: 1, capacity: 100))
        let prompt = tokens[..<40].map { $0 % model.configuration.vocabularySize }
        let session = try cache.session(for: prompt, capacity: 45)
        try session.prefill(prompt)
        let alone = try Session(model: model, options: SessionOptions(threadCount: 1, capacity: 100))
        try alone.prefill(prompt)
        #expect(bits(session.logits) == bits(alone.logits))
        try cache.insert(session)
        #expect(try cache.session(for: prompt + [1], capacity: 60).position == 40)
        let short = try Session(model: model, options: SessionOptions(threadCount: 1, capacity: 45))
        try short.prefill(prompt)
        #expect(bits(short.logits) != bits(alone.logits))
        #expect(throws: SessionError.mismatch(.otherOptions)) { try cache.insert(short) }
    }

    /// Options that don't suit the model are found when a session is asked for.
    @Test func meaninglessOptions() {
        let cache = PromptCache(model: model, options: SessionOptions(attention: .reRoPE(ReRoPE(neighborWindow: 8))))
        let option = InvalidOption("capacity", "missing", allowed: "given, because ReRoPE reaches to any length")
        #expect(throws: SessionError.invalidOption(option)) { try cache.session(for: [1, 2]) }
    }

    /// What comes out of a cache is as good for a generation as a new session.
    @Test func generationsFromACache() throws {
        let cache = makeCache(Self.extended)
        try cache.insert(try session(Array(tokens[..<700]), Self.extended))
        let prompt = Array(tokens[..<650]) + [60, 61, 62]
        let generationOptions = GenerationOptions(tokenLimit: 10)
        let session = try cache.session(for: prompt)
        let generation = try Generation(
            session: session, prompt: Array(prompt[session.position...]), options: generationOptions)
        let alone = try Generation(
            session: try Session(model: model, options: options(Self.extended)), prompt: prompt,
            options: generationOptions)
        #expect(try generation.rest() == alone.rest())
        #expect(generation.statistics.reusedTokenCount == 650 && generation.statistics.promptTokenCount == 3)
    }
}
