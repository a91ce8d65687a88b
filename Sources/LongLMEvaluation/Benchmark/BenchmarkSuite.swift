import LongLM
import SIMDKernels

/// The workloads of `longlm bench` by name. Each is made when it is asked for, so that their memory doesn't add up.
public final class BenchmarkSuite {
    private let setting: KernelSetting
    private let modelDirectory: String?
    private let makers: [(name: String, make: (BenchmarkSuite) throws -> Workload)]
    /// The model that was loaded last, and its kind.
    private var loaded: (type: ModelType, model: LanguageModel)?

    /// How a model is measured.
    private enum ModelType: String {
        /// 32-bit weights, arithmetic and cache.
        case float32 = "f32"
        /// 32-bit arithmetic on bfloat16 weights, with a bfloat16 cache.
        case narrow = "f32xbf16"
        /// bfloat16 products, weights and cache.
        case bfloat16 = "bf16"
    }

    /// The suite for a machine.
    ///
    /// - Parameters:
    ///   - setting: Threads and instructions.
    ///   - modelDirectory: A model whose prefill and decode are measured too.
    public init(setting: KernelSetting, modelDirectory: String?) {
        self.setting = setting
        self.modelDirectory = modelDirectory
        let hasBFloat16 = setting.instructionSet.hasBFloat16Products
        var makers: [(String, (BenchmarkSuite) throws -> Workload)] = []

        var types: [(String, Precision, WeightFormat)] = [
            ("f32", .float32, .float32), ("f32xbf16", .float32, .bfloat16), ("f32xf16", .float32, .float16),
        ]
        if hasBFloat16 { types.append(("bf16", .bfloat16, .bfloat16)) }
        for (products, kind) in [(KernelShape.products, "gemm"), (KernelShape.vectorProducts, "gemv")] {
            for (type, precision, format) in types {
                for shape in products {
                    let name = "\(kind)/\(type)/\(shape.rowCount)x\(shape.outputCount)x\(shape.inputCount)"
                    makers.append(
                        (name, { .product(shape, precision: precision, format: format, $0.setting) }))
                }
            }
        }
        for precision in hasBFloat16 ? [Precision.float32, .bfloat16] : [.float32] {
            let suffix = precision == .bfloat16 ? "/bf16" : ""
            for length in KernelShape.attentionLengths {
                for (mode, window) in [("plain", 0), ("selfextend", KernelShape.neighborWindow)] {
                    makers.append(
                        (
                            "attention/\(mode)/\(length)\(suffix)",
                            {
                                .attention(
                                    length: length, neighborWindow: window, precision: precision, $0.setting)
                            }
                        ))
                }
            }
        }
        if modelDirectory != nil {
            let selfExtend = SelfExtend(groupSize: 8, neighborWindow: KernelShape.neighborWindow)
            for type in hasBFloat16 ? [ModelType.float32, .narrow, .bfloat16] : [.float32, .narrow] {
                for (suffix, mode) in [("", nil), ("/selfextend", selfExtend)] {
                    for length in [512, 2048, 4096, 8192] where mode == nil || length > KernelShape.neighborWindow {
                        makers.append(
                            (
                                "prefill/\(type.rawValue)/\(length)\(suffix)",
                                { suite in
                                    try .prefill(
                                        try suite.model(type), type: type.rawValue, length: length, selfExtend: mode,
                                        cacheFormat: type == .float32 ? .float32 : .bfloat16,
                                        threadCount: suite.setting.threadCount)
                                }
                            ))
                    }
                    for count in [2, 8, 32] where mode == nil {
                        makers.append(
                            (
                                "decode/\(type.rawValue)/batch\(count)",
                                { suite in
                                    try .batch(
                                        try suite.model(type), type: type.rawValue, count: count,
                                        cacheFormat: type == .float32 ? .float32 : .bfloat16,
                                        threadCount: suite.setting.threadCount)
                                }
                            ))
                    }
                    for depth in [0, 4096, 8192] where mode == nil || depth > 0 {
                        makers.append(
                            (
                                "decode/\(type.rawValue)/depth\(depth)\(suffix)",
                                { suite in
                                    try .decode(
                                        try suite.model(type), type: type.rawValue, depth: depth, selfExtend: mode,
                                        cacheFormat: type == .float32 ? .float32 : .bfloat16,
                                        threadCount: suite.setting.threadCount)
                                }
                            ))
                    }
                }
            }
        }
        self.makers = makers
    }

    /// The names of all workloads, in the order in which they are best run.
    public var names: [String] { makers.map(\.name) }

    /// Makes a workload.
    ///
    /// - Parameter name: One of ``names``.
    /// - Throws: `ModelError` or `SessionError` when the model can't be measured.
    public func workload(_ name: String) throws -> Workload {
        guard let maker = makers.first(where: { $0.name == name }) else {
            preconditionFailure("a workload of the suite")
        }
        return try maker.make(self)
    }

    private func model(_ type: ModelType) throws -> LanguageModel {
        if let loaded, loaded.type == type { return loaded.model }
        loaded = nil
        var options = LoadOptions(
            precision: type == .bfloat16 ? .bfloat16 : .float32, instructionSet: setting.instructionSet,
            threadCount: setting.threadCount)
        options.storedFormat = type == .float32 ? .float32 : .bfloat16
        let model = try LanguageModel(directory: modelDirectory ?? "", options: options)
        loaded = (type, model)
        return model
    }
}
