/// Work that can be run again and again, and its amount.
public struct Workload {
    /// What it measures.
    public let benchmark: BenchmarkCase
    /// The operations or bytes of one run, by ``limit``.
    public let amount: Double
    /// The tokens of one run, for a workload whose result is in tokens per second; nil for others.
    public let tokenCount: Int?
    /// Makes the state that a run starts from; not timed.
    let prepare: () throws -> Void
    /// One run.
    let run: () throws -> Void

    /// Such as `gemm/f32/512x4096x4096`.
    public var name: String { benchmark.name }
    /// What its speed is limited by.
    public var limit: WorkloadLimit { benchmark.limit }

    /// Runs it once, for a harness that takes the time itself.
    ///
    /// - Throws: What the model throws.
    public func runOnce() throws {
        try prepare()
        try run()
    }

    init(
        _ benchmark: BenchmarkCase, amount: Double, tokenCount: Int? = nil,
        prepare: @escaping () throws -> Void = {}, run: @escaping () throws -> Void
    ) {
        self.benchmark = benchmark
        self.amount = amount
        self.tokenCount = tokenCount
        self.prepare = prepare
        self.run = run
    }
}
