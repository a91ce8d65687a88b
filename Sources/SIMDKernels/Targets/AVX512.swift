import CLongLM

#if arch(x86_64)
    /// AVX-512: 32 registers of 16 floats, of which the tile takes 24. The smallest tile has eight chains, which are
    /// enough to hide the latency of a multiply-add.
    enum AVX512Target: KernelTarget, CodeTarget {
        typealias Arithmetic = FusedMultiplyAdd
        typealias Widen = AVX512Widening
        typealias Products = FusedMultiplyAdd
        typealias Tile = TwelveRows<Lanes32, Products>
        typealias MediumTile = EightRows<Lanes32, Products>
        typealias SmallTile = FourRows<Lanes32, Products>
        typealias Codes = AVX512CodeProducts
        typealias CodeColumns = Lanes32

        @inline(never)
        static func run(_ kernel: LongLMKernel, _ arguments: UnsafeRawPointer) { longlm_run_avx512(kernel, arguments) }

        @inline(never)
        static func unpack() -> LongLMUnpack { longlm_unpack_avx512() }
    }

    @c @implementation
    func longlm_tile_avx512(_ kernel: LongLMKernel, _ arguments: UnsafeRawPointer) {
        runTileKernel(kernel, arguments, AVX512Target.self)
    }

    @c @implementation
    func longlm_code_avx512(_ kernel: LongLMKernel, _ arguments: UnsafeRawPointer) {
        runCodeKernel(kernel, arguments, AVX512Target.self)
    }

    @c @implementation
    func longlm_other_avx512(_ kernel: LongLMKernel, _ arguments: UnsafeRawPointer) {
        runOtherKernel(kernel, arguments, AVX512Target.self)
    }
#endif
