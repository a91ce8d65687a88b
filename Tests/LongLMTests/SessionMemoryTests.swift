import LongLM
import TestSupport
import Testing

/// That sessions and batches are refused where a limit leaves no room for them, before any of it is taken.
@Suite struct SessionMemoryTests {
    private let options = SessionOptions(threadCount: 1, maximumLength: 1_000)
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
        guard case .memory(let shortage) = sessionError(body) else { return nil }
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
        #expect(refusal.purpose == .session(length: 1_000, cacheType: .float32))
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
        _ = try Session(model: tight, options: SessionOptions(threadCount: 1, maximumLength: 500))
    }

    @Test func batches() throws {
        let roomy = try loadModel()
        let decoder = try BatchedDecoder(model: roomy, maximumBatchSize: 4, threadCount: 1)
        let batch = roomy.reservedByteCount - weights
        #expect(batch > 4 * 67 * 4 && decoder.maximumBatchSize == 4)
        let model = try loadModel(memoryLimit: weights + batch - 1)
        let refusal = try #require(
            shortage { () throws(SessionError) in
                _ = try BatchedDecoder(model: model, maximumBatchSize: 4, threadCount: 1)
            })
        #expect(refusal.neededByteCount == batch && refusal.purpose == .batch(maximumSize: 4))
        #expect("\(refusal)".contains("batches of up to 4 sessions need"))
        _ = try BatchedDecoder(model: model, maximumBatchSize: 2, threadCount: 1)
    }

    /// What a cache keeps goes where memory is needed, the session that was not used for the longest first; where there is
    /// none for a fork, the kept session itself is given.
    @Test func promptCaches() throws {
        let model = try loadModel(memoryLimit: weights + 3 * need)
        let cache = PromptCache(model: model, options: options)
        for first in 0..<2 {
            let session = try cache.session(for: [first])
            try session.prefill([first, 7, 8])
            try cache.insert(session)
        }
        #expect(cache.count == 2)
        var held = [try cache.session(for: [1, 7, 8, 9])]
        #expect(held[0].position == 3 && cache.count == 2)
        held.append(try cache.session(for: [1, 7, 9]))
        #expect(held[1].tokens == [1, 7] && cache.count == 1, "the other one made room")
        held.append(try cache.session(for: [1, 7, 8, 5]))
        #expect(held[2].tokens == [1, 7, 8] && cache.count == 0, "the kept one itself")
        #expect(shortage { () throws(SessionError) in _ = try cache.session(for: [1]) } != nil)
        try held[2].prefill([5])
        let alone = try Session(model: try loadModel(), options: options)
        try alone.prefill([1, 7, 8, 5])
        #expect(bits(held[2].logits) == bits(alone.logits))
    }
}
