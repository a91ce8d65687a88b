import SIMDKernels

/// Forward passes as what a team runs. A session or a batch has one object for all of its passes, so that a pass allocates
/// no memory.
final class ForwardJob: TeamJob {
    private let model: LanguageModel
    private let workspace: Workspace
    private let threadCount: Int
    private let cancellation: PassCancellation
    private var logits: UnsafeMutablePointer<Float>?
    /// The next pass.
    var pass = Pass()

    init(_ model: LanguageModel, _ workspace: Workspace, threadCount: Int) {
        self.model = model
        self.workspace = workspace
        self.threadCount = threadCount
        cancellation = PassCancellation(layerCount: model.configuration.layerCount)
    }

    /// Runs the ``pass``, and removes its runs.
    ///
    /// - Parameter logits: Of the pass's ``Pass/logitRows``, [logitRows.count, V]; unchanged when the pass is cancelled.
    /// - Returns: false when the task was cancelled; the caches then hold nothing new.
    func run(logits: UnsafeMutablePointer<Float>) -> Bool {
        // The runs would keep the caches of sessions that are gone.
        defer { pass.removeAll() }
        self.logits = logits
        cancellation.reset()
        Team.run(self, threadCount: threadCount, instructionSet: model.instructionSet)
        return !cancellation.ended
    }

    func run(on worker: Worker) {
        guard let logits else { return }
        ForwardPass(
            configuration: model.configuration, precision: model.precision, workspace: workspace, pass: pass,
            schedule: PassSchedule(rowCount: pass.rowCount, worker: worker)
        ).run(model.weights, cancellation, logits: logits)
    }
}

/// Carries the task's cancellation to all workers of a forward pass, so that they leave it before the same layer.
///
/// Worker 0, which runs on the task's own thread, looks once in each layer, before a barrier that all workers pass.
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

    /// Looks whether the task is cancelled, if the worker is the one that does so.
    func poll(in layer: Int, by worker: Worker) { if worker.index == 0 { requests[layer] = Task.isCancelled } }

    /// Whether the pass is to end before a layer. All workers get the same answer.
    ///
    /// - Parameter layer: Up to the number of layers: before what follows them.
    func isRequested(before layer: Int) -> Bool { layer > 0 && requests[layer - 1] }

    /// Whether the pass ended early.
    var ended: Bool { (0..<layerCount).contains { requests[$0] } }
}
