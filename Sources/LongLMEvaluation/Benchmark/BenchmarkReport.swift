import Foundation
import LongLM

/// One measured rate.
public struct BenchmarkResult: Codable, Sendable, Equatable {
    /// Such as `gemm/f32/512x4096x4096` or `decode/bf16/depth4096`.
    public let name: String
    /// The median of the samples, in `unit`.
    public let value: Double
    /// `GFLOP/s`, `GB/s` or `tokens/s`. More is better.
    public let unit: String
    /// The median of the samples' fractions of the machine's ceiling, which was measured around each of them:
    /// multiplications and additions in registers, or reading memory.
    public let fractionOfCeiling: Double
    /// All samples, in the order in which they were taken, in `unit`.
    public let samples: [Double]

    /// A result from samples.
    public init(name: String, unit: String, samples: [Double], fractionOfCeiling: Double) {
        self.name = name
        self.value = median(samples)
        self.unit = unit
        self.fractionOfCeiling = fractionOfCeiling
        self.samples = samples
    }
}

/// What `longlm bench --json` writes.
public struct BenchmarkReport: Codable, Sendable, Equatable {
    /// The processor's name.
    public var machine: String
    /// The instruction set that kernels used.
    public var instructionSet: String
    /// The number of threads.
    public var threads: Int
    /// The commit that was measured; nil: unknown.
    public var commit: String?
    /// Seconds since 1970.
    public var date: Double
    /// What was measured.
    public var results: [BenchmarkResult]

    /// A report.
    public init(
        machine: String, instructionSet: String, threads: Int, commit: String?, date: Double,
        results: [BenchmarkResult]
    ) {
        self.machine = machine
        self.instructionSet = instructionSet
        self.threads = threads
        self.commit = commit
        self.date = date
        self.results = results
    }

    /// A line for each arithmetic in which this machine does fewer operations a second than in 32-bit floats. Such an arithmetic is
    /// less exact and no faster, except where reading the weights takes the time.
    public var slowArithmetic: [String] {
        func ceiling(_ name: String) -> Double? { results.first { $0.name == "ceiling/fma/" + name }?.value }
        guard let exact = ceiling("f32") else { return [] }
        return [("bf16", Precision.bfloat16), ("int8", .int8)].compactMap { name, precision in
            guard let value = ceiling(name), value < exact else { return nil }
            return precision.slownessText(ratio: value / exact)
        }
    }

    /// A result beside the one of the same name in an older report.
    public struct Change: Codable, Sendable, Equatable {
        /// The results' name.
        public let name: String
        /// New over old value.
        public let ratio: Double
        /// New over old fraction of the ceiling. It moves less than ``ratio`` when the whole machine is slower.
        public let fractionRatio: Double

        /// Whether the fraction of the ceiling fell by more than `tolerance`, such as 0.1 for a tenth.
        public func isRegression(tolerance: Double) -> Bool { fractionRatio < 1 - tolerance }
    }

    /// This report's results beside those of the same names in `old`, without the ceilings.
    public func changes(since old: BenchmarkReport) -> [Change] {
        results.compactMap { result in
            guard !result.name.hasPrefix("ceiling/"),
                let before = old.results.first(where: { $0.name == result.name })
            else { return nil }
            return Change(
                name: result.name, ratio: result.value / before.value,
                fractionRatio: result.fractionOfCeiling / before.fractionOfCeiling)
        }
    }
}

extension Precision {
    /// What one says of an arithmetic in which a machine does fewer operations a second than in 32-bit floats.
    ///
    /// - Parameter ratio: How many, over those.
    package func slownessText(ratio: Double) -> String {
        String(format: "%@ does %.2f × the operations of float32 here, which is exact", rawValue, ratio)
    }
}
