import LongLM

extension Workload {
    /// ``BenchmarkCase/prefill(length:isExtended:_:)``.
    ///
    /// - Throws: `SessionError` when the session can't be made.
    static func prefill(
        _ benchmark: BenchmarkCase, _ model: LanguageModel, length: Int, isExtended: Bool, cacheFormat: CacheFormat,
        threadCount: Int
    ) throws -> Workload {
        let attention = attentionMode(isExtended: isExtended)
        let tokens = benchmarkTokens(length, model)
        var session: Session?
        func prepare() throws {
            session = nil
            session = try Session(
                model: model,
                options: SessionOptions(
                    attention: attention, threadCount: threadCount, capacity: length,
                    cacheFormat: cacheFormat))
        }
        return Workload(
            benchmark,
            amount: model.configuration.operationCount(prefillOf: length, attention: attention),
            tokenCount: length, prepare: prepare
        ) { try session?.prefill(tokens) }
    }

    /// ``BenchmarkCase/decode(depth:isExtended:_:)``: sixteen tokens a run.
    ///
    /// - Throws: `SessionError` when the session can't be made or filled.
    static func decode(
        _ benchmark: BenchmarkCase, _ model: LanguageModel, depth: Int, isExtended: Bool, cacheFormat: CacheFormat,
        threadCount: Int
    ) throws -> Workload {
        let attention = attentionMode(isExtended: isExtended)
        let stepCount = 16
        // One session serves many runs, so that its first `depth` tokens aren't processed for each.
        let runCount = 16
        func makeSession() throws -> Session {
            let session = try Session(
                model: model,
                options: SessionOptions(
                    attention: attention, threadCount: threadCount,
                    capacity: depth + runCount * stepCount,
                    cacheFormat: cacheFormat))
            if depth > 0 { try session.prefill(benchmarkTokens(depth, model)) }
            return session
        }
        var session = try makeSession()
        // In the mean of all runs.
        let cache = model.configuration.cacheByteCount(
            position: depth + runCount * stepCount / 2, cacheFormat: session.cacheFormat)
        return Workload(
            benchmark,
            amount: Double(stepCount) * Double(model.decodeByteCount + cache), tokenCount: stepCount,
            prepare: { if session.capacity - session.position < stepCount { session = try makeSession() } }
        ) {
            for step in 0..<stepCount { try session.decode(step % model.configuration.vocabularySize) }
        }
    }

    /// ``BenchmarkCase/batch(count:_:)``: sixteen tokens of each text a run.
    ///
    /// - Throws: `SessionError` when the sessions can't be made.
    static func batch(
        _ benchmark: BenchmarkCase, _ model: LanguageModel, count: Int, cacheFormat: CacheFormat, threadCount: Int
    ) throws -> Workload {
        let stepCount = 16
        let batch = try Batch(model: model, sessionLimit: count, rowLimit: count, threadCount: threadCount)
        let sessions = try (0..<count).map { _ in
            try Session(
                model: model,
                options: SessionOptions(threadCount: threadCount, capacity: 256, cacheFormat: cacheFormat))
        }
        let cache = model.configuration.cacheByteCount(position: 128, cacheFormat: sessions[0].cacheFormat)
        return Workload(
            benchmark,
            amount: Double(stepCount) * Double(model.decodeByteCount + count * cache), tokenCount: stepCount * count,
            prepare: {
                for session in sessions where session.capacity - session.position < stepCount {
                    try session.truncate(to: 0)
                }
            }
        ) {
            for step in 0..<stepCount {
                let tokens = (0..<count).map { (step + 7 * $0) % model.configuration.vocabularySize }
                try batch.decode(tokens, in: sessions)
            }
        }
    }

    /// Plain attention, or Self-Extend with G = 8 and the shared W.
    private static func attentionMode(isExtended: Bool) -> AttentionMode {
        guard isExtended else { return .plain }
        return .selfExtend(SelfExtend(groupSize: 8, neighborWindow: KernelShape.neighborWindow))
    }
}

extension ModelConfiguration {
    /// The bytes of keys and values that a decode step at `position` reads.
    func cacheByteCount(position: Int, cacheFormat: CacheFormat) -> Int {
        layerCount * position * 2 * keyValueHeadCount * cacheFormat.byteCount(headDimension)
    }
}
