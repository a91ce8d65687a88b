import CLongLM

#if arch(x86_64)
    /// AVX-512 with bfloat16 dot products in its tiles. All other kernels are those of AVX-512.
    enum AVX512BFloat16Target: KernelTarget {
        typealias Arithmetic = FusedMultiplyAdd
        typealias Widen = ConvertedHalves
        typealias Products = BFloat16Dot
        typealias Tile = TwelveRows<Lanes32, Products>
        typealias MediumTile = EightRows<Lanes32, Products>
        typealias SmallTile = FourRows<Lanes32, Products>

        /// Products of pairs read bfloat16 words, and callers never pass another format.
        @inline(always)
        static func visit<Visitor: PanelVisitor>(_ format: WeightFormat, _ visitor: Visitor) {
            visitor.visit(BFloat16Words.self)
        }

        @inline(always)
        static func visit<Visitor: CacheVisitor>(_ format: CacheFormat, _ visitor: Visitor) {
            visitor.visit(BFloat16Words.self)
        }

        @inline(never)
        static func run(_ kernel: LongLMKernel, _ arguments: UnsafeRawPointer) {
            longlm_run_avx512bf16(kernel, arguments)
        }
    }

    @c @implementation
    func longlm_tile_avx512bf16(_ kernel: LongLMKernel, _ arguments: UnsafeRawPointer) {
        runTileKernel(kernel, arguments, AVX512BFloat16Target.self)
    }
#endif
