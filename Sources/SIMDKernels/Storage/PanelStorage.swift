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
}

extension PanelStorage {
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
}

/// With the processor's own conversion (F16C, NEON).
enum ConvertedHalves: Widening {
    @inline(always) static func lowerHalves(_ words: Lanes) -> Lanes { longlm_convert_low_half(words) }
    @inline(always) static func upperHalves(_ words: Lanes) -> Lanes { longlm_convert_high_half(words) }
    @inline(always) static func iq4Codes(_ words: Lanes) -> Lanes {
        #if arch(x86_64)
            longlm_shuffle_iq4(words)
        #else
            longlm_look_up_iq4(words)
        #endif
    }
}

/// In integer arithmetic, for processors without a conversion.
enum AssembledHalves: Widening {
    @inline(always) static func lowerHalves(_ words: Lanes) -> Lanes { longlm_widen_low_half_bits(words) }
    @inline(always) static func upperHalves(_ words: Lanes) -> Lanes { longlm_widen_high_half_bits(words) }
    @inline(always) static func iq4Codes(_ words: Lanes) -> Lanes { longlm_look_up_iq4(words) }
}
