import LongLM
import ModelTwins
import Testing
import TestSupport

/// That sessions and batches are refused where a limit leaves no room for them, before any of it is taken.
@Suite struct SessionMemoryTests {
    private let options = SessionOptions(threadCount: 1, capacity: 1_000)
    /// What the weights, and a session of these options, reserve.
    private let weights: Int
    private let need: Int

    init() throws {
        let model = try loadModel()
        weights = model.reservedByteCount
        let session = try Session(model: model, options: options)
        need = model.reservedByteCount - weights
        // A full session, and all that it can hold.
        try session.prefill((0..<1_000).map { $0 % 67 })
        #expect(session.memoryByteCount == need)
    }

    private func shortage(_ body: () throws(SessionError) -> Void) -> MemoryShortage? {
        guard case .memory(let shortage) = thrownError(body) else { return nil }
        return shortage
    }

    @Test func sessionsUpToTheLimit() throws {
        let model = try loadModel(memoryLimit: weights + 2 * need)
        var sessions = [try Session(model: model, options: options)]
        sessions.append(try sessions[0].fork())
        let refusal = try #require(
            shortage { () throws(SessionError) in _ = try Session(model: model, options: options) })
        #expect(refusal.neededByteCount == need && refusal.availableByteCount == 0)
        #expect(refusal.limit == .option(byteCount: weights + 2 * need))
        #expect(refusal.purpose == .session(length: 1_000, cacheFormat: .float32))
        #expect("\(refusal)".contains("a session of 1,000 tokens needs"))
        #expect(shortage { () throws(SessionError) in _ = try sessions[0].fork() } == refusal)
        #expect(model.reservedByteCount == weights + 2 * need)

        // The original goes, and its fork keeps working; then there is room again.
        try sessions[0].prefill([1, 2, 3])
        sessions.removeFirst()
        #expect(model.reservedByteCount == weights + need)
        try sessions[0].prefill([1, 2, 3])
        sessions.append(try Session(model: model, options: options))

        let tight = try loadModel(memoryLimit: weights + need - 1)
        #expect(
            shortage { () throws(SessionError) in _ = try Session(model: tight, options: options) }?.availableByteCount
                == need - 1)
        _ = try Session(model: tight, options: SessionOptions(threadCount: 1, capacity: 500))
    }

    @Test func batches() throws {
        let roomy = try loadModel()
        let batch = try Batch(model: roomy, sessionLimit: 4, rowLimit: 4, threadCount: 1)
        let need = roomy.reservedByteCount - weights
        #expect(need > 4 * 67 * 4 && batch.sessionLimit == 4)
        let model = try loadModel(memoryLimit: weights + need - 1)
        let refusal = try #require(
            shortage { () throws(SessionError) in
                _ = try Batch(model: model, sessionLimit: 4, rowLimit: 4, threadCount: 1)
            })
        #expect(refusal.neededByteCount == need && refusal.purpose == .batch(sessionLimit: 4))
        #expect("\(refusal)".contains("batches of up to 4 sessions need"))
        _ = try Batch(model: model, sessionLimit: 2, rowLimit: 2, threadCount: 1)
    }

    /// What is computed beforehand is what a full session takes, in every family.
    @Test(arguments: ["gemma2", "gemma3_text", "gpt_neox", "phi3", "smollm3", "stablelm"])
    func families(name: String) throws {
        let model = try LanguageModel(directory: Fixtures.path("reference/\(name)"))
        for mode in [AttentionMode.plain, .selfExtend(SelfExtend(groupSize: 4, neighborWindow: 8))] {
            let before = model.reservedByteCount
            let session = try Session(
                model: model, options: SessionOptions(attention: mode, threadCount: 3, capacity: 60))
            try session.prefill((0..<60).map { $0 % 8 })
            #expect(session.memoryByteCount == model.reservedByteCount - before)
        }
    }

    /// What a fork shares it may have to take later: until then the machine must keep it.
    @Test func forksOnAMachine() throws {
        let directory = try TemporaryDirectory()
        try TinyLlama().write(to: directory)
        let ledger = MemoryLedger { nil }
        let model = try LanguageModel(directory: directory.path, ledger: ledger)
        let trunk = try Session(model: model, options: options)
        #expect(ledger.pendingByteCount == need)
        try trunk.prefill((0..<1_000).map { $0 % 67 })
        #expect(ledger.pendingByteCount == 0)
        let segments = model.configuration.cacheByteCount(length: 1_000)
        let fork = try trunk.fork()
        #expect(ledger.pendingByteCount > segments)
        // Another text copies both segments.
        try fork.truncate(to: 0)
        try fork.prefill((0..<1_000).map { ($0 + 1) % 67 })
        #expect(ledger.pendingByteCount == 0)
        // A fork that outlives its trunk takes the memory over when it writes there.
        var last: Session? = try fork.fork()
        try fork.truncate(to: 0)
        try fork.prefill([1])
        #expect(ledger.pendingByteCount > segments / 2)
        try last?.truncate(to: 0)
        try last?.prefill((0..<1_000).map { ($0 + 2) % 67 })
        #expect(ledger.pendingByteCount == 0)
        last = nil
        #expect(ledger.pendingByteCount == 0)
        // A truncated session gives nothing back.
        try trunk.truncate(to: 0)
        try trunk.prefill([1, 2, 3])
        #expect(trunk.memoryByteCount == need && ledger.pendingByteCount == 0)
    }

    /// What a session leaves to a cache is the kept session's alone. Counted as shared, it would be withheld from others a
    /// second time, beside what the machine's figures lack already.
    @Test func keptSessionsOnAMachine() throws {
        let directory = try TemporaryDirectory()
        try TinyLlama().write(to: directory)
        let ledger = MemoryLedger { nil }
        let model = try LanguageModel(directory: directory.path, ledger: ledger)
        let cache = PromptCache(model: model, options: options, sessionLimit: 2)
        var session: Session? = try cache.newSession(capacity: 1_000)
        try session?.prefill((0..<600).map { $0 % 67 })
        if let session { try cache.insertLast(session) }
        session = nil
        let (pending, reserved) = (ledger.pendingByteCount, model.reservedByteCount)
        // Before more is reserved, the cache takes note.
        let other = try cache.newSession(capacity: 1)
        withExtendedLifetime(other) {
            let added = model.reservedByteCount - reserved
            #expect(
                ledger.pendingByteCount <= pending + added - model.configuration.cacheByteCount(length: 600))
        }
    }

    /// A file's keys and values are read beside those that the session keeps until all of them are there.
    @Test func restoring() throws {
        // What is copied of a layer needs little beside the session.
        let copies = 4096
        let model = try loadModel(memoryLimit: weights + need + copies)
        let session = try Session(model: model, options: options)
        try session.prefill([1, 2, 3])
        let directory = try TemporaryDirectory()
        let path = directory.path + "/session"
        try session.save(to: path)
        let cacheByteCount = session.cacheByteCount
        do throws(SessionFileError) {
            try session.restore(from: path)
            Issue.record("twice as much memory was taken")
        } catch {
            guard case .session(.memory(let shortage)) = error else { throw error }
            #expect(shortage.neededByteCount == cacheByteCount && shortage.availableByteCount < copies)
        }
        #expect(session.tokens == [1, 2, 3])
        try session.truncate(to: 0)
        try session.restore(from: path)
        #expect(session.tokens == [1, 2, 3] && model.reservedByteCount == weights + need)
    }

    /// A beginning of what is inserted goes for it, rather than a stranger.
    @Test func promptCachesKeepStrangers() throws {
        let model = try loadModel(memoryLimit: weights + 3 * need)
        let cache = PromptCache(model: model, options: options)
        for tokens in [[9, 9], [1, 2]] {
            let session = try Session(model: model, options: options)
            try session.prefill(tokens)
            try cache.insert(session)
        }
        let longer = try Session(model: model, options: options)
        try longer.prefill([1, 2, 3])
        try cache.insert(longer)
        #expect(cache.count == 2)
        #expect(cache.cacheByteCount == 2 * longer.cacheByteCount)
        #expect(try cache.session(for: [9, 9, 1]).position == 2)
    }

    /// What a cache keeps goes where memory is needed: first the session that is continued, then the one that was not used
    /// for the longest. Where that doesn't help, it stays.
    @Test func promptCaches() throws {
        var options = SessionOptions(threadCount: 1, capacity: 2_000)
        options.rowLimit = 1
        let small = try need(of: 3, options)
        let full = try need(of: 2_000, options)
        let model = try loadModel(memoryLimit: weights + 2 * full + 3 * small)
        let cache = PromptCache(model: model, options: options)
        for first in 0..<3 {
            let session = try cache.session(for: [first])
            try session.prefill([first, 7, 8])
            try cache.insert(session)
        }
        #expect(cache.count == 3 && model.reservedByteCount == weights + 3 * small)
        var held = [try cache.session(for: [1, 7, 8, 9]), try cache.session(for: [1, 7, 9])]
        #expect(held.map(\.tokens) == [[1, 7, 8], [1, 7]] && cache.count == 3)
        // Of all that is kept, the one that is continued goes first.
        held.append(try cache.session(for: [1, 7, 8, 5], capacity: 4))
        #expect(held[2].tokens == [1, 7, 8] && held[2].capacity == 4 && cache.count == 2)
        #expect(cache.reusableCount(of: [1, 7, 8]) == 0 && cache.reusableCount(of: [0, 7, 8, 9]) == 3)
        try held[2].prefill([5])
        let alone = try Session(model: try loadModel(), options: options)
        try alone.prefill([1, 7, 8, 5])
        #expect(bits(held[2].logits) == bits(alone.logits))

        #expect(shortage { () throws(SessionError) in _ = try cache.session(for: [9]) } != nil)
        #expect(cache.count == 2, "nothing is dropped in vain")
        held.removeFirst()
        // Now dropping one of them helps.
        held.append(try cache.session(for: [9]))
        #expect(cache.count == 2)
        held.append(try cache.session(for: [9], capacity: 10))
        #expect(cache.count == 1 && cache.reusableCount(of: [2, 7, 8, 9]) == 3)
    }

    /// What a session of some capacity reserves.
    private func need(of capacity: Int, _ options: SessionOptions) throws -> Int {
        let model = try loadModel()
        var options = options
        options.capacity = capacity
        let session = try Session(model: model, options: options)
        return withExtendedLifetime(session) { model.reservedByteCount - weights }
    }

    /// A session that is inserted last makes room for what is kept of it.
    @Test func lastInsertions() throws {
        let model = try loadModel(memoryLimit: weights + need)
        let cache = PromptCache(model: model, options: options)
        let session = try cache.session(for: [1])
        try session.prefill([1, 2, 3])
        #expect(shortage { () throws(SessionError) in try cache.insert(session) } != nil)
        try cache.insertLast(session)
        #expect(cache.count == 1 && model.reservedByteCount < weights + need)
        #expect(try cache.session(for: [1, 2, 3, 4]).position == 3)
    }

    /// A session reserves what its capacity and the rows of its passes need; both are less in a server.
    @Test func smallSessions() throws {
        let model = try loadModel()
        var small = options
        small.rowLimit = 1
        let session = try Session(model: model, options: small)
        #expect(model.reservedByteCount - weights < need)
        let reserved = model.reservedByteCount
        try session.prefill((0..<1_000).map { $0 % 67 })
        #expect(session.memoryByteCount == reserved - weights)
        let fork = try session.fork(keeping: 400, capacity: 500)
        let forkNeed = model.reservedByteCount - reserved
        #expect(forkNeed < reserved - weights)
        try fork.prefill((0..<100).map { $0 % 67 })
        #expect(fork.memoryByteCount == forkNeed)
    }
}
