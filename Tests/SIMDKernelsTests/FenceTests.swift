import Foundation
import SIMDKernels
import TestSupport
import Testing

/// A tensor in a mapped file may end where the mapping ends, so a kernel must not read even one float too many. Each
/// test is a process of its own, which a read past an end stops.
@Suite("Nothing past an end is touched")
struct FenceTests {
    @Test("The fence stops a read past the end")
    func fence() async {
        await #expect(processExitsWith: .failure) {
            GuardedFloats.areFenced.store(true, ordering: .relaxed)
            let floats = GuardedFloats([1, 2, 3])
            guard floats.values == [1, 2, 3] else { exit(EXIT_SUCCESS) }
            // Either way of the comparison is a success, which this test doesn't expect.
            if floats.pointer[3] == 0 { exit(EXIT_SUCCESS) }
        }
    }

    @Test("GEMM and GEMV")
    func products() async {
        await #expect(processExitsWith: .success) {
            GuardedFloats.areFenced.store(true, ordering: .relaxed)
            var generator = SeededGenerator(seed: 50)
            for instructionSet in InstructionSet.available {
                for (rowCount, columnCount, depth) in [(1, 1, 1), (1, 33, 7), (2, 31, 3), (7, 65, 17), (13, 40, 300)] {
                    let weights = Weights(.float32, rowCount: columnCount, columnCount: depth, using: &generator)
                    let input = generator.floats(rowCount * depth)
                    let before = generator.floats(rowCount * columnCount)
                    let plain = product(input, by: weights, threadCount: 2, instructionSet)
                    let added = product(input, by: weights, adding: before, instructionSet)
                    guard plain.allSatisfy({ $0.isFinite }), added.allSatisfy({ $0.isFinite }) else { exit(2) }
                }
            }
        }
    }

    @Test("Elementwise kernels")
    func elementwise() async {
        await #expect(processExitsWith: .success) {
            GuardedFloats.areFenced.store(true, ordering: .relaxed)
            var generator = SeededGenerator(seed: 51)
            for instructionSet in InstructionSet.available {
                for count in [2, 6, 14, 16, 18, 30, 34, 62, 66] {
                    let input = GuardedFloats(generator.floats(count))
                    let angles = GuardedFloats(generator.floats(count / 2))
                    let rotated = GuardedFloats(count: count)
                    Rotary.rotate(
                        input.pointer, headCount: 1, headDimension: count, cosines: angles.pointer,
                        sines: angles.pointer, into: rotated.pointer, instructionSet: instructionSet)
                    let normed = normalize(input.values, generator.floats(count), 1e-5, 1, instructionSet)
                    let gated = gateProduct(input.values, generator.floats(count), 2, instructionSet)
                    guard (rotated.values + normed + gated).allSatisfy({ $0.isFinite }) else { exit(2) }
                }
            }
        }
    }

    @Test("Attention")
    func attention() async {
        await #expect(processExitsWith: .success) {
            GuardedFloats.areFenced.store(true, ordering: .relaxed)
            for instructionSet in InstructionSet.available {
                for (length, rowCount, window, dimension) in [(1, 1, 0, 2), (40, 3, 9, 20), (1030, 1, 64, 64)] {
                    let problem = AttentionProblem(
                        heads: (3, 1), dimension: dimension, length: length, window: window)
                    let output = problem.attend(rows: (length - rowCount)..<length, threadCount: 2, instructionSet)
                    guard output.allSatisfy({ $0.isFinite }) else { exit(2) }
                }
            }
        }
    }
}
