import LongLM
import SIMDKernels

/// How numbers are multiplied, and how weights and a model's keys and values are stored for it.
public struct BenchmarkArithmetic: Sendable, Hashable {
    /// What products are computed in.
    public let precision: Precision
    /// How weights are stored; nil: as in the model's file.
    public let weightFormat: WeightFormat?

    init(_ precision: Precision, _ weightFormat: WeightFormat?) {
        self.precision = precision
        self.weightFormat = weightFormat
    }

    /// 32-bit arithmetic on 32-bit weights.
    public static let float32 = BenchmarkArithmetic(.float32, .float32)
    /// 32-bit arithmetic on bfloat16 weights, in a model with a bfloat16 cache.
    public static let float32OnBFloat16 = BenchmarkArithmetic(.float32, .bfloat16)
    /// bfloat16 products of bfloat16 weights, in a model with a bfloat16 cache.
    public static let bfloat16 = BenchmarkArithmetic(.bfloat16, .bfloat16)
    /// 32-bit arithmetic on the weights of a model's file.
    public static let float32OnFile = BenchmarkArithmetic(.float32, nil)
    /// Integer products of the weights of a model's file, where they are quantised.
    public static let int8OnFile = BenchmarkArithmetic(.int8, nil)

    /// Those that kernels are measured in.
    static let ofKernels =
        [.float32, .float32OnBFloat16, BenchmarkArithmetic(.float32, .float16), .bfloat16]
        + [Precision.float32, .int8].flatMap { precision in
            [WeightFormat.q80, .q4K, .q6K].map { BenchmarkArithmetic(precision, $0) }
        }

    /// Such as `f32` for 32-bit arithmetic on 32-bit weights, `f32xq8_0` for other weights, and `bf16` or `q8_0` for
    /// products of such numbers.
    public var name: String {
        switch (precision, weightFormat) {
        case (.float32, .float32): "f32"
        case (.bfloat16, .bfloat16): "bf16"
        case (.int8, let format?): format.shortName
        case (.float32, let format): "f32x\(format?.shortName ?? "file")"
        case (.bfloat16, let format): "bf16x\(format?.shortName ?? "file")"
        case (.int8, nil): "int8xfile"
        }
    }

    /// How a model keeps keys and values.
    public var cacheFormat: CacheFormat {
        weightFormat == .bfloat16 ? .bfloat16 : precision.defaultCacheFormat
    }

    /// Whether a matrix of this shape can have this weight format.
    func canMultiply(_ shape: KernelShape.Product) -> Bool {
        weightFormat.map { shape.inputCount % $0.columnMultiple == 0 } ?? false
    }
}

extension WeightFormat {
    /// As it is written in the names of benchmarks.
    fileprivate var shortName: String {
        let shortNames: [WeightFormat: String] = [.float32: "f32", .bfloat16: "bf16", .float16: "f16"]
        return shortNames[self] ?? rawValue
    }
}
