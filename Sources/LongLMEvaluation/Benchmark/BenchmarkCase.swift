import LongLM
import SIMDKernels

/// What is measured: everything that tells one workload from another, and its name.
///
/// ``name`` is the only place where the names of `longlm bench` are composed.
public enum BenchmarkCase: Sendable, Hashable {
    /// A product of packed activations with packed weights: a GEMM, or with one row a GEMV.
    case product(KernelShape.Product, BenchmarkArithmetic)
    /// Causal attention over all positions of a text.
    case attention(length: Int, KernelShape.Zones, precision: Precision)
    /// A model's prefill of `length` tokens into an empty session.
    case prefill(length: Int, isExtended: Bool, BenchmarkArithmetic)
    /// A model's decoding of one token at a time after `depth` tokens.
    case decode(depth: Int, isExtended: Bool, BenchmarkArithmetic)
    /// A model's decoding of `count` texts together.
    case batch(count: Int, BenchmarkArithmetic)

    /// Such as `gemm/f32/512x4096x4096`, `attention/selfextend/8192/bf16` or `decode/f32xbf16/depth4096`.
    public var name: String {
        switch self {
        case .product(let shape, let arithmetic):
            "\(shape.rowCount == 1 ? "gemv" : "gemm")/\(arithmetic.name)"
                + "/\(shape.rowCount)x\(shape.outputCount)x\(shape.inputCount)"
        case .attention(let length, let zones, let precision):
            "attention/\(zones.rawValue)/\(length)\(attentionSuffix(precision))"
        case .prefill(let length, let isExtended, let arithmetic):
            "prefill/\(arithmetic.name)/\(length)\(isExtended ? "/selfextend" : "")"
        case .decode(let depth, let isExtended, let arithmetic):
            "decode/\(arithmetic.name)/depth\(depth)\(isExtended ? "/selfextend" : "")"
        case .batch(let count, let arithmetic):
            "decode/\(arithmetic.name)/batch\(count)"
        }
    }

    private func attentionSuffix(_ precision: Precision) -> String {
        switch precision {
        case .float32: ""
        case .bfloat16: "/bf16"
        case .int8: "/int8"
        }
    }

    /// What its speed is limited by: few rows by reading weights, keys and values, many by arithmetic.
    public var limit: WorkloadLimit {
        switch self {
        case .product(let shape, let arithmetic):
            shape.rowCount == 1 ? .memory : .operations(arithmetic.precision)
        case .attention(_, _, let precision): .operations(precision)
        case .prefill(_, _, let arithmetic): .operations(arithmetic.precision)
        case .decode, .batch: .memory
        }
    }
}

/// What the speed of a workload is limited by.
public enum WorkloadLimit: Sendable, Equatable {
    /// Multiplications and additions, in this precision.
    case operations(Precision)
    /// Reading bytes from memory.
    case memory

    /// The unit of a rate, in billions.
    var unit: String {
        switch self {
        case .operations(.float32), .operations(.bfloat16): "GFLOP/s"
        case .operations(.int8): "GOP/s"
        case .memory: "GB/s"
        }
    }
}

// MARK: - What `longlm bench` measures

extension BenchmarkCase {
    /// The kernels, in the order in which they are best run.
    ///
    /// - Parameter hasBFloat16Products: Whether bfloat16 arithmetic is measured too.
    public static func kernels(hasBFloat16Products: Bool) -> [BenchmarkCase] {
        let arithmetics = BenchmarkArithmetic.ofKernels.filter { $0 != .bfloat16 || hasBFloat16Products }
        let products = [KernelShape.products, KernelShape.vectorProducts].flatMap { shapes in
            arithmetics.flatMap { arithmetic in
                shapes.filter { arithmetic.canMultiply($0) }.map { BenchmarkCase.product($0, arithmetic) }
            }
        }
        let precisions: [Precision] = hasBFloat16Products ? [.float32, .bfloat16, .int8] : [.float32, .int8]
        let attention = precisions.flatMap { precision in
            KernelShape.attentionLengths.flatMap { length in
                KernelShape.Zones.allCases
                    .filter { [.plain, .selfExtend].contains($0) || length == 8192 && precision == .float32 }
                    .map { BenchmarkCase.attention(length: length, $0, precision: precision) }
            }
        }
        return products + attention
    }

    /// A model's prefill and decoding, in the order in which they are best run: those for which it is loaded in the same
    /// way follow each other.
    ///
    /// - Parameters:
    ///   - hasBFloat16Products: Whether bfloat16 arithmetic is measured too.
    ///   - isGGUF: Whether the model is a GGUF file. Its weights are then measured as they are stored, and as bfloat16
    ///     numbers beside them.
    public static func model(hasBFloat16Products: Bool, isGGUF: Bool) -> [BenchmarkCase] {
        let arithmetics: [BenchmarkArithmetic] =
            isGGUF ? [.float32OnFile, .int8OnFile, .float32OnBFloat16] : [.float32, .float32OnBFloat16, .bfloat16]
        return arithmetics.filter { $0 != .bfloat16 || hasBFloat16Products }.flatMap { arithmetic in
            plainModel(arithmetic) + extendedModel(arithmetic)
        }
    }

    private static let prefillLengths = [512, 2048, 4096, 8192]
    private static let decodeDepths = [0, 4096, 8192]

    private static func plainModel(_ arithmetic: BenchmarkArithmetic) -> [BenchmarkCase] {
        prefillLengths.map { .prefill(length: $0, isExtended: false, arithmetic) }
            + [2, 8, 32].map { .batch(count: $0, arithmetic) }
            + decodeDepths.map { .decode(depth: $0, isExtended: false, arithmetic) }
    }

    /// Those whose texts are longer than W: shorter ones are the same as plain ones.
    private static func extendedModel(_ arithmetic: BenchmarkArithmetic) -> [BenchmarkCase] {
        prefillLengths.filter { $0 > KernelShape.neighborWindow }
            .map { .prefill(length: $0, isExtended: true, arithmetic) }
            + decodeDepths.filter { $0 > 0 }.map { .decode(depth: $0, isExtended: true, arithmetic) }
    }
}
