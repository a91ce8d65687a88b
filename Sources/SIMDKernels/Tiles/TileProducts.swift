import CLongLM

/// How a tile multiplies, and how the numbers that it multiplies are arranged in 32-bit words.
protocol TileProducts: MultiplyAdd {
    /// How many numbers a word holds, and so how many a step of a chain multiplies: 1 or 2.
    static var numbersPerStep: Int { get }

    /// Arranges up to sixteen rows of floats as words, column after column.
    ///
    /// - Parameters:
    ///   - rows: `count` rows of 16 · ``numbersPerStep`` floats each; zeros stand for those that are missing.
    ///   - rowStride: Floats from one row to the next.
    ///   - target: Word w of row r goes to `target + w · targetStride + r`, for r < `height` and w < 16.
    static func transpose(
        _ rows: UnsafePointer<Float>, rowStride: Int, count: Int, to target: UnsafeMutablePointer<Float>,
        targetStride: Int, height: Int)

    /// Sixteen words of one row, of 16 · ``numbersPerStep`` floats.
    static func words(_ numbers: UnsafePointer<Float>) -> Lanes

    /// One word.
    ///
    /// - Parameters:
    ///   - numbers: Floats.
    ///   - count: How many floats there are, at least 1. Zeros fill up the word.
    static func word(_ numbers: UnsafePointer<Float>, count: Int) -> Float

    /// Writes sixteen floats as the numbers of a row of words, from `column` on.
    static func store(_ lanes: Lanes, to row: UnsafeMutablePointer<Float>, at column: Int)
}

extension FusedMultiplyAdd: TileProducts {}
extension SeparateMultiplyAdd: TileProducts {}

/// By default, a word is one float.
extension TileProducts {
    @_transparent static var numbersPerStep: Int { 1 }

    @_transparent
    static func transpose(
        _ rows: UnsafePointer<Float>, rowStride: Int, count: Int, to target: UnsafeMutablePointer<Float>,
        targetStride: Int, height: Int
    ) {
        longlm_transpose_words(rows, rowStride * 4, count, target, targetStride, height)
    }

    @_transparent
    static func words(_ numbers: UnsafePointer<Float>) -> Lanes { numbers.lanes(at: 0) }

    @_transparent
    static func word(_ numbers: UnsafePointer<Float>, count: Int) -> Float { numbers[0] }

    @_transparent
    static func store(_ lanes: Lanes, to row: UnsafeMutablePointer<Float>, at column: Int) {
        row.store(lanes, at: column)
    }
}

#if arch(x86_64)
    /// Every lane holds two bfloat16 numbers, and both of their products are added: the arithmetic of
    /// ``Precision/bfloat16``.
    enum BFloat16Dot: TileProducts {
        @_transparent
        static func multiplyAdd(_ left: Lanes, _ right: Lanes, _ addend: Lanes) -> Lanes {
            longlm_dot_bfloat16(left, right, addend)
        }

        @_transparent static var numbersPerStep: Int { 2 }

        @_transparent
        static func transpose(
            _ rows: UnsafePointer<Float>, rowStride: Int, count: Int, to target: UnsafeMutablePointer<Float>,
            targetStride: Int, height: Int
        ) {
            longlm_transpose_pairs(rows, rowStride, count, target, targetStride, height)
        }

        @_transparent
        static func words(_ numbers: UnsafePointer<Float>) -> Lanes { longlm_pair_bfloat16(numbers) }

        @_transparent
        static func word(_ numbers: UnsafePointer<Float>, count: Int) -> Float {
            BFloat16Words.rounded(numbers, count: count)
        }

        @_transparent
        static func store(_ lanes: Lanes, to row: UnsafeMutablePointer<Float>, at column: Int) {
            longlm_store_bfloat16(lanes, UnsafeMutableRawPointer(row).assumingMemoryBound(to: UInt16.self) + column)
        }
    }
#endif
