import CLongLM

#if arch(arm64)
    /// NEON with dot products of bytes without and with sign (USDOT of I8MM), in the tiles of
    /// ``Precision/int8``. All other kernels are the baseline's.
    enum NEONI8MMTarget: CodeTarget {
        typealias Arithmetic = FusedMultiplyAdd
        typealias Widen = ConvertedHalves
        typealias Codes = NEONI8MMCodeProducts
        typealias CodeColumns = Lanes

        @inline(never)
        static func run(_ kernel: LongLMKernel, _ arguments: UnsafeRawPointer) {
            longlm_run_neoni8mm(kernel, arguments)
        }
    }

    @c @implementation
    func longlm_code_neoni8mm(_ kernel: LongLMKernel, _ arguments: UnsafeRawPointer) {
        runCodeKernel(kernel, arguments, NEONI8MMTarget.self)
    }
#endif
