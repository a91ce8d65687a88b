import CLongLM

/// The arguments of a kernel, and what it does with them on any target.
protocol Kernel {
    /// Its number in LongLMTrampolines.h.
    static var number: LongLMKernel { get }

    /// The kernel's body. It and all that it calls is `@inline(always)` or `@_transparent`.
    func body<Target: KernelTarget>(_: Target.Type)
}

/// The arguments of a kernel of code products, and what it does with them on any target.
protocol CodeKernel {
    /// Its number in LongLMTrampolines.h.
    static var number: LongLMKernel { get }

    /// The kernel's body. It and all that it calls is `@inline(always)` or `@_transparent`.
    func body<Target: CodeTarget>(_: Target.Type)
}

/// The bodies of the kernels of code products.
@inline(always)
func runCodeKernel<Target: CodeTarget>(
    _ kernel: LongLMKernel, _ arguments: UnsafeRawPointer, _: Target.Type
) {
    guard longlm_is_constant(kernel) else { return }
    switch kernel {
    case .codeGemm: run(CodeGEMMArguments.self, arguments, Target.self)
    case .codeGemv: run(CodeGEMVArguments.self, arguments, Target.self)
    case .codeAttention: run(CodeAttentionArguments.self, arguments, Target.self)
    case .codePeak: run(CodePeakArguments.self, arguments, Target.self)
    default: return
    }
}

/// The bodies of the kernels that multiply in tiles.
@inline(always)
func runTileKernel<Target: KernelTarget>(
    _ kernel: LongLMKernel, _ arguments: UnsafeRawPointer, _: Target.Type
) {
    guard longlm_is_constant(kernel) else { return }
    switch kernel {
    case .gemm: run(GEMMArguments.self, arguments, Target.self)
    case .gemv: run(GEMVArguments.self, arguments, Target.self)
    case .attention: run(AttentionArguments.self, arguments, Target.self)
    case .peak: run(PeakArguments.self, arguments, Target.self)
    case .packInput: run(PackInputArguments.self, arguments, Target.self)
    default: return
    }
}

/// The bodies of all other kernels.
@inline(always)
func runOtherKernel<Target: KernelTarget>(
    _ kernel: LongLMKernel, _ arguments: UnsafeRawPointer, _: Target.Type
) {
    guard longlm_is_constant(kernel) else { return }
    switch kernel {
    case .unpack: run(UnpackArguments.self, arguments, Target.self)
    case .quantizeInput: run(QuantizeInputArguments.self, arguments, Target.self)
    case .packWeights: run(PackWeightsArguments.self, arguments, Target.self)
    case .normalize: run(NormalizationArguments.self, arguments, Target.self)
    case .rotary: run(RotaryArguments.self, arguments, Target.self)
    case .attentionMerge: run(AttentionMergeArguments.self, arguments, Target.self)
    case .read: run(ReadArguments.self, arguments, Target.self)
    default: return
    }
}

@inline(always)
private func run<Arguments: Kernel, Target: KernelTarget>(
    _: Arguments.Type, _ arguments: UnsafeRawPointer, _: Target.Type
) {
    arguments.assumingMemoryBound(to: Arguments.self).pointee.body(Target.self)
}

@inline(always)
private func run<Arguments: CodeKernel, Target: CodeTarget>(
    _: Arguments.Type, _ arguments: UnsafeRawPointer, _: Target.Type
) {
    arguments.assumingMemoryBound(to: Arguments.self).pointee.body(Target.self)
}

extension CodeKernel {
    /// Runs the kernel in the form compiled for an instruction set.
    func run(on instructionSet: InstructionSet) {
        withUnsafePointer(to: self) { instructionSet.target(for: .int8).run(Self.number, $0) }
    }
}

extension Kernel {
    /// Runs the kernel in the form compiled for an instruction set and a precision.
    func run(on instructionSet: InstructionSet, precision: Precision = .float32) {
        withUnsafePointer(to: self) { instructionSet.target(for: precision).run(Self.number, $0) }
    }
}
