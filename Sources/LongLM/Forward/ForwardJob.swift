import SIMDKernels

/// Forward passes as what a team runs. One object serves all of a session's or a batch's, so that none allocates memory.
final class ForwardJob: TeamJob {
    private let model: LanguageModel
    private let workspace: Workspace
    private let threadCount: Int
    private let cancellation: PassCancellation
    private var tokens = UnsafeBufferPointer<Int>(start: nil, count: 0)
    private var logitRows = 0..<0
    private var logits: UnsafeMutablePointer<Float>?
    /// One for all rows, or one for each.
    var sequences: [PassSequence] = []

    init(_ model: LanguageModel, _ workspace: Workspace, threadCount: Int) {
        self.model = model
        self.workspace = workspace
        self.threadCount = threadCount
        cancellation = PassCancellation(layerCount: model.configuration.layerCount)
    }

    /// Runs one forward pass of the ``sequences``.
    ///
    /// - Parameters:
    ///   - tokens: One for each row.
    ///   - logitRows: The rows whose logits are wanted: none, the last or all.
    ///   - logits: [logitRows.count, V]; unchanged when the pass is cancelled.
    /// - Returns: false when the task was cancelled; the caches then hold nothing new.
    func run(
        _ tokens: UnsafeBufferPointer<Int>, logitRows: Range<Int>, into logits: UnsafeMutablePointer<Float>
    ) -> Bool {
        self.tokens = tokens
        self.logitRows = logitRows
        self.logits = logits
        cancellation.reset()
        Team.run(self, threadCount: threadCount, instructionSet: model.instructionSet)
        return !cancellation.ended
    }

    func run(on worker: Worker) {
        guard let logits else { return }
        let pass = ForwardPass(
            configuration: model.configuration, precision: model.precision, workspace: workspace,
            sequences: sequences, tokens: tokens, logitRows: logitRows, logits: logits, cancellation: cancellation,
            worker: worker)
        switch model.weights.blockOrder {
        case .sequential: SequentialDecoder(weights: model.weights).forward(pass)
        case .parallel: ParallelDecoder(weights: model.weights).forward(pass)
        }
    }
}

/// Carries the task's cancellation to all workers of a forward pass, so that they leave it before the same layer.
///
/// Worker 0, which runs on the task's own thread, looks once a layer, before a barrier that all of them pass.
final class PassCancellation {
    /// The requests seen in each layer. A layer has an entry of its own, so that none is written while others read it.
    private let requests: UnsafeMutablePointer<Bool>
    private let layerCount: Int

    init(layerCount: Int) {
        self.layerCount = layerCount
        requests = .allocate(capacity: layerCount)
        reset()
    }

    deinit { requests.deallocate() }

    func reset() { requests.initialize(repeating: false, count: layerCount) }

    /// Looks whether the task is cancelled.
    func poll(in layer: Int) { requests[layer] = Task.isCancelled }

    /// - Parameter layer: Up to the number of layers: before what follows them.
    func isRequested(before layer: Int) -> Bool { layer > 0 && requests[layer - 1] }

    /// Whether the pass ended early.
    var ended: Bool { (0..<layerCount).contains { requests[$0] } }
}
