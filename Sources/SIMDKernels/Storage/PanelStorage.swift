import CLongLM

/// The blocks of a panel.
///
/// A panel holds the numbers of 32 rows. Its blocks are in ascending order of k, and each consists of 32-bit words.
protocol PanelBlocks {
    /// How many k a block has.
    static var blockLength: Int { get }

    /// The words of a block, for all rows of the panel.
    static var blockWordCount: Int { get }
}

/// How a tile reads stored numbers from panels.
protocol PanelStorage: PanelBlocks {
    /// Whether tiles also read through this storage what was widened from a ``QuantizedStorage``.
    static var readsWidened: Bool { get }

    /// The numbers that sixteen rows have at one k, widened exactly to 32-bit floats. Scales are applied here.
    ///
    /// - Parameters:
    ///   - block: The block's first word.
    ///   - row: The first of the rows.
    ///   - column: k within the block.
    static func lanes<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, column: Int, _: Widen.Type
    ) -> Lanes

    /// The word with the number that a row has at one k; see ``lanes(_:at:column:_:)``.
    static func word(_ block: UnsafePointer<Float>, at row: Int, column: Int) -> UnsafePointer<Float>
}

extension PanelStorage {
    /// Of a word for each row.
    @inline(always)
    static func word(_ block: UnsafePointer<Float>, at row: Int, column: Int) -> UnsafePointer<Float> { block + row }

    @inline(always) static var readsWidened: Bool { false }
}

/// What a kernel does for the storage that a format selects.
protocol PanelVisitor {
    func visit<Storage: PanelStorage>(_: Storage.Type)
}

/// How a target widens stored numbers, where that depends on its instructions.
protocol Widening {
    /// The half-precision number in the lower half of each word.
    static func lowerHalves(_ words: Lanes) -> Lanes
    /// The half-precision number in the upper half of each word.
    static func upperHalves(_ words: Lanes) -> Lanes
    /// Each byte, which is below 16, replaced by the value that IQ4_NL and IQ4_XS give it, plus 128.
    static func iq4Codes(_ words: Lanes) -> Lanes
    /// Four bits of each byte, from bit `shift` on, as floats; or the values that IQ4_NL and IQ4_XS give them, plus 128.
    static func nibbles(_ words: Lanes, from shift: Int, asIQ4: Bool) -> QuadNumbers
}

extension Widening {
    @inline(always)
    static func nibbles(_ words: Lanes, from shift: Int, asIQ4: Bool) -> QuadNumbers {
        let codes = words.masked(shift: shift, 0x0f0f_0f0f)
        return QuadNumbers(bytes: asIQ4 ? iq4Codes(codes) : codes)
    }
}

/// The numbers of four neighboring columns, for sixteen rows.
struct QuadNumbers {
    let first: Lanes
    let second: Lanes
    let third: Lanes
    let fourth: Lanes

    @inline(always)
    init(first: Lanes, second: Lanes, third: Lanes, fourth: Lanes) {
        self.first = first
        self.second = second
        self.third = third
        self.fourth = fourth
    }

    /// The bytes of each word.
    @inline(always)
    init(bytes: Lanes) {
        first = bytes.byteAsFloat(0)
        second = bytes.byteAsFloat(1)
        third = bytes.byteAsFloat(2)
        fourth = bytes.byteAsFloat(3)
    }
}

/// With the processor's own conversion (F16C, NEON).
enum ConvertedHalves: Widening {
    @inline(always) static func lowerHalves(_ words: Lanes) -> Lanes { words.lowHalf }
    @inline(always) static func upperHalves(_ words: Lanes) -> Lanes { words.highHalf }
    @inline(always) static func iq4Codes(_ words: Lanes) -> Lanes {
        #if arch(x86_64)
            longlm_shuffle_iq4(words)
        #else
            longlm_look_up_iq4(words)
        #endif
    }
}

#if arch(x86_64)
    /// With AVX-512: nibbles are looked up in a register.
    enum AVX512Widening: Widening {
        @inline(always) static func lowerHalves(_ words: Lanes) -> Lanes { ConvertedHalves.lowerHalves(words) }
        @inline(always) static func upperHalves(_ words: Lanes) -> Lanes { ConvertedHalves.upperHalves(words) }
        @inline(always) static func iq4Codes(_ words: Lanes) -> Lanes { ConvertedHalves.iq4Codes(words) }

        @inline(always)
        static func nibbles(_ words: Lanes, from shift: Int, asIQ4: Bool) -> QuadNumbers {
            let words = words.shifted(shift)
            return QuadNumbers(
                first: longlm_permute_nibbles(words, asIQ4),
                second: longlm_permute_nibbles(words.shifted(8), asIQ4),
                third: longlm_permute_nibbles(words.shifted(16), asIQ4),
                fourth: longlm_permute_nibbles(words.shifted(24), asIQ4))
        }
    }
#endif

/// In integer arithmetic, for processors without a conversion.
enum AssembledHalves: Widening {
    @inline(always) static func lowerHalves(_ words: Lanes) -> Lanes { longlm_widen_low_half_bits(words) }
    @inline(always) static func upperHalves(_ words: Lanes) -> Lanes { longlm_widen_high_half_bits(words) }
    @inline(always) static func iq4Codes(_ words: Lanes) -> Lanes { longlm_look_up_iq4(words) }
}
