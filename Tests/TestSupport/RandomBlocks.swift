#if !hasFeature(Embedded)
    import SIMDKernels
#endif

extension WeightFormat {
    /// Where a block has 16-bit scales and minima. All other bits of a block may be anything.
    private var scaleOffsets: [Int] {
        switch self {
        case .q40, .q50, .q80, .iq4NL, .iq4XS: [0]
        case .q41, .q51, .q4K, .q5K: [0, 2]
        case .q2K: [80, 82]
        case .q3K: [108]
        case .q6K: [208]
        case .float32, .bfloat16, .float16, .affine4, .affine8, .float8: []
        }
    }

    /// Where a block has 32-bit scales and minima.
    private var wideScaleOffsets: [Int] {
        switch self {
        case .affine4, .affine8: [0, 4]
        case .float8: [0]
        default: []
        }
    }

    /// A block of random bits.
    ///
    /// - Parameters:
    ///   - exponents: Of the scales and minima, as 16-bit ones are stored: e stands for 2^(e − 15).
    ///   - wholeScales: Whether 32-bit scales have bits that 16-bit ones lack, so that their products with codes aren't
    ///     exact.
    package func randomBlock(
        exponents: ClosedRange<UInt8>, wholeScales: Bool = false, using generator: inout SeededGenerator
    ) -> [UInt8] {
        var block = (0..<rowByteCount(columnCount: columnMultiple)).map { _ in
            UInt8(truncatingIfNeeded: generator.next())
        }
        for offset in scaleOffsets {
            block[offset + 1] = block[offset + 1] & 0x83 | UInt8.random(in: exponents, using: &generator) << 2
        }
        for offset in wideScaleOffsets {
            let exponent = UInt32(UInt8.random(in: exponents, using: &generator)) + 112
            let random = UInt32(truncatingIfNeeded: generator.next())
            let bits = random & (wholeScales ? 0x807f_ffff : 0x807f_0000) | exponent << 23
            for byte in 0..<4 { block[offset + byte] = UInt8(truncatingIfNeeded: bits >> UInt32(8 * byte)) }
        }
        return block
    }
}
