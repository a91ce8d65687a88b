import SIMDKernels
import TestSupport
import Testing

/// An output of 16,777,216 floats and more is stored past the caches where it is aligned. (What `GuardedFloats` holds
/// never is, so no other test comes here.)
@Suite("Products that no cache holds", .serialized)
struct StreamedProductTests {
    /// Rows and columns with remainders of every tile, and half a panel in the end.
    private static let rowCount = 1031
    private static let columnCount = 16_400
    private static let depth = 3

    private static let settings: [(InstructionSet, Precision)] = InstructionSet.availableForFloats.flatMap {
        instructionSet in
        (instructionSet.hasBFloat16Products ? [Precision.float32, .bfloat16] : [.float32]).map { (instructionSet, $0) }
    }

    /// The product in an output that begins `offset` floats after a multiple of 64 bytes, and what lies around it.
    private func multiply(
        _ input: [Float], _ weights: Weights, adding: Bool, offset: Int, threadCount: Int,
        _ instructionSet: InstructionSet, _ precision: Precision
    ) -> AlignedBuffer {
        let count = Self.rowCount * Self.columnCount
        let output = AlignedBuffer(floatCount: 16 + count + 16)
        output.floats.update(repeating: 0.25, count: 16 + count + 16)
        let packed = AlignedBuffer(
            floatCount: GEMM.packedInputFloatCount(rowCount: Self.rowCount, columnCount: Self.depth))
        let scratches = (0..<threadCount).map { _ in
            AlignedBuffer(floatCount: GEMM.scratchFloatCount(maximumRowCount: Self.rowCount))
        }
        let source = GuardedFloats(input)
        runTeam(threadCount, instructionSet) { worker in
            let packedInput = GEMM.packInput(
                source.pointer, rowCount: Self.rowCount, columnCount: Self.depth, precision: precision,
                into: packed.floats, worker: worker)
            worker.barrier()
            GEMM.multiply(
                packedInput, by: weights.packed, into: output.floats + offset, adding: adding,
                scratch: scratches[worker.index].floats, worker: worker)
        }
        return output
    }

    @Test("They have the bits of others", arguments: settings)
    func sameBits(_ instructionSet: InstructionSet, _ precision: Precision) {
        var generator = SeededGenerator(seed: 91)
        let weights = Weights(.bfloat16, rowCount: Self.columnCount, columnCount: Self.depth, using: &generator)
        let input = generator.floats(Self.rowCount * Self.depth)
        let count = Self.rowCount * Self.columnCount
        for (adding, threadCount) in [(false, 1), (false, 3), (true, 2)] {
            // One float off, it isn't aligned and takes the usual way.
            let usual = multiply(
                input, weights, adding: adding, offset: 1, threadCount: 1, instructionSet, precision)
            let streamed = multiply(
                input, weights, adding: adding, offset: 16, threadCount: threadCount, instructionSet, precision)
            let wrong = (0..<count).first { index in
                usual.floats[1 + index].bitPattern != streamed.floats[16 + index].bitPattern
            }
            #expect(wrong == nil, "adding \(adding), \(threadCount) threads")
            // Nothing before or after, and something in the last place.
            for place in Array(0..<16) + Array((16 + count)..<(32 + count)) {
                #expect(streamed.floats[place] == 0.25)
            }
            #expect(streamed.floats[15 + count] != 0.25)
        }
        // The usual way against the chain, in the first row and the last.
        if precision == .float32 && instructionSet.isFused {
            let usual = multiply(input, weights, adding: false, offset: 1, threadCount: 2, instructionSet, precision)
            for row in [0, Self.rowCount - 1] {
                let expected = chain(Array(input[(row * Self.depth)..<((row + 1) * Self.depth)]), by: weights)
                let actual = UnsafeBufferPointer(
                    start: usual.floats + 1 + row * Self.columnCount, count: Self.columnCount)
                #expect(firstDifference(Array(actual), expected) == nil)
            }
        }
    }
}
