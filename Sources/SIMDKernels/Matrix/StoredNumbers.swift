import CLongLM

/// How a kernel reads numbers out of the 32-bit words of a panel: one float, or two 16-bit numbers of neighboring k.
protocol StoredNumbers {
    /// Numbers of one word: 1 or 2.
    static var perWord: Int { get }
    /// The first number of each word (the lower half), widened exactly.
    static func first(_ words: Lanes) -> Lanes
    /// The second number of each word, where there is one.
    static func second(_ words: Lanes) -> Lanes
}

/// Words that are multiplied as they are: floats, or pairs of bfloat16 numbers for ``BFloat16Dot``.
enum WholeWords: StoredNumbers {
    @inline(always) static var perWord: Int { 1 }
    @inline(always) static func first(_ words: Lanes) -> Lanes { words }
    @inline(always) static func second(_ words: Lanes) -> Lanes { words }
}

/// Two bfloat16 numbers a word.
enum BFloat16Numbers: StoredNumbers {
    @inline(always) static var perWord: Int { 2 }
    @inline(always) static func first(_ words: Lanes) -> Lanes { longlm_widen_low_bfloat16(words) }
    @inline(always) static func second(_ words: Lanes) -> Lanes { longlm_widen_high_bfloat16(words) }
}

/// Two half-precision numbers a word, widened by the processor's conversion.
enum ConvertedFloat16Numbers: StoredNumbers {
    @inline(always) static var perWord: Int { 2 }
    @inline(always) static func first(_ words: Lanes) -> Lanes { longlm_convert_low_half(words) }
    @inline(always) static func second(_ words: Lanes) -> Lanes { longlm_convert_high_half(words) }
}

/// Two half-precision numbers a word, widened in integer arithmetic, for processors without a conversion.
enum AssembledFloat16Numbers: StoredNumbers {
    @inline(always) static var perWord: Int { 2 }
    @inline(always) static func first(_ words: Lanes) -> Lanes { longlm_widen_low_half_bits(words) }
    @inline(always) static func second(_ words: Lanes) -> Lanes { longlm_widen_high_half_bits(words) }
}
