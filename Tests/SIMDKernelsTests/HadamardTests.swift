import SIMDKernels
import TestSupport
import Testing

@Suite("Hadamard transform")
struct HadamardTests {
    /// The sign of an entry of the Walsh–Hadamard matrix.
    private func sign(_ row: Int, _ column: Int) -> Double { (row & column).nonzeroBitCount % 2 == 0 ? 1 : -1 }

    private func transformed(_ heads: [Float], _ headDimension: Int, factor: Float = 1) -> [Float] {
        let memory = GuardedFloats(heads)
        Hadamard.transform(
            memory.pointer, headCount: heads.count / headDimension, headDimension: headDimension, factor: factor)
        #expect(memory.isContained)
        return memory.values
    }

    @Test(
        "Every component agrees with its twin",
        arguments: [
            (16, 16), (32, 32), (48, 16), (64, 64), (80, 16), (96, 32), (128, 128), (256, 256), (8, 1), (20, 1),
        ])
    func twin(_ headDimension: Int, _ length: Int) {
        #expect(Hadamard.blockLength(headDimension: headDimension) == length)
        var generator = SeededGenerator(seed: 340)
        let heads = generator.floats(3 * headDimension)
        let found = transformed(heads, headDimension, factor: 0.25)
        if length == 1 {
            #expect(found == heads)
            return
        }
        for first in stride(from: 0, to: heads.count, by: length) {
            let block = heads[first..<(first + length)].map(Double.init)
            // One rounding for each doubling of the distance, none of them beyond the sum of magnitudes.
            let bound = 1.01 * Double(length.trailingZeroBitCount) * roundoff * block.reduce(0) { $0 + $1.magnitude }
            for row in 0..<length {
                let exact = block.indices.reduce(0) { $0 + sign(row, $1) * block[$1] }
                #expect(abs(Double(found[first + row]) - exact * 0.25) <= bound * 0.25, "\(headDimension), \(row)")
            }
        }
    }

    @Test("Products are those of the heads, times the length of a block")
    func products() {
        var generator = SeededGenerator(seed: 341)
        let (query, key) = (generator.floats(128), generator.floats(128))
        let exact = zip(query, key).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        let found = zip(transformed(query, 128, factor: 1 / 128), transformed(key, 128))
            .reduce(0) { $0 + Double($1.0) * Double($1.1) }
        #expect(abs(found - exact) < 1e-4)
    }

    @Test("One great component is spread over a block, so that the others keep their digits")
    func outlier() {
        var key = [Float](repeating: 0.5, count: 64)
        key[5] = 64
        let found = transformed(key, 64)
        #expect(found.map(\.magnitude).max()! < 2 * found.map(\.magnitude).min()!)
    }
}
