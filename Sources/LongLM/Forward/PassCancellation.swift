import SIMDKernels

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
