import GGUF
import LongLM
import SIMDKernels
import TestSupport
import Testing

/// Floats rounded to blocks of ggml's types, as files hold them.
@Suite("Rounding to blocks") struct RowQuantizerTests {
    private static let searched: [(type: GGUFTensorType, format: WeightFormat)] = [
        (.q4K, .q4K), (.q6K, .q6K), (.q50, .q50),
    ]

    /// The numbers that rounded ones stand for.
    private func rounded(_ numbers: [Float], _ type: GGUFTensorType, _ format: WeightFormat) -> [Float] {
        let byteCount = numbers.count / type.blockLength * type.blockByteCount
        var bytes = [UInt8](repeating: 0xa5, count: byteCount)
        bytes.withUnsafeMutableBytes { target in
            numbers.withUnsafeBufferPointer {
                _ = RowQuantizer.quantize(
                    $0.baseAddress!, columnCount: numbers.count, to: type, target.baseAddress!)
            }
        }
        return format.widened(bytes, count: numbers.count)
    }

    private func squaredError(_ numbers: some Sequence<Float>, _ others: some Sequence<Double>) -> Double {
        zip(numbers, others).reduce(0) { $0 + (Double($1.0) - $1.1) * (Double($1.0) - $1.1) }
    }

    /// A number rounded to IEEE binary16, in doubles.
    private func half(_ number: Double) -> Double {
        let magnitude = min(abs(number), 65504)
        let exponent = magnitude == 0 ? -14 : max(Int(magnitude.exponent), -14)
        let quantum = Double(sign: .plus, exponent: exponent - 10, significand: 1)
        return (magnitude / quantum).rounded(.toNearestOrEven) * quantum * (number < 0 ? -1 : 1)
    }

    // MARK: Simple rounding, in doubles

    /// Codes from the least number, or 0, to the greatest; scales and minima rounded to 6 bits.
    private func simpleQ4K(_ block: ArraySlice<Float>) -> [Double] {
        let groups = (0..<8).map { block.dropFirst(32 * $0).prefix(32).map(Double.init) }
        let minima = groups.map { -min($0.min()!, 0) }
        let scales = zip(groups, minima).map { (max($0.max()!, -$1) + $1) / 15 }
        let (d, m) = (half(scales.max()! / 63), half(minima.max()! / 63))
        return groups.indices.flatMap { index -> [Double] in
            let scale = d > 0 ? d * min((scales[index] / d).rounded(), 63) : 0
            let minimum = m > 0 ? m * min((minima[index] / m).rounded(), 63) : 0
            return groups[index].map { number in
                let code = scale > 0 ? min(max(((number + minimum) / scale).rounded(.toNearestOrEven), 0), 15) : 0
                return code * scale - minimum
            }
        }
    }

    private func symmetric(_ numbers: [Double], scale: Double, _ n: Double) -> [Double] {
        numbers.map { scale == 0 ? 0 : scale * min(max(($0 / scale).rounded(.toNearestOrEven), -n), n - 1) }
    }

    private func extreme(_ numbers: [Double]) -> Double { numbers.max { abs($0) < abs($1) }! }

    /// The number of the greatest magnitude has the code −n; scales rounded to 8 bits.
    private func simpleQ6K(_ block: ArraySlice<Float>) -> [Double] {
        let groups = (0..<16).map { block.dropFirst(16 * $0).prefix(16).map(Double.init) }
        let scales = groups.map { extreme($0) / -32 }
        let d = half(extreme(scales) / -128)
        return groups.indices.flatMap { index in
            let scale = d == 0 ? 0 : d * min(max((scales[index] / d).rounded(), -128), 127)
            return symmetric(groups[index], scale: scale, 32)
        }
    }

    private func simple(_ block: ArraySlice<Float>, _ type: GGUFTensorType) -> [Double] {
        switch type {
        case .q4K: simpleQ4K(block)
        case .q6K: simpleQ6K(block)
        default: symmetric(block.map(Double.init), scale: half(extreme(block.map(Double.init)) / -16), 16)
        }
    }

    /// Q8_0 and Q4_0 are those of weights that are rounded while they are loaded. The errors are those of the numbers.
    @Test func sameAsLoading() {
        var generator = SeededGenerator(seed: 10)
        for block in Self.blocks(&generator) + [[3, -3] + [Float](repeating: 1, count: 254)] {
            for (type, format) in [(GGUFTensorType.q80, WeightFormat.q80), (.q40, .q40)] + Self.searched {
                let byteCount = 256 / type.blockLength * type.blockByteCount
                var (found, expected) = (
                    [UInt8](repeating: 1, count: byteCount), [UInt8](repeating: 2, count: byteCount)
                )
                let errors = block.withUnsafeBufferPointer { block in
                    found.withUnsafeMutableBytes {
                        RowQuantizer.quantize(block.baseAddress!, columnCount: 256, to: type, $0.baseAddress!)
                    }
                }
                if WeightQuantizer.quantizes(format) {
                    block.withUnsafeBufferPointer { block in
                        expected.withUnsafeMutableBytes {
                            WeightQuantizer.quantize(
                                block.baseAddress!, columnCount: 256, to: format, $0.baseAddress!)
                        }
                    }
                    #expect(found == expected, "\(type)")
                }
                let error = squaredError(block, format.widened(found, count: 256).map(Double.init))
                let squares = block.reduce(0) { $0 + Double($1) * Double($1) }
                guard squares < 1e37, squares > 1e-30 else { continue }
                #expect(abs(errors.squares - squares) <= 1e-5 * squares)
                #expect(abs(errors.squaredErrors - error) <= 1e-4 * error + 1e-12 * squares, "\(type)")
            }
        }
    }

    // MARK: Blocks

    /// Blocks of many kinds: normal numbers, some far outside, all of one sign, of very different groups, sparse, tiny,
    /// huge, constant, and on a grid.
    private static func blocks(_ generator: inout SeededGenerator) -> [[Float]] {
        func normal(_ deviation: Float, _ generator: inout SeededGenerator) -> [Float] {
            generator.floats(256, deviation: deviation)
        }
        var blocks: [[Float]] = []
        for _ in 0..<20 {
            blocks.append(normal(0.02, &generator))
            var outliers = normal(0.02, &generator)
            for _ in 0..<4 { outliers[Int.random(in: 0..<256, using: &generator)] *= 30 }
            blocks.append(outliers)
            blocks.append(normal(1, &generator).map(abs))
            blocks.append(normal(1, &generator).map { -abs($0) - 3 })
            blocks.append(normal(1, &generator).enumerated().map { $1 * [1e-3, 1, 40, 0, 0.3, 7, 1e-6, 2][$0 / 32] })
            blocks.append(normal(1, &generator).map { abs($0) < 1.2 ? 0 : $0 })
            blocks.append(normal(1e-7, &generator))
            blocks.append(normal(1e5, &generator))
            blocks.append(normal(1, &generator).map { $0 + 100 })
            blocks.append((0..<256).map { _ in Float(Int.random(in: -8...7, using: &generator)) / 8 })
        }
        for value: Float in [0, -0.0, 1, -1, 1e-30, -1e-30, .leastNonzeroMagnitude, 3e38, -3e38, 65504] {
            blocks.append([Float](repeating: value, count: 256))
            blocks.append([value] + [Float](repeating: 0, count: 255))
        }
        return blocks
    }

    @Test(arguments: searched.indices) func neverWorseThanSimpleRounding(_ index: Int) {
        let (type, format) = Self.searched[index]
        var generator = SeededGenerator(seed: 7)
        var (sum, simpleSum) = (0.0, 0.0)
        for (number, block) in Self.blocks(&generator).enumerated() {
            let result = rounded(block, type, format)
            #expect(result.allSatisfy { $0.isFinite })
            for first in stride(from: 0, to: 256, by: type.blockLength) {
                let part = block[first..<(first + type.blockLength)]
                let error = squaredError(part, result[first..<(first + type.blockLength)].map(Double.init))
                let simpleError = squaredError(part, simple(part, type))
                // Both are compared in 32 bits where blocks are chosen.
                #expect(error <= simpleError * 1.0001, "\(type) block \(number): \(error), simply \(simpleError)")
                if number % 10 == 0, number < 200 { (sum, simpleSum) = (sum + error, simpleSum + simpleError) }
            }
        }
        // The search is worth its time: on normal numbers, the root mean square falls by this much.
        let gain: [GGUFTensorType: Double] = [.q4K: 0.93, .q6K: 0.97, .q50: 0.97]
        #expect((sum / simpleSum).squareRoot() < gain[type]!, "\((sum / simpleSum).squareRoot())")
    }

    /// Zeros stay zeros, and what the type can hold exactly is held exactly.
    @Test func exactNumbers() {
        for (type, format) in Self.searched {
            #expect(rounded([Float](repeating: 0, count: 256), type, format).allSatisfy { $0 == 0 })
        }
        // Eight groups with scales and minima of whole numbers.
        let q4K = (0..<256).map { index -> Float in
            let group = index / 32
            let (scale, minimum) = (63 - group, 63 - 2 * group)
            return 0.25 * Float(scale * (index % 16)) - 0.5 * Float(minimum)
        }
        #expect(rounded(q4K, .q4K, .q4K) == q4K)
        let q6K = (0..<256).map { index -> Float in
            let (scale, code) = (16 * (index / 16 - 8), 4 * (index % 16) - 32)
            return 0.125 * Float(scale * code)
        }
        #expect(rounded(q6K, .q6K, .q6K) == q6K)
        let q50 = (0..<256).map { index -> Float in 0.5 * Float(index % 32 - 16) }
        #expect(rounded(q50, .q50, .q50) == q50)
    }

    /// Of all scales of 16 bits near that of simple rounding, none is much better than what the search finds.
    @Test func bruteForce() {
        var generator = SeededGenerator(seed: 8)
        for _ in 0..<20 {
            let block = generator.floats(32, deviation: 1)
            let numbers = block.map(Double.init)
            let simple = extreme(numbers) / -16
            var least = Double.infinity
            for step in 400...1400 {
                for sign in [1.0, -1] {
                    let scale = half(sign * simple * Double(step) / 1000)
                    least = min(least, squaredError(block, symmetric(numbers, scale: scale, 16)))
                }
            }
            let found = squaredError(block, rounded(block, .q50, .q50).map(Double.init))
            #expect(found <= 1.05 * least, "\(found), at best \(least)")
        }
    }

    /// Of all pairs of a scale and a minimum on a fine grid, none is much better for a group than what the search finds.
    /// The other groups are alike, so that the block's scale suits all.
    @Test func bruteForceOfGroups() {
        var generator = SeededGenerator(seed: 9)
        for _ in 0..<5 {
            let group = generator.floats(32, deviation: 1)
            let numbers = group.map(Double.init)
            let block = (0..<8).flatMap { _ in group }
            let (low, high) = (numbers.min()!, numbers.max()!)
            var least = Double.infinity
            for step in 0...80 {
                let scale = (high - low) / 15 * (0.6 + 0.01 * Double(step))
                for shift in 0...80 {
                    let minimum = -low * (0.6 + 0.01 * Double(shift))
                    let error = numbers.reduce(0) { sum, number in
                        let code = min(max(((number + minimum) / scale).rounded(), 0), 15)
                        let difference = number - (code * scale - minimum)
                        return sum + difference * difference
                    }
                    least = min(least, error)
                }
            }
            let found = squaredError(block, rounded(block, .q4K, .q4K).map(Double.init)) / 8
            #expect(found <= 1.1 * least, "\(found), at best \(least)")
        }
    }

    /// A number that isn't finite makes its own block no number, and no other one.
    @Test(arguments: [Float.nan, .infinity, -.infinity]) func notFinite(_ value: Float) {
        for (type, format) in Self.searched {
            var numbers = [Float](repeating: 1, count: 768)
            numbers[300] = value
            let result = rounded(numbers, type, format)
            let first = 300 / type.blockLength * type.blockLength
            let block = first..<(first + type.blockLength)
            for index in numbers.indices {
                #expect(block.contains(index) ? result[index].isNaN : abs(result[index] - 1) < 0.1, "\(type) \(index)")
            }
        }
        #expect(rounded([value, 2], .float16, .float16)[0].isNaN)
    }

    @Test func plainTypes() {
        let numbers: [Float] = [0, -0.0, 1, 1.0002, 65504, 1e9, -1e9, 6e-8, 1e-9]
        #expect(rounded(numbers, .float32, .float32).map(\.bitPattern) == numbers.map(\.bitPattern))
        #expect(rounded(numbers, .float16, .float16) == [0, 0, 1, 1, 65504, 65504, -65504, 0x1p-24, 0])
    }
}
