import LongLM
import ModelTwins
import SIMDKernels
import Testing
import TestSupport

/// What a session accepts, refuses and reports. That its bits don't depend on how it runs is in `SameBitsTests`.
@Suite struct SessionTests {
    private let model: LanguageModel
    private let tokens: [Int]

    init() throws {
        model = try loadModel()
        var generator = SeededGenerator(seed: 21)
        tokens = generator.tokens(64, below: 67)
    }

    private func refusal(_ options: SessionOptions) -> SessionError? {
        do throws(SessionError) {
            _ = try Session(model: model, options: options)
            return nil
        } catch { return error }
    }

    @Test func defaultCapacity() throws {
        let plain = try Session(model: model)
        #expect(plain.capacity == 64 && plain.position == 0 && plain.logits.isEmpty && plain.attention == .plain)
        #expect(try plain.threadCount == Team.preferredThreadCount())
        let selfExtend = SelfExtend(groupSize: 4, neighborWindow: 16)
        let extended = try Session(
            model: model, options: SessionOptions(attention: AttentionMode(selfExtend), threadCount: 2))
        #expect(extended.capacity == (64 - 16) * 4 + 16)
        #expect(extended.attention == .selfExtend(selfExtend) && extended.threadCount == 2)
        // Where Self-Extend reaches further than positions are exact, that is the end.
        let far = SelfExtend(groupSize: 1 << 20, neighborWindow: 16)
        #expect(try Session(model: model, options: SessionOptions(attention: AttentionMode(far))).capacity == 1 << 24)
        #expect(try Session(model: model, options: SessionOptions(capacity: 1_000)).capacity == 1_000)
    }

    @Test func longestDefaultCapacity() throws {
        var tiny = TinyLlama()
        (tiny.contextLength, tiny.layerCount) = (1 << 20, 1)
        let selfExtend = SelfExtend(groupSize: 512, neighborWindow: 512)
        let session = try Session(
            model: try loadModel(tiny), options: SessionOptions(attention: AttentionMode(selfExtend)))
        #expect(session.capacity == 1 << 24 && selfExtend.capacity(contextLength: 1 << 20) > 1 << 24)
    }

    @Test func optionsOutOfRange() {
        for count in [0, -1, 1025, Int.max, Int.min] {
            #expect(
                refusal(SessionOptions(threadCount: count))
                    == .invalidOption(InvalidOption("number of threads", count, allowed: "between 1 and 1024")))
        }
        for capacity in [0, -1, 1 << 24 + 1, Int.max, Int.min] {
            #expect(
                refusal(SessionOptions(capacity: capacity))
                    == .invalidOption(InvalidOption("capacity", capacity, allowed: "between 1 and 16777216")))
        }
        let window = "at least 1 and less than the model's context length of 64"
        let meaningless = [
            (0, 16, InvalidOption("group size", 0, allowed: "between 1 and 1048576")),
            (1 << 21, 16, InvalidOption("group size", 1 << 21, allowed: "between 1 and 1048576")),
            (4, 0, InvalidOption("neighbor window", 0, allowed: window)),
            (4, 64, InvalidOption("neighbor window", 64, allowed: window)),
        ]
        for (group, window, option) in meaningless {
            let attention = AttentionMode(SelfExtend(groupSize: group, neighborWindow: window))
            #expect(refusal(SessionOptions(attention: attention)) == .attention(.invalidOption(option)))
        }
    }

    /// What doesn't fit or doesn't exist is refused before any work, and leaves the session as it was.
    @Test func refusalsChangeNothing() throws {
        let session = try Session(model: model)
        let undisturbed = try Session(model: model)
        #expect(throws: SessionError.noTokens) { try session.prefill([]) }
        #expect(throws: SessionError.noTokens) { try session.prefillAllLogits([]) }
        #expect(throws: SessionError.capacityExceeded(needed: 65, capacity: 64)) {
            try session.prefill(tokens + [1])
        }
        #expect(session.position == 0 && session.logits.isEmpty)

        try session.prefill(Array(tokens[..<40]))
        try undisturbed.prefill(Array(tokens[..<40]))
        let logits = bits(session.logits)
        let bytes = session.cacheByteCount
        func refuses(_ error: SessionError, _ body: () throws -> Void) {
            #expect(throws: error) { try body() }
            #expect(session.position == 40 && bits(session.logits) == logits && session.cacheByteCount == bytes)
        }
        refuses(.capacityExceeded(needed: 65, capacity: 64)) { try session.prefill(Array(tokens[..<25])) }
        refuses(.capacityExceeded(needed: 65, capacity: 64)) { _ = try session.prefillAllLogits(Array(tokens[..<25])) }
        for stranger in [-1, 67, Int.max, Int.min] {
            // The stranger is last, so that its predecessors could have been processed.
            let error = SessionError.tokenOutOfRange(id: stranger, vocabularySize: 67)
            refuses(error) { try session.prefill([1, 2, stranger]) }
            refuses(error) { _ = try session.prefillAllLogits([1, 2, stranger]) }
            refuses(error) { try session.decode(stranger) }
        }
        refuses(.noTokens) { try session.prefill([]) }

        try session.prefill(Array(tokens[40...]))
        try undisturbed.prefill(Array(tokens[40...]))
        #expect(session.position == 64 && bits(session.logits) == bits(undisturbed.logits))
        #expect(throws: SessionError.capacityExceeded(needed: 65, capacity: 64)) { try session.decode(1) }
    }

    @Test func lastLogitsAreThoseOfTheLastRow() throws {
        let all = try Session(model: model)
        let rows = try all.prefillAllLogits(tokens)
        let last = try Session(model: model)
        try last.prefill(tokens)
        #expect(rows.count == 64 * 67 && last.logits.count == 67 && all.position == 64 && last.position == 64)
        #expect(bits(all.logits) == bits(Array(rows.suffix(67))) && bits(last.logits) == bits(all.logits))
    }

    /// A forward pass takes 512 rows at most, and progress is told after each.
    @Test(arguments: [1, 511, 512, 513, 1_024, 1_300])
    func progress(count: Int) throws {
        let options = SessionOptions(capacity: 1_400)
        let long = (0..<count).map { $0 % 67 }
        let expected = Array(stride(from: 512, to: count, by: 512)) + [count]
        let session = try Session(model: model, options: options)
        var told: [Int] = []
        var positions: [Int] = []
        try session.prefill(long) { done in
            told.append(done)
            positions.append(session.position)
            // Looking at the session is allowed while it works.
            #expect(session.logits.isEmpty)
        }
        #expect(told == expected && positions == expected)
        told = []
        let again = try Session(model: model, options: options)
        _ = try again.prefillAllLogits(long) { told.append($0) }
        #expect(told == expected)
    }

    /// A cancelled prefill stops between two steps; the session goes on from there to the bits of an undisturbed one.
    @Test(arguments: [false, true])
    func cancellation(wantsAll: Bool) async throws {
        let long = (0..<1_300).map { $0 * 7 % 67 }
        let options = SessionOptions(
            attention: .selfExtend(SelfExtend(groupSize: 4, neighborWindow: 16)), threadCount: 3, capacity: 1_400)
        let keeper = try SessionKeeper(model: model, options: options)
        try await keeper.prefill([1, 2, 3])
        let error = await Task { await keeper.prefillCancelledMidway(long, wantsAll: wantsAll) }.value
        #expect(error == .cancelled(position: 515))
        // The logits of position 514 were not computed, and older ones would mislead.
        #expect(await keeper.position == 515)
        #expect(await keeper.logitBits == Bits())

        try await keeper.prefill(Array(long[512...]))
        let undisturbed = try Session(model: model, options: options)
        try undisturbed.prefill([1, 2, 3] + long)
        #expect(await keeper.logitBits == bits(undisturbed.logits))
    }

    /// Work from within a prefill would overwrite what that one is about to write.
    @Test func workFromWithinProgress() throws {
        let session = try Session(model: model, options: SessionOptions(capacity: 1_400))
        var refusals: [SessionError] = []
        try session.prefill((0..<1_300).map { $0 * 7 % 67 }) { _ in
            do throws(SessionError) {
                try session.decode(1)
            } catch { refusals.append(error) }
        }
        #expect(refusals == [.busy, .busy, .busy])
        #expect(session.position == 1_300)
        try session.decode(1)
        #expect(session.position == 1_301)
    }

    /// A prefill or decode of a task that is cancelled already does nothing.
    @Test func cancellationBeforeTheFirstStep() async throws {
        let keeper = try SessionKeeper(model: model, options: SessionOptions())
        try await keeper.prefill([1, 2, 3])
        let logits = await keeper.logitBits
        let error = await Task { () -> SessionError? in
            withUnsafeCurrentTask { $0?.cancel() }
            do throws(SessionError) {
                try await keeper.prefill([4])
                return nil
            } catch { return error }
        }.value
        #expect(error == .cancelled(position: 3))
        #expect(await keeper.position == 3)
        #expect(await keeper.logitBits == logits)

        try await keeper.prefill([4])
        let undisturbed = try Session(model: model)
        try undisturbed.prefill([1, 2, 3, 4])
        #expect(await keeper.logitBits == bits(undisturbed.logits))
    }

    /// The threads of the team are none of the main actor's, which must not matter to a caller on it.
    @Test @MainActor func mainActor() throws {
        let session = try Session(model: model, options: SessionOptions(threadCount: 3))
        var told = 0
        try session.prefill(tokens) { told = $0 }
        let elsewhere = try allLogits(model, tokens)
        #expect(told == 64 && bits(session.logits) == bits(Array(elsewhere.suffix(67))))
    }

    /// The memory that `cacheByteCount(length:neighborWindow:)` foretells is what a full session takes.
    @Test(arguments: [nil, 1, 16, 40, 63] as [Int?], [1, 64, 700, 1_024, 1_025, 2_100])
    func cacheMemory(window: Int?, length: Int) throws {
        let selfExtend = window.map { SelfExtend(groupSize: 1, neighborWindow: $0) }
        let session = try Session(
            model: model, options: SessionOptions(attention: AttentionMode(selfExtend), capacity: length))
        let ringOnly = session.cacheByteCount
        try session.prefill((0..<length).map { $0 % 67 })
        let foretold = model.configuration.cacheByteCount(length: length, neighborWindow: window)
        #expect(session.cacheByteCount == foretold)
        // Keys and values of whole segments at least; and segments are not allocated before they are needed.
        #expect(foretold >= 2 * 2 * length * 2 * 12 * 4)
        #expect((ringOnly == 0) == (window == nil) && ringOnly < foretold)
    }

    /// Token by token past the end of a segment, where the cache and the list of tokens grow, and what the session has
    /// reserved is told.
    @Test func memoryOfDecoding() throws {
        let session = try Session(model: model, options: SessionOptions(capacity: 1_100))
        #expect(model.reservedByteCount > model.weightByteCount)
        try session.prefill([1])
        let before = session.memoryByteCount
        let segment = session.cacheByteCount
        for index in 1..<1_030 { try session.decode(index % 67) }
        #expect(session.cacheByteCount == 3 * segment)
        #expect(session.memoryByteCount >= before + 2 * segment + 1_000 * MemoryLayout<Int>.stride)
        #expect(session.memoryByteCount <= model.reservedByteCount - model.weightByteCount)
    }

    @Test func ringCoversTheWindowAndNotTheText() {
        let configuration = model.configuration
        let short = configuration.cacheByteCount(length: 10_000, neighborWindow: 16)
        let long = configuration.cacheByteCount(length: 1 << 24, neighborWindow: 16)
        let ring = { (length: Int, bytes: Int) in bytes - configuration.cacheByteCount(length: length) }
        #expect(ring(10_000, short) == ring(1 << 24, long) && ring(10_000, short) > 0)
    }
}

/// A session in an actor, as a server would keep it.
private actor SessionKeeper {
    private let session: Session

    init(model: LanguageModel, options: SessionOptions) throws {
        session = try Session(model: model, options: options)
    }

    var position: Int { session.position }
    var logitBits: Bits { bits(session.logits) }

    func prefill(_ tokens: [Int]) throws(SessionError) { try session.prefill(tokens) }

    /// Cancels the calling task after the first step.
    func prefillCancelledMidway(_ tokens: [Int], wantsAll: Bool) -> SessionError? {
        let cancel = { (_: Int) -> Void in withUnsafeCurrentTask { task in task?.cancel() } }
        do throws(SessionError) {
            if wantsAll {
                _ = try session.prefillAllLogits(tokens, progress: cancel)
            } else {
                try session.prefill(tokens, progress: cancel)
            }
            return nil
        } catch { return error }
    }
}
