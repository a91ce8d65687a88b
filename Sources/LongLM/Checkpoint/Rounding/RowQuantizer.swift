import GGUF
import SIMDKernels

/// Rounds rows of floats to a type of ggml, as a file holds them.
package enum RowQuantizer {
    /// What rounding does to some numbers.
    package struct Errors: Sendable, Equatable {
        /// The sum of the squares of the numbers.
        package var squares = 0.0
        /// The sum of the squares of the errors.
        package var squaredErrors = 0.0

        package static func += (left: inout Errors, right: Errors) {
            left.squares += right.squares
            left.squaredErrors += right.squaredErrors
        }
    }

    /// The types that floats can be rounded to.
    package static let types: [GGUFTensorType] = [.float32, .float16, .q40, .q50, .q80, .q4K, .q6K]

    /// Rounds one row. A number that isn't finite makes its whole block no number, so that it shows in every product.
    ///
    /// Q8_0 and Q4_0 are those of weights that are rounded while they are loaded, bit for bit.
    ///
    /// - Parameters:
    ///   - row: [columnCount].
    ///   - columnCount: Whole blocks of the type.
    ///   - type: One of ``types``.
    ///   - target: The bytes of the blocks.
    /// - Returns: What it does to the numbers. It is no number for numbers that aren't finite.
    package static func quantize(
        _ row: UnsafePointer<Float>, columnCount: Int, to type: GGUFTensorType, _ target: UnsafeMutableRawPointer
    ) -> Errors {
        switch type {
        case .float32:
            target.copyMemory(from: row, byteCount: 4 * columnCount)
            var errors = Errors()
            for index in 0..<columnCount { errors.squares += Double(row[index]) * Double(row[index]) }
            return errors
        case .float16: return storeHalves(row, columnCount, target)
        case .q40: return store(row, columnCount, target, 32, 18, [0], storeQ40)
        case .q80: return store(row, columnCount, target, 32, 34, [0], storeQ80)
        case .q50:
            return store(row, columnCount, target, Q50Block.length, Q50Block.byteCount, [0]) { Q50Block.store($0, $1) }
        case .q4K:
            return store(row, columnCount, target, Q4KBlock.length, Q4KBlock.byteCount, [0, 2]) {
                let block = Q4KBlock($0)
                block.store($0, $1)
                return block.squaredError
            }
        case .q6K:
            return store(row, columnCount, target, Q6KBlock.length, Q6KBlock.byteCount, [208]) {
                let block = Q6KBlock($0)
                block.store($0, $1)
                return block.squaredError
            }
        default: preconditionFailure("floats can be rounded to the type")
        }
    }

    /// Writes block after block.
    ///
    /// - Parameters:
    ///   - scaleOffsets: Where a block has scales of 16 bits.
    ///   - body: Writes a block of finite numbers, and returns the sum of squared errors.
    @inline(__always)
    private static func store(
        _ row: UnsafePointer<Float>, _ columnCount: Int, _ target: UnsafeMutableRawPointer, _ length: Int,
        _ byteCount: Int, _ scaleOffsets: [Int], _ body: (UnsafePointer<Float>, UnsafeMutableRawPointer) -> Float
    ) -> Errors {
        var errors = Errors()
        for index in 0..<(columnCount / length) {
            let (numbers, block) = (row + index * length, target + index * byteCount)
            let group = VectorGroup(numbers, count: length)
            let squares = group.squares
            // Squares of numbers beyond 1e19 aren't finite; the numbers may be.
            if squares.isFinite || (0..<length).allSatisfy({ numbers[$0].isFinite }) {
                errors += Errors(squares: Double(squares), squaredErrors: Double(body(numbers, block)))
            } else {
                UnsafeMutableRawBufferPointer(start: block, count: byteCount)
                    .initializeMemory(as: UInt8.self, repeating: 0)
                for offset in scaleOffsets {
                    block.storeBytes(of: Half.nan.littleEndian, toByteOffset: offset, as: UInt16.self)
                }
                errors += Errors(squares: .nan, squaredErrors: .nan)
            }
        }
        return errors
    }

    /// The scale makes the greatest magnitude 127.
    private static func storeQ80(_ numbers: UnsafePointer<Float>, _ block: UnsafeMutableRawPointer) -> Float {
        let group = VectorGroup(numbers, count: 32)
        let scale = Half.rounded(abs(group.extreme) / 127)
        block.storeBytes(of: scale.bits.littleEndian, as: UInt16.self)
        let codes = (block + 2).assumingMemoryBound(to: Int8.self)
        return group.storeQuotients(scale.value, -127, 127, codes)
    }

    /// The scale makes the number of the greatest magnitude −8, the only end that a number of four bits reaches.
    private static func storeQ40(_ numbers: UnsafePointer<Float>, _ block: UnsafeMutableRawPointer) -> Float {
        let group = VectorGroup(numbers, count: 32)
        let scale = Half.rounded(group.firstExtreme / -8)
        block.storeBytes(of: scale.bits.littleEndian, as: UInt16.self)
        return withUnsafeTemporaryAllocation(of: Int8.self, capacity: 32) { codes in
            guard let first = codes.baseAddress else { return 0 }
            let error = group.storeQuotients(scale.value, -8, 7, first)
            for index in 0..<16 {
                let byte = UInt8(first[index] + 8) | UInt8(first[index + 16] + 8) << 4
                block.storeBytes(of: byte, toByteOffset: 2 + index, as: UInt8.self)
            }
            return error
        }
    }

    private static func storeHalves(
        _ row: UnsafePointer<Float>, _ columnCount: Int, _ target: UnsafeMutableRawPointer
    ) -> Errors {
        var errors = Errors()
        for index in 0..<columnCount {
            let number = row[index]
            let half = number.isFinite ? Half.rounded(number) : (bits: Half.nan, value: .nan)
            target.storeBytes(of: half.bits.littleEndian, toByteOffset: 2 * index, as: UInt16.self)
            let error = Double(number) - Double(half.value)
            errors += Errors(squares: Double(number) * Double(number), squaredErrors: error * error)
        }
        return errors
    }
}
