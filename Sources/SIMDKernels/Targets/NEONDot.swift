import CLongLM

#if arch(arm64)
    /// NEON with dot products of bytes with sign (SDOT), in the tiles of
    /// ``Precision/int8``. All other kernels are the baseline's.
    enum NEONDotTarget: CodeTarget {
        typealias Arithmetic = FusedMultiplyAdd
        typealias Widen = ConvertedHalves
        typealias Codes = NEONDotCodeProducts
        typealias CodeColumns = Lanes

        @inline(never)
        static func run(_ kernel: LongLMKernel, _ arguments: UnsafeRawPointer) {
            longlm_run_neondot(kernel, arguments)
        }
    }

    @c @implementation
    func longlm_code_neondot(_ kernel: LongLMKernel, _ arguments: UnsafeRawPointer) {
        runCodeKernel(kernel, arguments, NEONDotTarget.self)
    }
#endif
