import Benchmark
import Foundation
import LongLMEvaluation

// One benchmark for each kernel and shape of `longlm bench`, under the same name. The generated main calls this.
//
// There are no thresholds: times depend on the machine and its load. Instructions, a count that wouldn't, are hidden from
// virtual machines as a rule, and a team's threads spin for as long as they wait for each other.
let benchmarks: @Sendable () -> Void = {
    let setting: KernelSetting
    do {
        setting = try KernelSetting(threadCount: nil)
    } catch {
        // OMP_NUM_THREADS or LONGLM_ISA asks for what can't be.
        FileHandle.standardError.write(Data("\(error)\n".utf8))
        exit(1)
    }
    let suite = BenchmarkSuite(setting: setting, modelDirectory: nil)
    for name in suite.names { register(name, of: suite) }
}

private func register(_ name: String, of suite: BenchmarkSuite) {
    let isVector = name.hasPrefix("gemv/")
    let rate = BenchmarkMetric.custom(
        isVector ? "B/s of weights" : "FLOP/s", polarity: .prefersLarger, useScalingFactor: false)
    let configuration = Benchmark.Configuration(
        metrics: [.wallClock, .throughput, rate], units: [rate: .giga], maxDuration: .seconds(2))

    // Set-up isn't timed. It packs weights, and what it made goes before the next begins.
    var workload: Workload?
    let clock = ContinuousClock()
    Benchmark(
        name, configuration: configuration,
        closure: { benchmark in
            guard let workload else { return benchmark.error("\(name) isn't set up") }
            let duration = try clock.measure { try workload.runOnce() }
            benchmark.measurement(rate, Int(workload.amount / (duration / .seconds(1))))
        },
        setup: { workload = try suite.workload(name) },
        teardown: { workload = nil })
}
