/// Decimal numbers within bounds, written without an exponent, and without a fraction where `fractionDigits` is 0.
///
/// The digits are read from left to right. What must be remembered is whether they still equal those of a bound, how many
/// are to come before the point, and the remainder of a division.
struct DecimalRange: Sendable {
    /// A number that isn't negative, as its decimal digits.
    struct Bound: Sendable, Equatable {
        /// The digits before the point, without leading zeros; `[0]` for numbers below 1.
        var whole: [UInt8]
        /// The digits after the point, without zeros at the end.
        var fraction: [UInt8] = []
        /// Whether the bound itself is left out.
        var isExclusive = false

        var isZero: Bool { whole == [0] && fraction.isEmpty }
        static let zero = Bound(whole: [0])
    }

    /// A bound with its sign.
    struct SignedBound: Sendable, Equatable {
        var isNegative: Bool
        var magnitude: Bound
    }

    let lower: SignedBound
    let upper: SignedBound
    /// The most digits after the point.
    let fractionDigits: Int
    /// What whole numbers are a multiple of; 1 allows all.
    let divisor: Int

    func emit(into assembler: inout Assembler, then next: Int32) throws(ConstraintError) -> Int32 {
        var places: [Int32] = []
        if !upper.isNegative {
            var low = lower.magnitude
            if lower.isNegative { low = .zero }
            places.append(try emit(low, upper.magnitude, &assembler, next))
        }
        if lower.isNegative {
            // From just below 0 to the lower bound. -0 is left out.
            var low = upper.magnitude
            if !upper.isNegative || low.isZero { low = Bound(whole: [0], isExclusive: true) }
            let magnitude = try emit(low, lower.magnitude, &assembler, next)
            places.append(try assembler.emit(ByteSet(UInt8(ascii: "-")), then: magnitude))
        }
        return try assembler.emit(anyOf: places)
    }

    private func emit(
        _ low: Bound, _ high: Bound, _ assembler: inout Assembler, _ next: Int32
    ) throws(ConstraintError) -> Int32 {
        var magnitude = MagnitudeRange(
            low: low, high: high, fractionDigits: fractionDigits, divisor: divisor, next: next)
        return try magnitude.emit(into: &assembler)
    }
}

/// Numbers between two that aren't negative.
private struct MagnitudeRange {
    let low: DecimalRange.Bound
    let high: DecimalRange.Bound
    let fractionDigits: Int
    let divisor: Int
    let next: Int32
    private var places: [Place: Int32] = [:]

    /// What is known after some digits.
    private struct Place: Hashable {
        /// Digits to come before the point, or read after it.
        var count: Int
        var isFraction: Bool
        /// Whether the digits are those of the lower bound so far, and of the upper one.
        var equalsLow: Bool
        var equalsHigh: Bool
        /// The remainder of the digits before the point.
        var remainder: Int
        /// The length of the number before the point, where a bound's digits are still compared or no digit has been read.
        var length: Int
    }

    init(low: DecimalRange.Bound, high: DecimalRange.Bound, fractionDigits: Int, divisor: Int, next: Int32) {
        self.low = low
        self.high = high
        self.fractionDigits = fractionDigits
        self.divisor = divisor
        self.next = next
    }

    mutating func emit(into assembler: inout Assembler) throws(ConstraintError) -> Int32 {
        var starts: [Int32] = []
        if low.whole.count <= high.whole.count {
            for length in low.whole.count...high.whole.count {
                let start = Place(
                    count: length, isFraction: false, equalsLow: length == low.whole.count,
                    equalsHigh: length == high.whole.count, remainder: 0, length: length)
                starts.append(try emit(start, &assembler))
            }
        }
        return try assembler.emit(anyOf: starts)
    }

    private mutating func emit(_ place: Place, _ assembler: inout Assembler) throws(ConstraintError) -> Int32 {
        var key = place
        if !place.equalsLow, !place.equalsHigh, place.count < place.length || place.isFraction { key.length = 0 }
        if let known = places[key] { return known }
        let emitted =
            place.isFraction
            ? try emitFraction(place, &assembler)
            : place.count == 0 ? try emitPoint(place, &assembler) : try emitWhole(place, &assembler)
        places[key] = emitted
        return emitted
    }

    /// A digit before the point.
    private mutating func emitWhole(_ place: Place, _ assembler: inout Assembler) throws(ConstraintError) -> Int32 {
        let index = place.length - place.count
        var least: UInt8 = index == 0 && place.length > 1 ? 1 : 0
        if place.equalsLow { least = max(least, low.whole[index]) }
        let greatest = place.equalsHigh ? high.whole[index] : 9
        guard least <= greatest else { return try assembler.emit(anyOf: []) }
        let following = (least...greatest).map { digit in
            var following = place
            following.count -= 1
            following.equalsLow = place.equalsLow && digit == low.whole[index]
            following.equalsHigh = place.equalsHigh && digit == high.whole[index]
            following.remainder = (place.remainder * 10 + Int(digit)) % divisor
            return (digit, following)
        }
        return try emit(following, &assembler)
    }

    /// What follows the whole number: nothing, or a point.
    private mutating func emitPoint(_ place: Place, _ assembler: inout Assembler) throws(ConstraintError) -> Int32 {
        guard place.remainder == 0 else { return try assembler.emit(anyOf: []) }
        var ends: [Int32] = []
        if mayEnd(place, fractionCount: 0) { ends.append(next) }
        if fractionDigits > 0 {
            var fraction = place
            fraction.isFraction = true
            fraction.count = 0
            let digits = try emit(fraction, &assembler)
            ends.append(try assembler.emit(ByteSet(UInt8(ascii: ".")), then: digits))
        }
        return try assembler.emit(anyOf: ends)
    }

    /// A digit after the point, or the end after at least one.
    private mutating func emitFraction(_ place: Place, _ assembler: inout Assembler) throws(ConstraintError) -> Int32 {
        var ends: [Int32] = []
        if place.count > 0, mayEnd(place, fractionCount: place.count) { ends.append(next) }
        if place.count < fractionDigits {
            let lowDigit = place.count < low.fraction.count ? low.fraction[place.count] : 0
            let highDigit = place.count < high.fraction.count ? high.fraction[place.count] : 0
            let (least, greatest) = (place.equalsLow ? lowDigit : 0, place.equalsHigh ? highDigit : 9)
            let following = ((0 as UInt8)...9).filter { $0 >= least && $0 <= greatest }.map { digit in
                var following = place
                following.count += 1
                following.equalsLow = place.equalsLow && digit == lowDigit
                following.equalsHigh = place.equalsHigh && digit == highDigit
                return (digit, following)
            }
            ends.append(try emit(following, &assembler))
        }
        return try assembler.emit(anyOf: ends)
    }

    /// Whether a number may end here, after so many digits of its fraction.
    private func mayEnd(_ place: Place, fractionCount: Int) -> Bool {
        let lowIsReached = low.fraction.count <= fractionCount && !low.isExclusive
        let highIsAhead = high.fraction.count > fractionCount || !high.isExclusive
        return (!place.equalsLow || lowIsReached) && (!place.equalsHigh || highIsAhead)
    }

    /// One of some digits; those that lead to the same place are one set.
    private mutating func emit(
        _ digits: [(digit: UInt8, place: Place)], _ assembler: inout Assembler
    ) throws(ConstraintError) -> Int32 {
        var sets: [Int32: ByteSet] = [:]
        var order: [Int32] = []
        for (digit, place) in digits {
            let target = try emit(place, &assembler)
            if sets[target] == nil { order.append(target) }
            sets[target, default: ByteSet()].insert(UInt8(ascii: "0") + digit)
        }
        var branches: [Int32] = []
        for target in order { branches.append(try assembler.emit(sets[target] ?? ByteSet(), then: target)) }
        return try assembler.emit(anyOf: branches)
    }
}
