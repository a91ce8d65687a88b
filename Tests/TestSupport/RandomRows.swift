import Foundation
import SIMDKernels

extension WeightFormat {
    /// Blocks of random bits for a matrix with these numbers of rows and columns.
    ///
    /// - Parameter deviation: About the standard deviation of the numbers.
    package func randomRows(
        _ rowCount: Int, columnCount: Int, deviation: Float, using generator: inout SeededGenerator
    ) -> [UInt8] {
        let blockCount = rowCount * columnCount / columnMultiple
        func blocks(_ exponent: UInt8, _ generator: inout SeededGenerator) -> [UInt8] {
            (0..<blockCount).flatMap { _ in randomBlock(exponents: exponent...exponent, using: &generator) }
        }
        // Scales near 1 show by how much numbers of this format are too wide.
        var copy = generator
        let numbers = widened(blocks(15, &copy), count: rowCount * columnCount)
        let wide = (numbers.reduce(0) { $0 + $1 * $1 } / Float(numbers.count)).squareRoot()
        let exponent = 15 + log2(deviation / wide).rounded()
        return blocks(UInt8(max(1, min(30, exponent))), &generator)
    }

    /// Numbers of a file as floats, widened exactly.
    package func widened(_ bytes: [UInt8], count: Int) -> [Float] {
        bytes.withUnsafeBytes { widened($0, count: count) }
    }
}
