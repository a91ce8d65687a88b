import CLongLM

/// Activations as code products read them.
///
/// Of every 32 columns of a row the greatest magnitude, over 127, is the scale d. An activation becomes the integer nearest
/// to it times 127 over the greatest magnitude, ties to even. A group of no more than 2⁻¹⁰⁰ becomes zeros.
///
/// A tile of R rows has ``wordCount`` · R words for every 32 columns. Word w of row r is at `w · R + r`.
enum QuantizedInput {
    /// The words of 32 columns of one row. Words 0 to 7 are the integers, a byte each.
    @inline(always) static var wordCount: Int { 16 }
    /// −128 times the sum of the 32 integers: what the code products have too much, since codes have 128 added.
    @inline(always) static var correction: Int { 8 }
    /// The same for the first 16 columns, and in the next word for the others.
    @inline(always) static var halfCorrections: Int { 9 }
    /// d.
    @inline(always) static var scale: Int { 11 }
    /// d times the sum of the 32 integers, which minima are multiplied with.
    @inline(always) static var sum: Int { 12 }
    /// The same for the first 16 columns, and in the next word for the others.
    @inline(always) static var halfSums: Int { 13 }

    /// Quantises 32 columns of a row.
    ///
    /// - Parameters:
    ///   - source: 32 floats.
    ///   - target: Word w goes to `target[w · stride]`.
    @inline(always)
    static func store(_ source: UnsafePointer<Float>, to target: UnsafeMutablePointer<Float>, stride: Int) {
        let first = source.lanes(at: 0)
        let second = source.lanes(at: laneCount)
        let greatest = first.maximum(-first).maximum(second.maximum(-second)).treeMaximum
        let isZero = !(greatest > 0x1p-100)
        let scale = isZero ? 0 : greatest / 127
        let factor: Float = isZero ? 0 : 127 / greatest
        let firstIntegers = longlm_nearest_integers(first * factor)
        let secondIntegers = longlm_nearest_integers(second * factor)
        longlm_store_word_bytes(firstIntegers, target, stride)
        longlm_store_word_bytes(secondIntegers, target + 4 * stride, stride)
        // Sums of integers below 2²⁴ are exact in floats.
        let firstSum = firstIntegers.treeSum
        let secondSum = secondIntegers.treeSum
        target[correction * stride] = longlm_integer_word(-128 * (firstSum + secondSum))
        target[halfCorrections * stride] = longlm_integer_word(-128 * firstSum)
        target[(halfCorrections + 1) * stride] = longlm_integer_word(-128 * secondSum)
        target[Self.scale * stride] = scale
        target[sum * stride] = scale * (firstSum + secondSum)
        target[halfSums * stride] = scale * firstSum
        target[(halfSums + 1) * stride] = scale * secondSum
    }

    /// Fills the place of 32 columns of a missing row.
    @inline(always)
    static func storeZeros(to target: UnsafeMutablePointer<Float>, stride: Int) {
        for word in Steps(from: 0, to: wordCount, by: 1) { target[word * stride] = 0 }
    }
}

/// Quantises some rows of activations.
struct QuantizeInputArguments: Kernel {
    /// Row 0.
    let source: UnsafePointer<Float>
    let rows: Range<Int>
    /// K, a multiple of 32.
    let columnCount: Int
    /// Whether there is only one row. It stays a row instead of becoming a tile.
    let isSingleRow: Bool
    /// Where row 0 goes.
    let target: UnsafeMutablePointer<Float>
    /// Words from one row's place to the next.
    let targetStride: Int

    static var number: LongLMKernel { .quantizeInput }

    @inline(always)
    func body<Target: KernelTarget>(_: Target.Type) {
        // The same tiles as the product will use.
        var row = rows.lowerBound
        while row < rows.upperBound {
            let rest = rows.upperBound - row
            let height = isSingleRow ? 1 : rest > 4 ? 6 : rest > 2 ? 4 : 2
            quantizeTile(from: row, count: lesser(rest, height), height: height)
            row += height
        }
    }

    @inline(always)
    private func quantizeTile(from row: Int, count: Int, height: Int) {
        let tile = target + row * targetStride
        for tileRow in Steps(from: 0, to: height, by: 1) {
            for group in Steps(from: 0, to: columnCount / 32, by: 1) {
                let place = tile + group * QuantizedInput.wordCount * height + tileRow
                if tileRow < count {
                    QuantizedInput.store(
                        source + (row + tileRow) * columnCount + group * 32, to: place, stride: height)
                } else {
                    QuantizedInput.storeZeros(to: place, stride: height)
                }
            }
        }
    }
}
