import SIMDKernels

/// Forward passes as what a team runs. A session or a batch has one object for all of its passes, so that a pass allocates
/// no memory.
final class ForwardJob: TeamJob {
    private let model: LanguageModel
    private let workspace: Workspace
    private let threadCount: Int
    private let cancellation: PassCancellation
    private var output = PassOutput()
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
    /// - Parameter output: Where its results go. They are unchanged when the pass is cancelled.
    /// - Returns: false when the task was cancelled; the caches then hold nothing new.
    func run(_ output: PassOutput) -> Bool {
        // The runs would keep the caches of sessions that are gone.
        defer { pass.removeAll() }
        self.output = output
        cancellation.reset()
        Team.run(self, threadCount: threadCount, instructionSet: model.instructionSet)
        return !cancellation.ended
    }

    func run(on worker: Worker) {
        ForwardPass(
            configuration: model.configuration, precision: model.precision, workspace: workspace, pass: pass,
            schedule: PassSchedule(rowCount: pass.rowCount, worker: worker)
        ).run(model.weights, cancellation, output: output)
    }
}
