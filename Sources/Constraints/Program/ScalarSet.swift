/// A set of Unicode scalars, as ascending ranges that neither overlap nor touch. Surrogates are never in it.
struct ScalarSet: Equatable, Sendable {
    private(set) var ranges: [ClosedRange<UInt32>] = []

    /// The empty set.
    init() {}

    /// The scalars of some ranges, in any order.
    init(_ ranges: [ClosedRange<UInt32>]) {
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            // The surrogates lie between two halves.
            if range.lowerBound < 0xD800 { append(range.lowerBound...min(range.upperBound, 0xD7FF)) }
            if range.upperBound > 0xDFFF { append(max(range.lowerBound, 0xE000)...min(range.upperBound, 0x10FFFF)) }
        }
    }

    /// The given scalars.
    init(_ scalars: some Sequence<Unicode.Scalar>) { self.init(scalars.map { $0.value...$0.value }) }

    private mutating func append(_ range: ClosedRange<UInt32>) {
        guard let last = ranges.last, range.lowerBound <= last.upperBound + 1 else {
            ranges.append(range)
            return
        }
        ranges[ranges.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
    }

    /// Every scalar.
    static let all = ScalarSet([0...0x10FFFF])

    var isEmpty: Bool { ranges.isEmpty }

    func contains(_ scalar: UInt32) -> Bool { ranges.contains { $0.contains(scalar) } }

    func union(_ other: ScalarSet) -> ScalarSet { ScalarSet(ranges + other.ranges) }

    /// All scalars that aren't in the set.
    var complement: ScalarSet {
        var gaps: [ClosedRange<UInt32>] = []
        var next: UInt32 = 0
        for range in ranges {
            if range.lowerBound > next { gaps.append(next...(range.lowerBound - 1)) }
            next = range.upperBound + 1
        }
        if next <= 0x10FFFF { gaps.append(next...0x10FFFF) }
        return ScalarSet(gaps)
    }

    func subtracting(_ other: ScalarSet) -> ScalarSet { complement.union(other).complement }

    func intersection(_ other: ScalarSet) -> ScalarSet { complement.union(other.complement).complement }

    /// The UTF-8 of the set's scalars (RFC 3629): each element is a list of byte ranges, one for each byte of a character.
    /// Together they spell the set, and no character is spelled by two of them.
    var byteSequences: [[ClosedRange<UInt8>]] {
        var sequences: [[ClosedRange<UInt8>]] = []
        for range in ranges { Self.append(range, to: &sequences) }
        return sequences
    }

    private static func append(_ range: ClosedRange<UInt32>, to sequences: inout [[ClosedRange<UInt8>]]) {
        let (low, high) = (range.lowerBound, range.upperBound)
        // Characters of one length only.
        for limit in [0x7F, 0x7FF, 0xFFFF] as [UInt32] where low <= limit && high > limit {
            append(low...limit, to: &sequences)
            append((limit + 1)...high, to: &sequences)
            return
        }
        // Every byte after the first that differs must take all values of a continuation, 0x80 to 0xBF.
        let length = high <= 0x7F ? 1 : high <= 0x7FF ? 2 : high <= 0xFFFF ? 3 : 4
        for index in 1..<max(length, 1) {
            let mask = UInt32(1) << UInt32(6 * index) - 1
            guard low & ~mask != high & ~mask else { continue }
            if low & mask != 0 {
                append(low...(low | mask), to: &sequences)
                append(((low | mask) + 1)...high, to: &sequences)
                return
            }
            if high & mask != mask {
                append(low...((high & ~mask) - 1), to: &sequences)
                append((high & ~mask)...high, to: &sequences)
                return
            }
        }
        sequences.append(zip(utf8(low), utf8(high)).map { $0...$1 })
    }

    private static func utf8(_ scalar: UInt32) -> [UInt8] {
        switch scalar {
        case ...0x7F: [UInt8(scalar)]
        case ...0x7FF: [UInt8(0xC0 | scalar >> 6), continuation(scalar)]
        case ...0xFFFF: [UInt8(0xE0 | scalar >> 12), continuation(scalar >> 6), continuation(scalar)]
        default:
            [
                UInt8(0xF0 | scalar >> 18), continuation(scalar >> 12), continuation(scalar >> 6),
                continuation(scalar),
            ]
        }
    }

    private static func continuation(_ bits: UInt32) -> UInt8 { UInt8(0x80 | bits & 0x3F) }
}
