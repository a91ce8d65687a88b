import CLongLM

#if arch(x86_64)
    /// AVX2 with FMA and F16C: 16 registers of 8 floats, of which the tile takes 12.
    enum AVX2Target: KernelTarget, CodeTarget {
        typealias Arithmetic = FusedMultiplyAdd
        typealias Widen = ConvertedHalves
        typealias Products = FusedMultiplyAdd
        typealias Tile = SixRows<Lanes, Products>
        typealias MediumTile = FourRows<Lanes, Products>
        typealias SmallTile = TwoRows<Lanes, Products>
        typealias Codes = AVX2CodeProducts
        typealias CodeColumns = Lanes

        @inline(never)
        static func run(_ kernel: LongLMKernel, _ arguments: UnsafeRawPointer) { longlm_run_avx2(kernel, arguments) }

        @inline(never)
        static func unpack() -> LongLMUnpack { longlm_unpack_avx2() }
    }

    @c @implementation
    func longlm_tile_avx2(_ kernel: LongLMKernel, _ arguments: UnsafeRawPointer) {
        runTileKernel(kernel, arguments, AVX2Target.self)
    }

    @c @implementation
    func longlm_code_avx2(_ kernel: LongLMKernel, _ arguments: UnsafeRawPointer) {
        runCodeKernel(kernel, arguments, AVX2Target.self)
    }

    @c @implementation
    func longlm_other_avx2(_ kernel: LongLMKernel, _ arguments: UnsafeRawPointer) {
        runOtherKernel(kernel, arguments, AVX2Target.self)
    }
#endif
