import Benchmark
import Foundation
import LongLMEvaluation

// One benchmark for each kernel and shape of `longlm bench`, under the same name. The generated main calls this.
//
// There are no thresholds, since times depend on the machine and its load. A count of instructions wouldn't do either: most
// virtual machines hide it, and a team's threads spin while they wait for each other.
let benchmarks: @Sendable () -> Void = {
    let setting: KernelSetting
    do {
        setting = try KernelSetting(threadCount: nil)
    } catch {
        // OMP_NUM_THREADS or LONGLM_ISA asks for an impossible setting.
        FileHandle.standardError.write(Data("\(error)\n".utf8))
        exit(1)
    }
    let suite = BenchmarkSuite(setting: setting, modelPath: nil)
    for benchmark in suite.cases { register(benchmark, of: suite) }
}

private func register(_ benchmarkCase: BenchmarkCase, of suite: BenchmarkSuite) {
    let name = benchmarkCase.name
    let rate = BenchmarkMetric.custom(
        benchmarkCase.limit == .memory ? "B/s of weights" : "FLOP/s", polarity: .prefersLarger,
        useScalingFactor: false)
    let configuration = Benchmark.Configuration(
        metrics: [.wallClock, .throughput, rate], units: [rate: .giga], maxDuration: .seconds(2))

    // Set-up packs weights and isn't timed. Teardown frees them before the next benchmark begins.
    var workload: Workload?
    let clock = ContinuousClock()
    Benchmark(
        name, configuration: configuration,
        closure: { benchmark in
            guard let workload else { return benchmark.error("\(name) isn't set up") }
            let duration = try clock.measure { try workload.runOnce() }
            benchmark.measurement(rate, Int(workload.amount / (duration / .seconds(1))))
        },
        setup: { workload = try suite.workload(benchmarkCase) },
        teardown: { workload = nil })
}
