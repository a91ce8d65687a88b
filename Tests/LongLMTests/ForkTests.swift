import LongLM
import ModelTwins
import Testing
import TestSupport

/// That forked sessions share what they have in common and nothing else.
@Suite struct ForkTests {
    private static let modes: [AttentionMode] = [
        .plain, .selfExtend(SelfExtend(groupSize: 4, neighborWindow: 16)), .reRoPE(ReRoPE(neighborWindow: 20)),
    ]

    private let model: LanguageModel
    private let tokens: [Int]
    private let otherTokens: [Int]

    init() throws {
        model = try loadModel()
        var generator = SeededGenerator(seed: 77)
        tokens = generator.tokens(1_300, below: 67)
        otherTokens = generator.tokens(1_300, below: 67)
    }

    private func makeSession(_ mode: AttentionMode) throws -> Session {
        try Session(model: model, options: SessionOptions(attention: mode, threadCount: 2, capacity: 1_300))
    }

    private func logits(after tokens: [Int], _ mode: AttentionMode) throws -> Bits {
        let session = try makeSession(mode)
        try session.prefill(tokens)
        return bits(session.logits)
    }

    /// At the start, within a segment of 512 positions, at its end, and past it.
    @Test(arguments: modes, [0, 1, 300, 512, 700, 1_024])
    func bothGoOnAsIfAlone(mode: AttentionMode, depth: Int) throws {
        let session = try makeSession(mode)
        if depth > 0 { try session.prefill(Array(tokens[..<depth])) }
        let fork = try session.fork()
        #expect(fork.position == depth && fork.capacity == session.capacity && fork.attention == mode)
        #expect(bits(fork.logits) == bits(session.logits))

        // In turns, so that each would overwrite what the other reads.
        try fork.prefill(Array(otherTokens[depth..<(depth + 40)]))
        try session.prefill(Array(tokens[depth..<(depth + 30)]))
        try fork.prefill(Array(otherTokens[(depth + 40)..<1_200]))
        try session.prefill(Array(tokens[(depth + 30)..<1_250]))
        try fork.decode(otherTokens[1_200])
        #expect(bits(session.logits) == (try logits(after: Array(tokens[..<1_250]), mode)))
        #expect(
            bits(fork.logits) == (try logits(after: Array(tokens[..<depth] + otherTokens[depth...1_200]), mode)))
    }

    /// Forks with room for more or fewer tokens, and with a part of the tokens, go on with the same bits.
    @Test(arguments: modes + [.selfExtend(SelfExtend(groupSize: 2, neighborWindow: 60))], [60, 500, 700, 1_250])
    func forksOfOtherSizes(mode: AttentionMode, depth: Int) throws {
        let session = try makeSession(mode)
        try session.prefill(Array(tokens[..<depth]))
        // Through a fork that is just large enough for what it has.
        let small = try session.fork(keeping: depth, capacity: depth)
        #expect(small.capacity == depth && small.earliestTruncation == session.earliestTruncation)
        #expect(bits(small.logits) == bits(session.logits))
        for length in [small.earliestTruncation, depth - 3, depth] where length > 0 {
            let fork = try small.fork(keeping: length, capacity: length + 40)
            #expect(fork.position == length && fork.logits.isEmpty == (length < depth))
            try fork.prefill(Array(otherTokens[..<40]))
            #expect(bits(fork.logits) == (try logits(after: Array(tokens[..<length] + otherTokens[..<40]), mode)))
            #expect(throws: SessionError.capacityExceeded(needed: length + 41, capacity: length + 40)) {
                try fork.decode(1)
            }
        }
        let empty = try small.fork(keeping: 0, capacity: 10)
        try empty.prefill([1, 2])
        #expect(bits(empty.logits) == (try logits(after: [1, 2], mode)))
        // A fork can't be shortened any further than the session that it comes from.
        let earliest = session.earliestTruncation
        if earliest > 1 {
            #expect(throws: SessionError.cannotTruncate(to: earliest - 1, earliest: earliest)) {
                try small.fork(keeping: earliest - 1, capacity: depth)
            }
        }
        for (length, capacity) in [(depth + 1, depth + 1), (-1, 5), (depth, depth - 1), (0, 0)] {
            #expect(throws: SessionError.self) { try session.fork(keeping: length, capacity: capacity) }
        }
    }

    /// Passes of few rows change no bit.
    @Test(arguments: [1, 7, 512])
    func limitsOfRows(rowLimit: Int) throws {
        for mode in Self.modes {
            var options = SessionOptions(attention: mode, threadCount: 2, capacity: 1_300)
            options.rowLimit = rowLimit
            let session = try Session(model: model, options: options)
            var reports = 0
            try session.prefill(Array(tokens[..<90])) { _ in reports += 1 }
            #expect(session.rowLimit == rowLimit && reports == (90 + rowLimit - 1) / rowLimit)
            #expect(try session.decode(5, expecting: [6, 7, 8]) <= rowLimit)
            #expect(bits(session.logits) == (try logits(after: Array(tokens[..<90]) + [5], mode)))
        }
        var options = SessionOptions()
        options.rowLimit = rowLimit == 512 ? 513 : 0
        #expect(throws: SessionError.self) { try Session(model: model, options: options) }
    }

    @Test func forksOfForksOutliveWhatTheyCameFrom() throws {
        let mode = AttentionMode.selfExtend(SelfExtend(groupSize: 3, neighborWindow: 24))
        var session: Session? = try makeSession(mode)
        try session?.prefill(Array(tokens[..<520]))
        var forks = [try #require(try session?.fork())]
        forks.append(try forks[0].fork())
        forks.append(try forks[1].fork())
        session = nil
        for (index, fork) in forks.enumerated() { try fork.prefill(Array(otherTokens[(520 + index)..<600])) }
        for (index, fork) in forks.enumerated() {
            let expected = try logits(after: Array(tokens[..<520] + otherTokens[(520 + index)..<600]), mode)
            #expect(bits(fork.logits) == expected)
        }
    }

    @Test func aForkIsRefusedWithinAPrefill() throws {
        let session = try makeSession(.plain)
        var refusal: SessionError?
        try session.prefill(Array(tokens[..<600])) { _ in
            do throws(SessionError) { _ = try session.fork() } catch { refusal = error }
        }
        #expect(refusal == .busy)
    }

    /// Sessions that share segments run at the same time.
    @Test func forksOnSeveralTasks() async throws {
        let trunk = try makeSession(.selfExtend(SelfExtend(groupSize: 4, neighborWindow: 16)))
        try trunk.prefill(Array(tokens[..<600]))
        let expected = try (0..<4).map { first in
            try logits(after: Array(tokens[..<600] + otherTokens[(600 + first)..<900]), trunk.attention)
        }
        let found = try await withThrowingTaskGroup(of: (Int, Bits).self) { group in
            for first in 0..<4 {
                let fork = try trunk.fork()
                let rest = Array(otherTokens[(600 + first)..<900])
                group.addTask {
                    try fork.prefill(rest)
                    return (first, bits(fork.logits))
                }
            }
            // The one that they come from goes on meanwhile.
            try trunk.prefill(Array(tokens[600..<900]))
            return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
        for first in 0..<4 { #expect(found[first] == expected[first]) }
        #expect(bits(trunk.logits) == (try logits(after: Array(tokens[..<900]), trunk.attention)))
    }
}
