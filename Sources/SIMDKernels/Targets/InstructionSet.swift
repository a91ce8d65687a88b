import CLongLM

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The instructions that the kernels of this module are compiled for.
///
/// Every kernel gives the same bits on `avx2`, `avx512` and arm64's `baseline` (NEON). Only `avx512` has bfloat16
/// products. Those with VNNI, and the two of NEON with dot products, differ from those without in the speed of
/// ``Precision/int8`` alone. The x86-64 `baseline` has no fused multiply-add, so its results agree within rounding and not
/// bit by bit.
public enum InstructionSet: String, Sendable, CaseIterable, Comparable {
    /// What the compiler assumes that every processor has: SSE2 on x86-64, NEON with fused multiply-add on arm64.
    case baseline
    /// arm64 with dot products of bytes (SDOT), for products of ``Precision/int8``.
    case neonDot = "neondot"
    /// arm64 with I8MM, whose dot products (USDOT) take one factor without sign, for products of ``Precision/int8``.
    case neonI8MM = "neoni8mm"
    /// x86-64 with AVX2, FMA and F16C.
    case avx2
    /// The same with AVX-VNNI, for products of ``Precision/int8``.
    case avx2VNNI = "avx2vnni"
    /// x86-64 with AVX-512 F, BW, DQ and VL.
    case avx512
    /// The same with AVX-512 VNNI, for products of ``Precision/int8``.
    case avx512VNNI = "avx512vnni"

    /// The instruction sets that this processor has, lowest first.
    public static let available: [InstructionSet] = allCases.filter { instructionSet in
        switch instructionSet {
        case .baseline: true
        case .neonDot: longlm_processor_has_neon_dot()
        case .neonI8MM: longlm_processor_has_neon_i8mm()
        case .avx2: longlm_processor_has_avx2()
        case .avx2VNNI: longlm_processor_has_avx_vnni()
        case .avx512: longlm_processor_has_avx512()
        case .avx512VNNI: longlm_processor_has_avx512_vnni()
        }
    }

    /// Those whose kernels of floats differ. The others differ from one of these in ``Precision/int8`` alone.
    package static let availableForFloats = available.filter {
        ![.neonDot, .neonI8MM, .avx2VNNI, .avx512VNNI].contains($0)
    }

    /// The instruction set to use: the highest that this processor has, or the one that the environment
    /// variable `LONGLM_ISA` names (`baseline`, `avx2`, `avx2vnni`, `avx512` or `avx512vnni`; on arm64 `baseline`, `neondot`
    /// or `neoni8mm`).
    ///
    /// - Throws: ``InstructionSetError`` if `LONGLM_ISA` names one that doesn't exist or that this processor lacks.
    public static func preferred() throws(InstructionSetError) -> InstructionSet {
        try preferred(named: getenv("LONGLM_ISA").map { String(cString: $0) }, among: available)
    }

    /// The instruction set that `name` asks for; without a name, the highest.
    package static func preferred(
        named name: String?, among available: [InstructionSet]
    ) throws(InstructionSetError) -> InstructionSet {
        guard let name, !name.isEmpty else { return available.last ?? .baseline }
        guard let requested = InstructionSet(rawValue: name) else { throw .unknown(name) }
        guard available.contains(requested) else { throw .unavailable(requested) }
        return requested
    }

    /// Whether this instruction set has a fused multiply-add. All that do give the same bits.
    public var isFused: Bool {
        #if arch(x86_64)
            self != .baseline
        #else
            true
        #endif
    }

    /// Whether this processor computes ``Precision/bfloat16`` products with this instruction set: AVX-512 BF16.
    public var hasBFloat16Products: Bool { self >= .avx512 && longlm_processor_has_avx512_bf16() }

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }

    /// Compares instruction sets: a higher one has more instructions.
    public static func < (left: InstructionSet, right: InstructionSet) -> Bool {
        left.rank < right.rank
    }
}

/// Why `LONGLM_ISA` can't be followed.
public enum InstructionSetError: Error, Equatable, Sendable, CustomStringConvertible {
    /// No instruction set has this name.
    case unknown(String)
    /// This processor lacks the instruction set.
    case unavailable(InstructionSet)

    /// One line for a person to read.
    public var description: String {
        switch self {
        case .unknown(let name):
            "LONGLM_ISA=\(name) names no instruction set; it is one of "
                + InstructionSet.allCases.map { $0.rawValue }.joined(separator: ", ")
        case .unavailable(let instructionSet):
            "LONGLM_ISA=\(instructionSet.rawValue) asks for instructions that this processor lacks"
        }
    }
}
