import LongLM
import ModelTwins
import SIMDKernels
import Testing
import TestSupport

/// That a shortened session gives the bits of one that never saw the rest.
@Suite struct TruncationTests {
    private static let modes: [AttentionMode] = [
        .plain, .selfExtend(SelfExtend(groupSize: 4, neighborWindow: 16)),
        .selfExtend(SelfExtend(groupSize: 3, neighborWindow: 50, shift: .fractional, queryScaleBase: 48)),
        .reRoPE(ReRoPE(neighborWindow: 20)), .leakyReRoPE(LeakyReRoPE(slowdown: 2.5, neighborWindow: 24)),
    ]

    private let model: LanguageModel
    private let tokens: [Int]
    private let otherTokens: [Int]

    init() throws {
        model = try loadModel()
        var generator = SeededGenerator(seed: 78)
        tokens = generator.tokens(1_400, below: 67)
        otherTokens = generator.tokens(1_400, below: 67)
    }

    private func makeSession(
        _ mode: AttentionMode, _ cacheFormat: CacheFormat = .float32, capacity: Int = 1_400
    ) throws -> Session {
        try Session(
            model: model,
            options: SessionOptions(
                attention: mode, threadCount: 2, capacity: capacity, cacheFormat: cacheFormat))
    }

    /// The logits of the last token of a session that saw these alone.
    private func logits(after tokens: [Int], _ mode: AttentionMode, _ cacheFormat: CacheFormat = .float32) throws
        -> Bits
    {
        let session = try makeSession(mode, cacheFormat)
        try session.prefill(tokens)
        return bits(session.logits)
    }

    /// Shortens, and expects all of a continuation's logits to be those of an untouched session.
    private func expectCleanCut(_ session: Session, to length: Int, _ comment: Comment) throws {
        let kept = Array(session.tokens[..<length])
        try session.truncate(to: length)
        #expect(session.tokens == kept && session.position == length && session.logits.isEmpty, comment)

        let fresh = try makeSession(session.attention, session.cacheFormat)
        if length > 0 { try fresh.prefill(kept) }
        let rest = Array(otherTokens[length..<(length + 90)])
        #expect(bits(try session.prefillAllLogits(rest)) == bits(try fresh.prefillAllLogits(rest)), comment)
        try session.decode(7)
        try fresh.decode(7)
        #expect(bits(session.logits) == bits(fresh.logits), comment)
    }

    /// Within a segment of 512 positions, at its end, across one and several, by one token, and to nothing. Odd lengths
    /// leave half of a word of a bfloat16 cache.
    @Test(arguments: modes, CacheFormat.allCases)
    func nothingIsLeftOfTheRest(mode: AttentionMode, cacheFormat: CacheFormat) throws {
        let cuts = [
            (300, 299), (300, 1), (513, 512), (513, 511), (700, 481), (1_024, 512), (1_300, 1_024), (1_300, 821),
            (600, 0),
        ]
        for (from, to) in cuts {
            let session = try makeSession(mode, cacheFormat)
            try session.prefill(Array(tokens[..<from]))
            try #require(to == 0 || to >= session.earliestTruncation)
            try expectCleanCut(session, to: to, "\(from) to \(to)")
        }
    }

    /// A plain session can go back by any number of segments.
    @Test func plainSessionsGoBackAnyway() throws {
        for to in [1, 100, 512, 513] {
            let session = try makeSession(.plain)
            try session.prefill(tokens)
            #expect(session.earliestTruncation == 0)
            try expectCleanCut(session, to: to, "to \(to)")
        }
    }

    /// The least length is allowed, one less is refused and changes nothing, and 0 is always possible.
    @Test(arguments: [1, 16, 31, 32, 33, 63], [300, 700, 1_300])
    func earliestTruncation(window: Int, length: Int) throws {
        let mode = AttentionMode.selfExtend(SelfExtend(groupSize: 1, neighborWindow: window))
        let session = try makeSession(mode)
        try session.prefill(Array(tokens[..<length]))
        let earliest = session.earliestTruncation
        guard earliest > 0 else {
            #expect(length == 300, "300 tokens are all in the ring")
            return try expectCleanCut(session, to: 1, "to 1")
        }
        // As much as a step's rows can be taken back, and memory doesn't grow with the text.
        #expect((500...600).contains(length - earliest))
        let (logits, kept) = (bits(session.logits), session.tokens)
        for refused in [earliest - 1, 1] {
            #expect(throws: SessionError.cannotTruncate(to: refused, earliest: earliest)) {
                try session.truncate(to: refused)
            }
            #expect(bits(session.logits) == logits && session.tokens == kept)
        }
        try expectCleanCut(session, to: earliest, "to \(earliest)")
        // What was written again doesn't bring back what is gone.
        #expect(session.earliestTruncation == earliest)
        try expectCleanCut(session, to: earliest, "again to \(earliest)")
        #expect(throws: SessionError.cannotTruncate(to: earliest - 1, earliest: earliest)) {
            try session.truncate(to: earliest - 1)
        }
        try expectCleanCut(session, to: 0, "to 0")
        #expect(session.earliestTruncation == 0)
    }

    /// A ring that holds all positions that there can be loses none.
    @Test func everyLengthOfAShortSession() throws {
        let mode = AttentionMode.selfExtend(SelfExtend(groupSize: 4, neighborWindow: 60))
        for length in 0..<40 {
            let session = try makeSession(mode, capacity: 40)
            try session.prefill(Array(tokens[..<40]))
            #expect(session.earliestTruncation == 0)
            try session.truncate(to: length)
            try session.prefill(Array(otherTokens[length..<40]))
            #expect(
                try bits(session.logits) == logits(after: Array(tokens[..<length] + otherTokens[length..<40]), mode))
        }
    }

    @Test func lengthsOutOfRange() throws {
        let session = try makeSession(.plain)
        try session.truncate(to: 0)
        let option = InvalidOption("number of tokens to keep", 1, allowed: "between 0 and 0")
        #expect(throws: SessionError.invalidOption(option)) {
            try session.truncate(to: 1)
        }
        try session.prefill(Array(tokens[..<30]))
        let logits = bits(session.logits)
        for length in [-1, 31, Int.min, Int.max] {
            let option = InvalidOption("number of tokens to keep", length, allowed: "between 0 and 30")
            #expect(throws: SessionError.invalidOption(option)) { try session.truncate(to: length) }
        }
        // Nothing to forget.
        try session.truncate(to: 30)
        #expect(session.position == 30 && bits(session.logits) == logits)
    }

    @Test func withinAPrefill() throws {
        let session = try makeSession(.plain)
        var refusals: [SessionError?] = []
        try session.prefill(Array(tokens[..<600])) { _ in
            refusals.append(thrownError { () throws(SessionError) in try session.truncate(to: 1) })
        }
        #expect(refusals == [.busy, .busy] && session.position == 600)
    }

    /// Texts, cuts and forks at random: after each the logits are those of the tokens alone.
    @Test(arguments: modes, [1, 2] as [UInt64])
    func randomEdits(mode: AttentionMode, seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var sessions = [try makeSession(mode)]
        var cuts = 0
        for _ in 0..<25 {
            let index = Int.random(in: sessions.indices, using: &generator)
            let session = sessions[index]
            switch Int.random(in: 0..<6, using: &generator) {
            case 0, 1:
                let count = min(Int.random(in: 1...620, using: &generator), session.capacity - session.position)
                if count > 0 { try session.prefill(generator.tokens(count, below: 67)) }
            case 2:
                for _ in 0..<min(3, session.capacity - session.position) {
                    try session.decode(Int.random(in: 0..<67, using: &generator))
                }
            case 3, 4:
                let earliest = session.earliestTruncation
                try session.truncate(to: Int.random(in: earliest...session.position, using: &generator))
                cuts += 1
            default: if sessions.count < 3 { sessions.append(try session.fork()) }
            }
            guard session.position > 0, !session.logits.isEmpty else { continue }
            #expect(try bits(session.logits) == logits(after: session.tokens, mode))
        }
        #expect(cuts >= 3 && sessions.count > 1)
    }

    /// A fork and what it came from share segments: neither notices that the other is shortened and goes on.
    @Test(arguments: modes)
    func forks(mode: AttentionMode) throws {
        let trunk = try makeSession(mode)
        try trunk.prefill(Array(tokens[..<1_100]))
        let fork = try trunk.fork()
        let undisturbed = try trunk.fork()
        #expect(fork.earliestTruncation == trunk.earliestTruncation)
        try fork.truncate(to: 1_020)
        try trunk.truncate(to: 1_050)
        try fork.prefill(Array(otherTokens[1_020..<1_200]))
        try trunk.prefill(Array(otherTokens[1_050..<1_090]))
        try fork.decode(3)
        try undisturbed.decode(5)
        #expect(
            try bits(fork.logits) == logits(after: Array(tokens[..<1_020] + otherTokens[1_020..<1_200]) + [3], mode))
        #expect(
            try bits(trunk.logits) == logits(after: Array(tokens[..<1_050] + otherTokens[1_050..<1_090]), mode))
        #expect(try bits(undisturbed.logits) == logits(after: Array(tokens[..<1_100]) + [5], mode))
    }
}
