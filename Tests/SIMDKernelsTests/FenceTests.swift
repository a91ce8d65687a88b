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
            for instructionSet in InstructionSet.availableForFloats {
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

    @Test("Biases")
    func biases() async {
        await #expect(processExitsWith: .success) {
            GuardedFloats.areFenced.store(true, ordering: .relaxed)
            var generator = SeededGenerator(seed: 53)
            for instructionSet in InstructionSet.availableForFloats {
                for (rowCount, columnCount) in [(1, 1), (1, 15), (1, 33), (1, 48), (2, 31), (7, 65), (13, 40)] {
                    let weights = Weights(.bfloat16, rowCount: columnCount, columnCount: 9, using: &generator)
                    let input = generator.floats(rowCount * 9)
                    let bias = generator.floats(columnCount)
                    let plain = product(
                        input, by: weights, bias: bias, activation: .gelu, threadCount: 2, instructionSet)
                    let added = product(input, by: weights, bias: bias, adding: plain, instructionSet)
                    let gated = gatedProduct(
                        input, gate: weights, up: weights, gateBias: bias, upBias: bias, activation: .geluTanh,
                        instructionSet)
                    let normed = normalize(
                        plain, bias, 1e-5, kind: .layer, bias: bias, adding: added, 1, instructionSet)
                    guard (plain + added + gated + normed).allSatisfy({ $0.isFinite }) else { exit(2) }
                    guard instructionSet.hasBFloat16Products else { continue }
                    let rounded = product(input, by: weights, bias: bias, precision: .bfloat16, instructionSet)
                    guard rounded.allSatisfy({ $0.isFinite }) else { exit(2) }
                }
            }
        }
    }

    @Test("Elementwise kernels")
    func elementwise() async {
        await #expect(processExitsWith: .success) {
            GuardedFloats.areFenced.store(true, ordering: .relaxed)
            var generator = SeededGenerator(seed: 51)
            for instructionSet in InstructionSet.availableForFloats {
                for count in [2, 6, 14, 16, 18, 30, 34, 62, 66] {
                    let input = GuardedFloats(generator.floats(count))
                    let rotated = GuardedFloats(count: count)
                    for rotaryDimension in [0, count / 4 * 2, count] {
                        let angles = GuardedFloats(generator.floats(rotaryDimension / 2))
                        Rotary.rotate(
                            input.pointer, headCount: 1, headDimension: count, rotaryDimension: rotaryDimension,
                            cosines: angles.pointer, sines: angles.pointer, into: rotated.pointer,
                            instructionSet: instructionSet)
                    }
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
            for instructionSet in InstructionSet.availableForFloats {
                for (length, rowCount, window, dimension) in [(1, 1, 0, 2), (40, 3, 9, 20), (1030, 1, 64, 64)] {
                    var problem = AttentionProblem(
                        heads: (3, 1), dimension: dimension, length: length, window: window)
                    for slidingWindow in [0, 1, 33] {
                        problem.slidingWindow = slidingWindow
                        problem.scoreCap = Float(slidingWindow)
                        let rows = (length - rowCount)..<length
                        let output = problem.attend(rows: rows, threadCount: 2, instructionSet)
                        guard output.allSatisfy({ $0.isFinite }) else { exit(2) }
                    }
                }
            }
        }
    }

    /// Rows of an odd number of 16-bit numbers end inside of a word, and the last one at the fence.
    @Test("Packing weights")
    func packing() async {
        await #expect(processExitsWith: .success) {
            GuardedFloats.areFenced.store(true, ordering: .relaxed)
            let conversions: [(WeightFormat, WeightFormat)] = [
                (.float32, .float32), (.bfloat16, .bfloat16), (.float16, .float16), (.float32, .bfloat16),
                (.float16, .bfloat16), (.bfloat16, .float32),
            ]
            for instructionSet in InstructionSet.availableForFloats {
                for (from, to) in conversions {
                    for (rowCount, columnCount) in [(1, 1), (1, 33), (31, 3), (33, 31), (32, 64), (65, 65), (40, 47)] {
                        let byteCount = rowCount * from.rowByteCount(columnCount: columnCount)
                        let source = GuardedFloats(count: (byteCount + 3) / 4, filledWith: 0)
                        let end = UnsafeRawPointer(source.pointer + source.count)
                        let packed = PackedMatrix(
                            packing: UnsafeRawBufferPointer(start: end - byteCount, count: byteCount),
                            format: from, storedFormat: to, rowCount: rowCount, columnCount: columnCount,
                            threadCount: 2, instructionSet: instructionSet)
                        let row = GuardedFloats(count: columnCount)
                        packed.copyRow(rowCount - 1, to: row.pointer)
                        guard row.values.allSatisfy({ $0 == 0 }) else { exit(2) }
                    }
                }
            }
        }
    }

    @Test("Products of bfloat16 numbers", .enabled(if: InstructionSet.avx512.hasBFloat16Products))
    func bfloat16Products() async {
        await #expect(processExitsWith: .success) {
            GuardedFloats.areFenced.store(true, ordering: .relaxed)
            var generator = SeededGenerator(seed: 52)
            for (rowCount, columnCount, depth) in [
                (1, 1, 1), (1, 33, 7), (2, 31, 3), (7, 65, 33), (13, 40, 301), (97, 33, 65),
            ] {
                let weights = Weights(.bfloat16, rowCount: columnCount, columnCount: depth, using: &generator)
                let input = generator.floats(rowCount * depth)
                let plain = product(input, by: weights, precision: .bfloat16, threadCount: 2, .avx512)
                let gated = gatedProduct(input, gate: weights, up: weights, precision: .bfloat16, .avx512)
                guard (plain + gated).allSatisfy({ $0.isFinite }) else { exit(2) }
            }
        }
    }

    @Test("Attention with a narrow cache")
    func narrowCaches() async {
        await #expect(processExitsWith: .success) {
            GuardedFloats.areFenced.store(true, ordering: .relaxed)
            for instructionSet in InstructionSet.availableForFloats {
                let products: [(Precision, CacheFormat)] = [
                    (.float32, .bfloat16), (.float32, .int8), (.bfloat16, .bfloat16),
                ]
                for (precision, cacheFormat) in products
                where precision != .bfloat16 || instructionSet.hasBFloat16Products {
                    for (length, rowCount, window, dimension) in [(1, 1, 0, 2), (41, 3, 9, 20), (1031, 1, 64, 64)] {
                        let problem = AttentionProblem(
                            heads: (3, 1), dimension: dimension, length: length, window: window,
                            cacheFormat: cacheFormat, precision: precision)
                        let rows = (length - rowCount)..<length
                        let output = problem.attend(rows: rows, threadCount: 2, instructionSet)
                        guard output.allSatisfy({ $0.isFinite }) else { exit(2) }
                    }
                }
            }
        }
    }
}
