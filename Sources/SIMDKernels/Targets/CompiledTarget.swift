import CLongLM

/// The target that runs a kernel, chosen at run time from those that kernels are compiled for.
enum CompiledTarget {
    case baseline
    #if arch(x86_64)
        case avx2
        case avx512
        case avx512BFloat16
        case avx2VNNI
        case avx512VNNI
    #elseif arch(arm64)
        case neonDot
        case neonI8MM
    #endif

    /// Runs a kernel.
    func run(_ kernel: LongLMKernel, _ arguments: UnsafeRawPointer) {
        switch self {
        case .baseline: BaselineTarget.run(kernel, arguments)
        #if arch(x86_64)
            case .avx2: AVX2Target.run(kernel, arguments)
            case .avx512: AVX512Target.run(kernel, arguments)
            case .avx512BFloat16: AVX512BFloat16Target.run(kernel, arguments)
            case .avx2VNNI: AVX2VNNITarget.run(kernel, arguments)
            case .avx512VNNI: AVX512VNNITarget.run(kernel, arguments)
        #elseif arch(arm64)
            case .neonDot: NEONDotTarget.run(kernel, arguments)
            case .neonI8MM: NEONI8MMTarget.run(kernel, arguments)
        #endif
        }
    }

    /// The kernel that unpacks quantised weights, for a product kernel to call.
    var unpack: LongLMUnpack {
        switch self {
        case .baseline: BaselineTarget.unpack()
        #if arch(x86_64)
            case .avx2, .avx2VNNI: AVX2Target.unpack()
            case .avx512, .avx512BFloat16, .avx512VNNI: AVX512Target.unpack()
        #elseif arch(arm64)
            case .neonDot, .neonI8MM: BaselineTarget.unpack()
        #endif
        }
    }

    /// MR of its largest tile of floats.
    var tileRows: Int {
        switch self {
        case .baseline: BaselineTarget.Tile.rows
        #if arch(x86_64)
            case .avx2, .avx2VNNI: AVX2Target.Tile.rows
            case .avx512, .avx512VNNI: AVX512Target.Tile.rows
            case .avx512BFloat16: AVX512BFloat16Target.Tile.rows
        #elseif arch(arm64)
            case .neonDot, .neonI8MM: BaselineTarget.Tile.rows
        #endif
        }
    }
}

extension InstructionSet {
    /// The target that computes in a precision. ``InstructionSet/supports(_:)`` must be true for it.
    func target(for precision: Precision) -> CompiledTarget {
        #if arch(x86_64)
            switch (self, precision) {
            case (.baseline, _), (.neonDot, _), (.neonI8MM, _): return .baseline
            case (.avx2VNNI, .int8): return .avx2VNNI
            case (.avx2, _), (.avx2VNNI, _): return .avx2
            case (.avx512VNNI, .int8): return .avx512VNNI
            case (.avx512, .bfloat16), (.avx512VNNI, .bfloat16): return .avx512BFloat16
            case (.avx512, _), (.avx512VNNI, _): return .avx512
            }
        #elseif arch(arm64)
            switch (self, precision) {
            case (.neonDot, .int8): return .neonDot
            case (.neonI8MM, .int8): return .neonI8MM
            default: return .baseline
            }
        #else
            return .baseline
        #endif
    }

    /// Whether this processor computes in a precision with this instruction set.
    public func supports(_ precision: Precision) -> Bool {
        switch precision {
        case .float32, .int8: true
        case .bfloat16: hasBFloat16Products
        }
    }

    /// MR of the largest tile in use.
    func tileRows(for precision: Precision) -> Int {
        switch precision {
        case .float32, .bfloat16: target(for: .float32).tileRows
        case .int8: codeTileRows
        }
    }
}
