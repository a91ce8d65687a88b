import CLongLM

#if arch(x86_64)
    /// AVX2 with AVX-VNNI: dot products of bytes in the tiles of ``Precision/int8``. All other kernels are those without it.
    enum AVX2VNNITarget: CodeTarget {
        typealias Arithmetic = FusedMultiplyAdd
        typealias Widen = ConvertedHalves
        typealias Codes = AVX2VNNICodeProducts
        typealias CodeColumns = Lanes

        @inline(never)
        static func run(_ kernel: LongLMKernel, _ arguments: UnsafeRawPointer) {
            longlm_run_avx2vnni(kernel, arguments)
        }
    }

    @c @implementation
    func longlm_code_avx2vnni(_ kernel: LongLMKernel, _ arguments: UnsafeRawPointer) {
        runCodeKernel(kernel, arguments, AVX2VNNITarget.self)
    }
#endif
