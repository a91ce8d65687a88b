/// A set of scalars as a pattern describes it: `\p{L}`, `[^\r\n\p{L}]`, a single character.
struct ScalarSet: Sendable {
    /// The parts of a set. A scalar belongs to the set when it belongs to one of them.
    enum Member {
        case scalars(ClosedRange<UInt32>)
        /// A mask of ``GeneralCategories``.
        case categories(UInt32)
        case whitespace(Bool)
        case word(Bool)
    }

    private var ranges: [ClosedRange<UInt32>] = []
    private var categories: UInt32 = 0
    private var (whitespace, nonWhitespace, word, nonWord) = (false, false, false, false)
    private let isInverted: Bool
    /// Which of the scalars below 128 belong to the set.
    private(set) var ascii = ASCIISet()

    init(_ members: [Member], isInverted: Bool = false) {
        self.isInverted = isInverted
        for member in members { add(member) }
        joinRanges()
        for scalar in (0..<0x80 as Range<UInt8>).map(Unicode.Scalar.init) where containsByTraits(scalar) {
            ascii.insert(scalar)
        }
    }

    init(_ scalar: Unicode.Scalar) {
        self.init([.scalars(scalar.value...scalar.value)])
    }

    private mutating func add(_ member: Member) {
        switch member {
        case .scalars(let range): ranges.append(range)
        case .categories(let mask): categories |= mask
        case .whitespace(true): whitespace = true
        case .whitespace(false): nonWhitespace = true
        case .word(true): word = true
        case .word(false): nonWord = true
        }
    }

    /// Sorts the ranges and joins those that touch, so that one is found quickly however many there are.
    private mutating func joinRanges() {
        var joined: [ClosedRange<UInt32>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = joined.last, range.lowerBound <= last.upperBound + 1 {
                joined[joined.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                joined.append(range)
            }
        }
        ranges = joined
    }

    private func isInRange(_ value: UInt32) -> Bool {
        var (low, high) = (0, ranges.count)
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound < value { low = middle + 1 } else { high = middle }
        }
        return low < ranges.count && ranges[low].lowerBound <= value
    }

    func contains(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x80 ? ascii.contains(scalar) : containsByTraits(scalar)
    }

    private func containsByTraits(_ scalar: Unicode.Scalar) -> Bool {
        let traits = ScalarTraits(scalar)
        let isMember =
            categories & traits.categoryMask != 0 || (traits.isWhitespace ? whitespace : nonWhitespace)
            || (traits.isWord ? word : nonWord) || isInRange(scalar.value)
        return isMember != isInverted
    }
}

/// A set of scalars below 128.
struct ASCIISet: Sendable {
    static let all = ASCIISet(low: .max, high: .max)

    private var low: UInt64 = 0
    private var high: UInt64 = 0

    init() {}

    private init(low: UInt64, high: UInt64) {
        self.low = low
        self.high = high
    }

    func contains(_ scalar: Unicode.Scalar) -> Bool {
        (scalar.value < 64 ? low : high) >> UInt64(scalar.value & 63) & 1 == 1
    }

    mutating func insert(_ scalar: Unicode.Scalar) {
        let bit = UInt64(1) << UInt64(scalar.value & 63)
        if scalar.value < 64 { low |= bit } else { high |= bit }
    }

    func union(_ other: ASCIISet) -> ASCIISet {
        ASCIISet(low: low | other.low, high: high | other.high)
    }
}
