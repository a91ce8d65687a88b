import Foundation

/// How an axis spreads its values.
package enum AxisScale: Sendable, Equatable {
    /// Evenly, with ticks at multiples of 1, 2, 2.5 or 5 times a power of ten.
    case linear
    /// By their logarithms, with ticks at 1, 2 and 5 times powers of ten.
    case logarithmic
    /// By their logarithms, with ticks at powers of two, as for context lengths.
    case powersOfTwo
}

/// The range that an axis covers, and its ticks.
struct ChartAxis {
    struct Tick: Equatable {
        var value: Double
        var label: String
    }

    /// The most ticks that axes of charts have: side by side, labels need more room than one above the other.
    static let maximumHorizontalTickCount = 9
    static let maximumVerticalTickCount = 10

    let scale: AxisScale
    let lower: Double
    let upper: Double
    let ticks: [Tick]

    /// An axis that covers values, all of which ``accepts(_:on:)`` allows. Without values it covers an arbitrary range.
    ///
    /// - Parameter endsAtTicks: Whether the range is widened to the next tick at both ends.
    init(_ scale: AxisScale, covering values: [Double], endsAtTicks: Bool, maximumTickCount: Int) {
        var lower = values.min() ?? (scale == .linear ? 0 : 1)
        var upper = values.max() ?? (scale == .linear ? 1 : 10)
        // A single value, or values that Doubles hardly tell apart, get room on both sides.
        if upper - lower <= 1e-9 * max(abs(lower), abs(upper)) {
            switch scale {
            case .linear:
                let room = lower == 0 ? 1 : abs(lower) * 0.1
                (lower, upper) = (lower - room, upper + room)
            case .logarithmic, .powersOfTwo: (lower, upper) = (lower / 2, upper * 2)
            }
        }
        var ticks: [Tick] = []
        if scale != .linear {
            ticks = Self.logarithmicTicks(scale, lower, upper, isOutside: endsAtTicks, maximumCount: maximumTickCount)
        }
        // Values less than a power apart have room for linear ticks only.
        if ticks.count(where: { $0.value >= lower && $0.value <= upper }) < 2 {
            ticks = Self.linearTicks(lower, upper, isOutside: endsAtTicks, maximumCount: maximumTickCount)
            if scale != .linear { ticks.removeAll { $0.value <= 0 } }
        }
        if endsAtTicks {
            lower = min(lower, ticks.first?.value ?? lower)
            upper = max(upper, ticks.last?.value ?? upper)
        }
        (self.scale, self.lower, self.upper, self.ticks) = (scale, lower, upper, ticks)
    }

    /// Whether a value can be drawn: its size is such that differences are finite, and on a logarithmic axis it is above 0.
    static func accepts(_ value: Double, on scale: AxisScale) -> Bool {
        abs(value) <= 1e100 && (scale == .linear ? value == 0 || abs(value) >= 1e-100 : value >= 1e-100)
    }

    /// Where a value lies, 0 at the lower end and 1 at the upper.
    func fraction(_ value: Double) -> Double {
        switch scale {
        case .linear: (value - lower) / (upper - lower)
        case .logarithmic, .powersOfTwo: log2(value / lower) / log2(upper / lower)
        }
    }

    private static func linearTicks(
        _ lower: Double, _ upper: Double, isOutside: Bool, maximumCount: Int
    ) -> [Tick] {
        // The finest step of 1, 2, 2.5 or 5 times a power of ten that doesn't give too many ticks.
        let finest = Int(floor(log10((upper - lower) / Double(maximumCount))))
        for exponent in finest...(finest + 2) {
            for multiple in [1, 2, 2.5, 5] {
                // Division by a power of ten, not multiplication by an inexact one, keeps ticks such as 0.3 clean.
                let power = pow(10, Double(abs(exponent)))
                func value(_ index: Double) -> Double {
                    exponent < 0 ? index * multiple / power : index * multiple * power
                }
                let step = value(1)
                let decimals = max(0, (multiple == 2.5 ? 1 : 0) - exponent)
                let first = isOutside ? floor(lower / step) : ceil(lower / step)
                let last = isOutside ? ceil(upper / step) : floor(upper / step)
                guard last - first < Double(maximumCount) else { continue }
                guard last >= first else { return [] }
                return (0...Int(last - first)).map { index in
                    let value = value(first + Double(index))
                    return Tick(value: value, label: ChartNumber.label(value, decimals: decimals))
                }
            }
        }
        return []
    }

    private static func logarithmicTicks(
        _ scale: AxisScale, _ lower: Double, _ upper: Double, isOutside: Bool, maximumCount: Int
    ) -> [Tick] {
        // The finest of these that doesn't give too many ticks.
        let base = scale == .powersOfTwo ? 2.0 : 10
        func exponent(_ value: Double) -> Int { Int(floor(scale == .powersOfTwo ? log2(value) : log10(value))) }
        var candidates: [(every: Int, multiples: [Double])] = [1, 2, 3, 5, 10, 20, 50, 100].map { ($0, [1]) }
        if scale == .logarithmic { candidates.insert((1, [1, 2, 5]), at: 0) }
        for (every, multiples) in candidates {
            let exponents = (exponent(lower) - every)...(exponent(upper) + every)
            let all = exponents.filter { $0.isMultiple(of: every) }.flatMap { exponent in
                multiples.map { (value: $0 * pow(base, Double(exponent)), decimals: max(0, -exponent)) }
            }
            let first = isOutside ? all.lastIndex { $0.value <= lower } : all.firstIndex { $0.value >= lower }
            let last = isOutside ? all.firstIndex { $0.value >= upper } : all.lastIndex { $0.value <= upper }
            guard let first, let last, first <= last, last - first < maximumCount else { continue }
            return all[first...last].map { value, decimals in
                Tick(value: value, label: ChartNumber.label(value, decimals: decimals))
            }
        }
        return []
    }
}
