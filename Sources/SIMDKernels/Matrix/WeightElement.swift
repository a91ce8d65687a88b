import CLongLM

/// A stored number type that kernels widen 16 at a time.
protocol WeightElement {
    associatedtype Bits
    /// 16 numbers from `source` on, widened exactly.
    static func widen(_ source: UnsafePointer<Bits>) -> Lanes
}

enum Float32Element: WeightElement {
    @inline(always)
    static func widen(_ source: UnsafePointer<Float>) -> Lanes { source.lanes(at: 0) }
}

enum BFloat16Element: WeightElement {
    @inline(always)
    static func widen(_ source: UnsafePointer<UInt16>) -> Lanes { longlm_widen_bfloat16(source) }
}

enum Float16Element: WeightElement {
    @inline(always)
    static func widen(_ source: UnsafePointer<UInt16>) -> Lanes { longlm_widen_half(source) }
}
