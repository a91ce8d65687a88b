/// The bits of floats: `==` on floats takes 0 and −0 for equal and NaN for different from itself.
///
/// It is no collection, because a failed comparison of long ones would search for the shortest list of their
/// differences, which takes minutes.
package struct Bits: Hashable, Sendable, CustomStringConvertible, CustomReflectable {
    private var words: [UInt32] = []

    package init(_ floats: some Sequence<Float> = []) { words = floats.map(\.bitPattern) }

    package var count: Int { words.count }
    package var description: String { "\(words.count) floats beginning with the bits \(words.prefix(4))" }
    package var customMirror: Mirror { Mirror(self, children: []) }

    package static func += (left: inout Bits, right: Bits) { left.words += right.words }
}

package func bits(_ floats: [Float]) -> Bits { Bits(floats) }

/// The standard deviation.
package func deviation(_ values: [Double]) -> Double {
    let mean = values.reduce(0, +) / Double(values.count)
    return (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)).squareRoot()
}

/// The greatest difference.
package func greatestDifference(_ left: [Float], _ right: [Double]) -> Double {
    zip(left, right).reduce(0) { greatest, pair in
        let difference = abs(Double(pair.0) - pair.1)
        return difference.isNaN ? .infinity : max(greatest, difference)
    }
}

/// The root of the mean square of the differences.
package func meanDifference(_ left: [Float], _ right: [Float]) -> Double {
    let squares = zip(left, right).reduce(0) { $0 + (Double($1.0) - Double($1.1)) * (Double($1.0) - Double($1.1)) }
    return (squares / Double(left.count)).squareRoot()
}
