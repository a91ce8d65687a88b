import Foundation
import LongLM
import ModelTwins
import Testing
import TestSupport

/// That a cancelled forward pass ends between two of its layers and leaves no trace.
///
/// The model has so many layers that one pass of many rows takes much longer than the milliseconds after which its task is
/// cancelled: a pass that didn't look between its layers would come to its end. A loaded machine can be late with the
/// cancellation, so what wasn't met by it is tried again.
@Suite struct CancellationTests {
    private static let deep: Result<LanguageModel, any Error> = Result {
        var tiny = TinyLlama()
        (tiny.hiddenSize, tiny.intermediateSize, tiny.layerCount) = (16, 24, 400)
        (tiny.queryHeadCount, tiny.keyValueHeadCount) = (2, 1)
        return try loadModel(tiny)
    }

    private static let modes: [AttentionMode] = [.plain, .selfExtend(SelfExtend(groupSize: 4, neighborWindow: 16))]

    private let model: LanguageModel
    private let tokens: [Int]

    init() throws {
        model = try Self.deep.get()
        var generator = SeededGenerator(seed: 79)
        tokens = generator.tokens(1_200, below: 67)
    }

    private func makeSession(_ mode: AttentionMode, threads: Int, capacity: Int = 1_200) throws -> Session {
        try Session(
            model: model, options: SessionOptions(attention: mode, threadCount: threads, capacity: capacity))
    }

    /// Runs a body in a task of its own, and cancels that from another thread `delay` seconds after the body has called
    /// `begin`.
    private func cancelled<Value: Sendable>(
        after delay: Double, _ body: @escaping @Sendable (_ begin: @escaping () -> Void) -> Value
    ) async -> Value {
        let signal = DispatchSemaphore(value: 0)
        let task = Task.detached { body { signal.signal() } }
        Thread {
            signal.wait()
            if delay > 0 { Thread.sleep(forTimeInterval: delay) }
            task.cancel()
        }.start()
        return await task.value
    }

    /// The error of a trial that a cancellation met, and what was tried; the last trial's if none was.
    private func met<Failure, Value>(_ trial: () async throws -> (Failure?, Value)) async throws -> (Failure?, Value) {
        var result = try await trial()
        for _ in 0..<20 where result.0 == nil { result = try await trial() }
        return result
    }

    /// The first pass of a prefill.
    @Test(arguments: modes, [1, 2, 3])
    func prefill(mode: AttentionMode, threads: Int) async throws {
        let tokens = tokens
        let undisturbed = try makeSession(mode, threads: 1)
        try undisturbed.prefill(Array(tokens[..<3]))
        let logits = bits(undisturbed.logits)
        try undisturbed.prefill(Array(tokens[3..<9]))
        for wantsAll in [false, true] {
            let (error, session) = try await met {
                let session = Transferred(value: try makeSession(mode, threads: threads))
                try session.value.prefill(Array(tokens[..<3]))
                let error = await cancelled(after: 0.01) { begin -> SessionError? in
                    begin()
                    return thrownError { () throws(SessionError) in
                        if wantsAll {
                            _ = try session.value.prefillAllLogits(Array(tokens[3..<515]))
                        } else {
                            try session.value.prefill(Array(tokens[3..<515]))
                        }
                    }
                }
                return (error, session)
            }
            #expect(error == .cancelled(position: 3))
            // Nothing was processed, so the logits are still those of the last token.
            #expect(session.value.tokens == Array(tokens[..<3]) && bits(session.value.logits) == logits)
            try session.value.prefill(Array(tokens[3..<9]))
            #expect(bits(session.value.logits) == bits(undisturbed.logits))
        }
    }

    /// The second pass of a prefill: what the first one did is kept, and can be taken back.
    @Test(arguments: modes)
    func laterStep(mode: AttentionMode) async throws {
        let tokens = tokens
        let (error, session) = try await met {
            let session = Transferred(value: try makeSession(mode, threads: 2))
            // There are logits, which are older than what the first pass does.
            try session.value.prefill([tokens[0], tokens[1]])
            let error = await cancelled(after: 0.01) { begin -> SessionError? in
                thrownError { () throws(SessionError) in
                    try session.value.prefill(Array(tokens[2..<1_026])) { _ in begin() }
                }
            }
            return (error, session)
        }
        #expect(error == .cancelled(position: 514))
        #expect(session.value.tokens == Array(tokens[..<514]) && session.value.logits.isEmpty)

        // The pass wrote neighbor keys ahead, which makes nothing of the past invalid.
        let earliest = session.value.earliestTruncation
        #expect(earliest < 514 && (mode == .plain) == (earliest == 0))
        let undisturbed = try makeSession(mode, threads: 2)
        try undisturbed.prefill(Array(tokens[..<514]))
        let other = try undisturbed.fork()
        try session.value.prefill([8, 9])
        try undisturbed.prefill([8, 9])
        #expect(bits(session.value.logits) == bits(undisturbed.logits))
        try session.value.truncate(to: earliest)
        try other.truncate(to: earliest)
        try session.value.prefill([5, 6])
        try other.prefill([5, 6])
        #expect(bits(session.value.logits) == bits(other.logits))
    }

    /// A decode is as if it had not been asked for: its logits are those of before, and none where there were none.
    ///
    /// It doesn't take long enough to be met for certain, so it is tried until it was.
    @Test(arguments: modes, [true, false])
    func decode(mode: AttentionMode, hasLogits: Bool) async throws {
        let session = Transferred(value: try makeSession(mode, threads: 1))
        let tokens = tokens
        try session.value.prefill(Array(tokens[..<40]))
        func prepare() throws {
            guard hasLogits else { return try session.value.truncate(to: 40) }
            try session.value.truncate(to: 39)
            try session.value.decode(tokens[39])
        }
        try session.value.decode(9)
        let expected = bits(session.value.logits)
        try prepare()
        let before = bits(session.value.logits)
        #expect((before == Bits()) == !hasLogits)
        var cancellations = 0
        for trial in 0..<1_000 where cancellations < 8 {
            let error = await cancelled(after: Double(trial % 8) * 1e-4) { begin -> SessionError? in
                begin()
                return thrownError { () throws(SessionError) in try session.value.decode(9) }
            }
            if error != nil {
                cancellations += 1
                #expect(error == .cancelled(position: 40))
                #expect(session.value.tokens == Array(tokens[..<40]) && bits(session.value.logits) == before)
                try session.value.decode(9)
            }
            #expect(bits(session.value.logits) == expected && session.value.position == 41)
            try prepare()
        }
        #expect(cancellations == 8)
    }

    /// All sessions of a cancelled batch are as before.
    @Test(arguments: [1, 2])
    func batch(threads: Int) async throws {
        let sessions = try (0..<5).map { index in
            let session = try makeSession(Self.modes[index % 2], threads: 1, capacity: 64)
            try session.prefill(Array(tokens[..<(20 + index)]))
            return session
        }
        let next = Array(tokens[40..<45])
        let expected = try zip(sessions, next).map { session, token in
            try session.decode(token)
            defer { try? session.truncate(to: session.position - 1) }
            return bits(session.logits)
        }
        let before = sessions.map(\.tokens)
        let transferred = Transferred(
            value: (
                batch: try Batch(model: model, sessionLimit: 5, rowLimit: 5, threadCount: threads), sessions: sessions
            ))
        var cancellations = 0
        for trial in 0..<1_000 where cancellations < 6 {
            let error = await cancelled(after: Double(trial % 8) * 1e-4) { begin -> SessionError? in
                begin()
                return thrownError { () throws(SessionError) in
                    try transferred.value.batch.decode(next, in: transferred.value.sessions)
                }
            }
            if error != nil {
                cancellations += 1
                #expect(error == .cancelled(position: 20))
                #expect(sessions.map(\.tokens) == before && sessions.allSatisfy { $0.logits.isEmpty })
                try transferred.value.batch.decode(next, in: sessions)
            }
            #expect(sessions.map { bits($0.logits) } == expected)
            for (session, tokens) in zip(sessions, before) { try session.truncate(to: tokens.count) }
        }
        #expect(cancellations == 6)
    }

    /// A cancelled round of two generations that decode and two whose prompts are being read: none loses a token.
    @Test(arguments: [1, 2])
    func round(threads: Int) async throws {
        let lengths = [20, 30, 45, 60]
        func generations() throws -> [Generation] {
            try lengths.enumerated().map { index, length in
                try Generation(
                    session: try makeSession(Self.modes[index % 2], threads: 1, capacity: 100),
                    prompt: Array(tokens[index..<(index + length)]),
                    options: GenerationOptions(tokenLimit: 6, endTokens: []))
            }
        }
        let expected = try generations().map { try $0.rest().map(\.id) }
        let together = Transferred(
            value: (batch: try Batch(model: model, sessionLimit: 4, threadCount: threads), all: try generations()))
        let (batch, all) = together.value
        var found = all.map { _ in [Int?]() }
        // The first two get ahead of the others.
        for _ in 0..<2 {
            for (index, result) in try batch.next(for: Array(all[..<2])).enumerated() {
                if let token = try result.get().token { found[index].append(token.id) }
            }
        }
        var cancellations = 0
        for trial in 0..<2_000 where cancellations < 6 || all.contains(where: { $0.stopReason == nil }) {
            // Until it was met often enough, the round is only tried.
            let delay = cancellations < 6 ? Double(trial % 8) * 1e-4 : 10
            let before = all.map { [$0.session.position, $0.statistics.promptTokenCount] }
            typealias Round = Result<[Batch.Outcome], GenerationError>
            let round = await cancelled(after: delay) { begin -> Transferred<Round> in
                if delay < 10 { begin() }
                return Transferred(
                    value: Result { () throws(GenerationError) in
                        var outcomes: [Batch.Outcome] = []
                        for result in try together.value.batch.next(for: together.value.all, promptRowLimit: 4) {
                            outcomes.append(try result.get())
                        }
                        return outcomes
                    })
            }
            switch round.value {
            case .success(let outcomes):
                for (index, outcome) in outcomes.enumerated() {
                    if let token = outcome.token { found[index].append(token.id) }
                }
            case .failure(let error):
                cancellations += 1
                guard error.isCancellation else { throw error }
                #expect(all.map { [$0.session.position, $0.statistics.promptTokenCount] } == before)
            }
        }
        #expect(cancellations >= 1 && found == expected)
    }

    /// A generation's prompt and its tokens.
    @Test func generation() async throws {
        let (error, generation) = try await met {
            let generation = Transferred(
                value: try Generation(
                    session: makeSession(.plain, threads: 2), prompt: Array(tokens[..<512]),
                    options: GenerationOptions(tokenLimit: 3)))
            let error = await cancelled(after: 0.01) { begin -> GenerationError? in
                begin()
                return thrownError { () throws(GenerationError) in _ = try generation.value.next() }
            }
            return (error, generation)
        }
        #expect(error == .session(.cancelled(position: 0)) && generation.value.stopReason == nil)
        #expect(generation.value.statistics.promptTokenCount == 0 && generation.value.session.position == 0)
    }

    /// A task that is cancelled already begins nothing, and takes no memory for it.
    @Test func beforehand() async throws {
        let batch = Transferred(value: try Batch(model: model, sessionLimit: 2, rowLimit: 2, threadCount: 1))
        let sessions = Transferred(
            value: try [makeSession(.plain, threads: 1), makeSession(.plain, threads: 1)])
        try sessions.value[1].prefill([1])
        let bytes = sessions.value.map(\.cacheByteCount)
        let errors = await Task { () -> [SessionError?] in
            withUnsafeCurrentTask { $0?.cancel() }
            return [
                thrownError { () throws(SessionError) in try batch.value.decode([1, 2], in: sessions.value) },
                thrownError { () throws(SessionError) in try sessions.value[0].decode(1) },
                thrownError { () throws(SessionError) in try sessions.value[1].decode(1) },
            ]
        }.value
        #expect(errors == [.cancelled(position: 0), .cancelled(position: 0), .cancelled(position: 1)])
        #expect(sessions.value.map(\.position) == [0, 1] && sessions.value[0].logits.isEmpty)
        #expect(sessions.value.map(\.cacheByteCount) == bytes)
    }
}
