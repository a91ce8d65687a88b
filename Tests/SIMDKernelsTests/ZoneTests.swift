import SIMDKernels
import TestSupport
import Testing

/// Zones of the shapes that attention methods have, and others at which edges cross panels, blocks and each other.
private struct ZoneCase: CustomTestStringConvertible {
    let name: String
    let zones: [AttentionZone]
    /// The last positions in the ring, if the last zone is there.
    var window = 0

    var testDescription: String { name }

    func problem(
        heads: (query: Int, keyValue: Int), dimension: Int, length: Int, cacheFormat: CacheFormat = .float32,
        precision: Precision = .float32
    ) -> AttentionProblem {
        var problem = AttentionProblem(
            heads: heads, dimension: dimension, length: length, window: window, cacheFormat: cacheFormat,
            precision: precision)
        problem.statedZones = zones
        return problem
    }

    private static let first = AttentionZone(from: .beginning)

    static let all = [
        ZoneCase(name: "last 40 in one copy", zones: [first, AttentionZone(from: .last(40))]),
        ZoneCase(name: "last 1 in one copy", zones: [first, AttentionZone(from: .last(1))]),
        chunks(length: 32), chunks(length: 50), chunks(length: 1), chunks(length: 333), chunks(length: 5000),
        ZoneCase(
            name: "from 20, then the last 70 in the ring",
            zones: [first, AttentionZone(from: .position(20)), AttentionZone(from: .last(70), keys: .ring)],
            window: 70),
        // For early rows, the last zone begins before the second.
        ZoneCase(
            name: "from 200, then the last 33",
            zones: [first, AttentionZone(from: .position(200)), AttentionZone(from: .last(33))]),
        ZoneCase(
            name: "last 300, last 90 in the ring",
            zones: [first, AttentionZone(from: .last(300)), AttentionZone(from: .last(90), keys: .ring)], window: 90),
    ]

    private static func chunks(length: Int) -> ZoneCase {
        ZoneCase(
            name: "chunks of \(length)",
            zones: [
                first, AttentionZone(from: .chunk(length: length, before: 1)),
                AttentionZone(from: .chunk(length: length)),
            ])
    }
}

/// Around a tile's rows, a panel (32), a block (128) and a segment (512).
private let sizes: [(length: Int, rowCount: Int)] = [
    (1, 1), (33, 33), (129, 100), (260, 50), (530, 61), (1031, 1), (1040, 40),
]

@Suite("Zones of keys")
struct ZoneTests {
    @Test func edges() {
        for position in [0, 1, 7, 63, 64, 65, 127, 128, 1_000_000] {
            #expect(ZoneEdge.beginning.firstKey(for: position) <= 0)
            #expect(ZoneEdge.last(1).firstKey(for: position) == position)
            #expect(ZoneEdge.last(64).firstKey(for: position) == position - 63)
            #expect(ZoneEdge.position(20).firstKey(for: position) == 20)
            #expect(ZoneEdge.chunk(length: 64).firstKey(for: position) == position - position % 64)
            #expect(ZoneEdge.chunk(length: 64, before: 1).firstKey(for: position) == position - position % 64 - 64)
        }
    }

    @Test("Rows agree with the merged softmax", arguments: ZoneCase.all)
    fileprivate func twin(_ zoneCase: ZoneCase) {
        for (heads, dimension) in [((9, 3), 64), ((2, 1), 20)] as [((query: Int, keyValue: Int), Int)] {
            for (length, rowCount) in sizes {
                var problem = zoneCase.problem(heads: heads, dimension: dimension, length: length)
                let rows = (length - rowCount)..<length
                for (slidingWindow, scoreCap) in [(0, 0), (100, 0), (0, 2)] as [(Int, Float)] {
                    problem.slidingWindow = slidingWindow
                    problem.scoreCap = scoreCap
                    let exact = problem.twin(rows: rows)
                    let allowed = problem.allowedError(rows: rows, twin: exact)
                    for instructionSet in InstructionSet.availableForFloats {
                        #expect(
                            greatestError(problem.attend(rows: rows, instructionSet), exact) <= allowed,
                            "\(instructionSet), \(heads), T \(rowCount), S \(length), sliding \(slidingWindow)")
                    }
                }
            }
        }
    }

    /// The cache holds these numbers exactly; see `BFloat16CacheTests`.
    @Test("A bfloat16 cache gives the bits of a float32 cache", arguments: ZoneCase.all)
    fileprivate func bfloat16Cache(_ zoneCase: ZoneCase) {
        for (length, rowCount) in sizes {
            var problem = zoneCase.problem(heads: (2, 1), dimension: 20, length: length).rounded
            let rows = (length - rowCount)..<length
            for instructionSet in InstructionSet.availableForFloats {
                problem.cacheFormat = .float32
                let expected = problem.attend(rows: rows, instructionSet)
                problem.cacheFormat = .bfloat16
                #expect(
                    firstDifference(problem.attend(rows: rows, instructionSet), expected) == nil,
                    "\(instructionSet), T \(rowCount), S \(length)")
            }
        }
    }

    /// The bound is that of `Int8AttentionTests`.
    @Test("Integer products give the sums of their definition", arguments: ZoneCase.all)
    fileprivate func integers(_ zoneCase: ZoneCase) {
        for (length, rowCount) in sizes {
            let problem = zoneCase.problem(
                heads: (2, 1), dimension: 38, length: length, cacheFormat: .int8, precision: .int8)
            let rows = (length - rowCount)..<length
            let exact = problem.integerTwin(rows: rows)
            let greatest = problem.values.reduce(0) { max($0, abs(Double($1))) }
            for instructionSet in InstructionSet.available {
                let output = problem.attend(rows: rows, instructionSet)
                let squares = zip(output, exact).map { (Double($0) - $1) * (Double($0) - $1) }
                let error = (squares.reduce(0, +) / Double(squares.count)).squareRoot()
                #expect(
                    error <= 2e-4 * greatest && (squares.max() ?? 0).squareRoot() <= 2 / 255 * greatest,
                    "\(instructionSet), T \(rowCount), S \(length)")
            }
        }
    }

    @Test("The same bits in any chunks, by any threads, on every instruction set", arguments: ZoneCase.all)
    fileprivate func sameBits(_ zoneCase: ZoneCase) {
        let precisions: [(CacheFormat, Precision)] = [(.float32, .float32), (.bfloat16, .bfloat16), (.int8, .int8)]
        for (cacheFormat, precision) in precisions {
            let problem = zoneCase.problem(
                heads: (6, 2), dimension: 16, length: 700, cacheFormat: cacheFormat, precision: precision)
            for isFused in [true, false] {
                let instructionSets = InstructionSet.available.filter {
                    $0.isFused == isFused && $0.supports(precision)
                        && (precision == .int8 || InstructionSet.availableForFloats.contains($0))
                }
                guard let first = instructionSets.first else { continue }
                let whole = problem.prefill(chunk: 700, first)
                for instructionSet in instructionSets {
                    for (chunk, threadCount) in [(1, 1), (7, 3), (64, 2), (333, 1), (700, 2)] {
                        let output = problem.prefill(chunk: chunk, threadCount: threadCount, instructionSet)
                        #expect(
                            firstDifference(output, whole) == nil,
                            "\(instructionSet), \(cacheFormat), chunks of \(chunk), \(threadCount) threads")
                    }
                }
            }
        }
    }

    /// Equal queries in all zones of one copy are one zone.
    @Test("Zones with equal queries are plain attention", arguments: InstructionSet.availableForFloats)
    func equalQueries(_ instructionSet: InstructionSet) {
        for zoneCase in ZoneCase.all where zoneCase.window == 0 {
            var problem = zoneCase.problem(heads: (3, 1), dimension: 16, length: 600)
            problem.middleQueries = problem.queries
            problem.neighborQueries = problem.queries
            let output = problem.attend(rows: 500..<600, instructionSet)
            problem.statedZones = nil
            #expect(
                firstDifference(output, problem.attend(rows: 500..<600, instructionSet)) == nil, "\(zoneCase.name)")
        }
    }
}
