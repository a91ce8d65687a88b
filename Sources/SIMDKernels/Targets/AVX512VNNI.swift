import CLongLM

#if arch(x86_64)
    /// AVX-512 with VNNI: dot products of bytes in the tiles of ``Precision/int8``. All other kernels are those without it.
    enum AVX512VNNITarget: CodeTarget {
        typealias Arithmetic = FusedMultiplyAdd
        typealias Widen = AVX512Widening
        typealias Codes = AVX512VNNICodeProducts
        typealias CodeColumns = Lanes32

        @inline(never)
        static func run(_ kernel: LongLMKernel, _ arguments: UnsafeRawPointer) {
            longlm_run_avx512vnni(kernel, arguments)
        }
    }

    @c @implementation
    func longlm_code_avx512vnni(_ kernel: LongLMKernel, _ arguments: UnsafeRawPointer) {
        runCodeKernel(kernel, arguments, AVX512VNNITarget.self)
    }
#endif
