import LongLM
import SIMDKernels

/// Times workloads beside the machine's ceilings.
///
/// Machines are noisy. So each sample of a workload stands between two samples of its ceiling, and the result's fraction
/// of the ceiling is the median of the samples' own fractions.
public final class BenchmarkRunner {
    private let setting: KernelSetting
    private let scratch: AlignedBuffer
    private lazy var memory = AlignedBuffer.filled(floatCount: 64 << 20)
    private let clock = ContinuousClock()

    /// A runner for threads and instructions.
    public init(_ setting: KernelSetting) {
        self.setting = setting
        scratch = AlignedBuffer(floatCount: MachineCeiling.scratchFloatCount * setting.threadCount)
    }

    /// The ceilings as results: `ceiling/fma/f32`, `ceiling/fma/bf16` where the processor has bfloat16 products,
    /// `ceiling/fma/int8`, and `ceiling/read`.
    ///
    /// - Parameter sampleCount: Samples of each.
    public func ceilings(sampleCount: Int) -> [BenchmarkResult] {
        var limits: [(String, WorkloadLimit)] = [("ceiling/fma/f32", .operations(.float32))]
        if setting.instructionSet.hasBFloat16Products { limits.append(("ceiling/fma/bf16", .operations(.bfloat16))) }
        limits += [("ceiling/fma/int8", .operations(.int8)), ("ceiling/read", .memory)]
        return limits.map { name, limit in
            BenchmarkResult(
                name: name, unit: limit.unit, samples: (0..<sampleCount).map { _ in ceiling(limit) * 1e-9 },
                fractionOfCeiling: 1)
        }
    }

    /// How many operations a second this machine does in `precision`, in registers, over those that it does in
    /// ``Precision/float32``: the median of five samples of each, in turns.
    ///
    /// - Parameter precision: One that the setting's instruction set supports.
    public func operationRatio(of precision: Precision) -> Double {
        median((0..<5).map { _ in ceiling(.operations(precision)) / ceiling(.operations(.float32)) })
    }

    /// Takes `sampleCount` samples of a workload, after a run that isn't counted. A sample lasts at least a fiftieth of a
    /// second.
    ///
    /// - Throws: What the workload throws, and `CancellationError` when the task is cancelled.
    public func measure(_ workload: Workload, sampleCount: Int) throws -> BenchmarkResult {
        try workload.prepare()
        let first = try seconds { try workload.run() }
        let isLong = workload.tokenCount != nil || first > 0.1
        let warm = isLong ? first : try seconds { try workload.run() }
        let repetitions = isLong ? 1 : max(1, Int((0.02 / max(warm, 1e-6)).rounded(.up)))
        var rates: [Double] = []
        var fractions: [Double] = []
        for _ in 0..<sampleCount {
            if Task.isCancelled { throw CancellationError() }
            try workload.prepare()
            let before = ceiling(workload.limit)
            let duration = try seconds { for _ in 0..<repetitions { try workload.run() } }
            let after = ceiling(workload.limit)
            let rate = workload.amount * Double(repetitions) / duration
            fractions.append(rate / ((before + after) / 2))
            rates.append(workload.tokenCount.map { Double($0) / duration } ?? rate * 1e-9)
        }
        return BenchmarkResult(
            name: workload.name, unit: workload.tokenCount == nil ? workload.limit.unit : "tokens/s", samples: rates,
            fractionOfCeiling: median(fractions))
    }

    /// Operations or bytes per second.
    private func ceiling(_ limit: WorkloadLimit) -> Double {
        switch limit {
        case .operations(let precision):
            let steps = 100_000
            let duration = seconds {
                setting.runTeam { worker in
                    MachineCeiling.multiplyAdd(
                        steps: steps, precision: precision,
                        scratch: scratch.floats + worker.index * MachineCeiling.scratchFloatCount, worker: worker)
                }
            }
            let operations = MachineCeiling.operationCount(steps: steps, precision: precision)
            return Double(operations * setting.threadCount) / duration
        case .memory:
            let count = memory.byteCount / 4
            let duration = seconds {
                setting.runTeam { worker in
                    MachineCeiling.read(
                        memory.floats, count: count,
                        scratch: scratch.floats + worker.index * MachineCeiling.scratchFloatCount, worker: worker)
                }
            }
            return Double(memory.byteCount) / duration
        }
    }

    private func seconds(_ body: () throws -> Void) rethrows -> Double {
        let duration = try clock.measure(body)
        return Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
    }
}

/// The middle value, or the mean of the two middle ones.
func median(_ values: [Double]) -> Double {
    guard !values.isEmpty else { return .nan }
    let sorted = values.sorted()
    return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
}
