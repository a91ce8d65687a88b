import LongLM
import SIMDKernels

/// Makes the workloads of `longlm bench`.
///
/// A workload is made when it is asked for, so that their memory doesn't add up. The model stays loaded until a workload
/// needs it loaded in another way.
public final class BenchmarkSuite {
    /// All that is measured, in the order in which it is best run.
    public let cases: [BenchmarkCase]
    private let setting: KernelSetting
    private let modelPath: String?
    private var loaded: (arithmetic: BenchmarkArithmetic, model: LanguageModel)?

    /// The suite for a machine.
    ///
    /// - Parameters:
    ///   - setting: Threads and instructions.
    ///   - modelPath: A model's directory or GGUF file, whose prefill and decode are measured too; nil: kernels alone.
    public init(setting: KernelSetting, modelPath: String?) {
        self.setting = setting
        self.modelPath = modelPath
        let hasBFloat16Products = setting.instructionSet.hasBFloat16Products
        cases =
            BenchmarkCase.kernels(hasBFloat16Products: hasBFloat16Products)
            + (modelPath.map {
                BenchmarkCase.model(
                    hasBFloat16Products: hasBFloat16Products, isGGUF: Self.isGGUF($0))
            } ?? [])
    }

    /// Whether a model is stored as GGUF. If it can't be looked at, that shows when it is loaded.
    private static func isGGUF(_ path: String) -> Bool {
        if case .gguf? = try? ModelLocation(path) { return true }
        return false
    }

    /// The names of all workloads, in the order of ``cases``.
    public var names: [String] { cases.map(\.name) }

    /// Makes a workload of the suite.
    ///
    /// - Parameter name: One of ``names``.
    /// - Throws: `ModelError` or `SessionError` when the model can't be measured.
    public func workload(_ name: String) throws -> Workload {
        guard let benchmark = cases.first(where: { $0.name == name }) else {
            preconditionFailure("\(name) is a workload of the suite")
        }
        return try workload(benchmark)
    }

    /// Makes a workload, which need not be one of ``cases``.
    ///
    /// - Parameter benchmark: What to measure. A model's workload needs a suite with a model.
    /// - Throws: `ModelError` or `SessionError` when the model can't be measured.
    public func workload(_ benchmark: BenchmarkCase) throws -> Workload {
        switch benchmark {
        case .product(let shape, let arithmetic):
            .product(benchmark, shape, arithmetic, setting)
        case .attention(let length, let zones, let precision):
            .attention(benchmark, length: length, zones.zones, precision: precision, setting)
        case .prefill(let length, let isExtended, let arithmetic):
            try .prefill(
                benchmark, try model(arithmetic), length: length, isExtended: isExtended,
                cacheFormat: arithmetic.cacheFormat, threadCount: setting.threadCount)
        case .decode(let depth, let isExtended, let arithmetic):
            try .decode(
                benchmark, try model(arithmetic), depth: depth, isExtended: isExtended,
                cacheFormat: arithmetic.cacheFormat, threadCount: setting.threadCount)
        case .batch(let count, let arithmetic):
            try .batch(
                benchmark, try model(arithmetic), count: count, cacheFormat: arithmetic.cacheFormat,
                threadCount: setting.threadCount)
        }
    }

    private func model(_ arithmetic: BenchmarkArithmetic) throws -> LanguageModel {
        if let loaded, loaded.arithmetic == arithmetic { return loaded.model }
        guard let modelPath else { preconditionFailure("a model's workload needs a suite with a model") }
        // The old one goes before the new one comes.
        loaded = nil
        var options = LoadOptions(
            precision: arithmetic.precision, instructionSet: setting.instructionSet, threadCount: setting.threadCount)
        options.weightFormat = arithmetic.weightFormat
        let model = try LanguageModel(path: modelPath, options: options)
        loaded = (arithmetic, model)
        return model
    }
}
