import Synchronization

/// A request on its way to the engine.
struct Job: Sendable {
    let work: Work
    let answer: Answer
}

/// The door to the engine: requests wait here, and no more than there is room for. Nobody waits for the engine in order to
/// be refused.
final class Admission: Sendable {
    private struct State {
        var waiting: [Job] = []
        var runningCount = 0
        var isClosed = false
    }

    private let state = Mutex(State())
    private let placeCount: Int
    private let queueLength: Int
    private let wakeUp = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

    /// - Parameters:
    ///   - placeCount: The most requests that run at once.
    ///   - queueLength: The most that wait beyond those.
    init(placeCount: Int, queueLength: Int) {
        self.placeCount = placeCount
        self.queueLength = queueLength
    }

    /// What the engine waits for when it has nothing to do.
    var wakes: AsyncStream<Void> { wakeUp.stream }

    /// Lets the engine look again.
    func wake() { wakeUp.continuation.yield() }

    /// Lets a request in.
    ///
    /// - Throws: ``APIError`` when there is no room, or no more requests are answered.
    func add(_ work: Work) throws(APIError) -> Answer {
        let answer = Answer(wake: wake)
        try state.withLock { (state) throws(APIError) in
            try check(state)
            if work.partCount > 0 { state.waiting.append(Job(work: work, answer: answer)) }
        }
        // The engine never sees what has nothing to do.
        if work.partCount == 0 { answer.finish() }
        wake()
        return answer
    }

    /// Refuses as ``add(_:)`` would, for a request that isn't read yet.
    func check() throws(APIError) { try state.withLock { (state) throws(APIError) in try check(state) } }

    private func check(_ state: State) throws(APIError) {
        if state.isClosed { throw .shuttingDown }
        if state.runningCount + state.waiting.count >= placeCount + queueLength { throw .queueFull }
    }

    /// How many requests run and wait.
    var counts: (running: Int, waiting: Int) { state.withLock { ($0.runningCount, $0.waiting.count) } }

    /// Whether no more requests are answered.
    var isClosed: Bool { state.withLock { $0.isClosed } }

    /// Forgets requests in the queue whose clients have gone.
    func removeAbandoned() { state.withLock { $0.waiting.removeAll { $0.answer.isAbandoned } } }

    /// The request that has waited for the longest.
    var first: Job? { state.withLock { $0.waiting.first } }

    /// Takes a request out of the queue: it runs now.
    func begin(_ job: Job) {
        state.withLock { state in
            state.waiting.removeAll { $0.answer === job.answer }
            state.runningCount += 1
        }
    }

    /// A request that ran has ended.
    func end() { state.withLock { $0.runningCount -= 1 } }

    /// Lets nobody in any more, and refuses those who wait.
    func close() {
        let waiting = state.withLock { state in
            state.isClosed = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for job in waiting { job.answer.fail(.shuttingDown) }
        wake()
    }
}
