import Foundation
import LongLM
import Synchronization
import TestSupport
import Testing

/// That jobs run on the thread that they were given to, in order, and that it goes when it isn't needed.
@Suite struct InferenceThreadTests {
    /// An actor that computes on a thread of its own.
    private actor Server {
        nonisolated let thread: InferenceThread
        nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }
        private(set) var others = 0
        /// The turns of others until each step of the last prompt.
        private var marks: [Int] = []

        init(_ thread: InferenceThread) { self.thread = thread }

        /// Where the actor's work is done.
        func place() -> Place {
            preconditionIsolated()
            return Place()
        }

        func placeAfterASuspension() async -> Place {
            await Task.yield()
            await MainActor.run {}
            return place()
        }

        /// Counts its turns until it is cancelled.
        func countTurns() async {
            while !Task.isCancelled {
                others += 1
                await Task.yield()
            }
        }

        /// The tokens of a generation, and how many turns others had meanwhile: between the steps of the prompt, and
        /// between tokens.
        func tokens(
            model: LanguageModel, prompt: [Int]
        ) async throws -> (tokens: [Int?], turnsInPrompt: Int, turnsBetweenTokens: Int) {
            let session = try Session(model: model, options: SessionOptions(threadCount: 1, capacity: 3_000))
            let generation = try Generation(
                session: session, prompt: prompt, options: GenerationOptions(tokenLimit: 30)
            ) { _ in self.marks.append(self.others) }
            var tokens: [Int?] = []
            for try await token in TokenStream(generation) { tokens.append(token.id) }
            let promptEnd = marks.last ?? 0
            return (tokens, promptEnd - (marks.first ?? 0), others - promptEnd)
        }
    }

    /// What jobs write down.
    private final class Log: Sendable {
        private let list = Mutex<[Int]>([])

        var entries: [Int] { list.withLock { $0 } }
        func add(_ entry: Int) { list.withLock { $0.append(entry) } }
    }

    /// An actor without an executor of its own.
    private actor Ordinary {
        func place() -> Place {
            preconditionIsolated()
            return Place()
        }
    }

    @Test func anActorStaysOnItsThread() async {
        let server = Server(InferenceThread(name: "answers"))
        let place = await server.place()
        #expect(place.name == "answers" && place.thread.stackSize >= 8 << 20)
        for _ in 0..<5 {
            #expect(await server.place().thread === place.thread)
            #expect(await server.placeAfterASuspension().thread === place.thread)
        }
        let other = await Server(InferenceThread()).place()
        #expect(other.thread !== place.thread && other.name == "inference")
    }

    @Test func aTaskStaysOnItsThread() async {
        let thread = InferenceThread(name: "task")
        let ordinary = Ordinary()
        let places = await Task(executorPreference: thread) {
            var places = [Place()]
            await Task.yield()
            places.append(Place())
            // The executor that a task prefers serves actors that have none, too.
            places.append(await ordinary.place())
            await MainActor.run {}
            places.append(Place())
            return places
        }.value
        #expect(places.allSatisfy { $0.thread === places[0].thread && $0.name == "task" })
    }

    /// Jobs run one at a time, in the order in which they came.
    @Test func order() async {
        let thread = InferenceThread()
        let order = Log()
        let gate = DispatchSemaphore(value: 0)
        let tasks = (0..<200).map { index in
            Task(executorPreference: thread) {
                // All others have come before the first one ends.
                if index == 0 { wait(for: gate) }
                order.add(index)
            }
        }
        gate.signal()
        for task in tasks { await task.value }
        #expect(order.entries == Array(0..<200))
    }

    /// Jobs that are given from several threads at once all run, one at a time.
    @Test func manySources() async {
        let server = Server(InferenceThread())
        let places = await withTaskGroup(of: Place.self) { group in
            for _ in 0..<300 { group.addTask { await server.place() } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(places.count == 300 && places.allSatisfy { $0.thread === places[0].thread })
    }

    /// Between the steps of a prompt and between tokens others on the thread get their turn.
    @Test func othersGetTheirTurn() async throws {
        let model = try loadModel()
        let server = Server(InferenceThread())
        let other = Task { await server.countTurns() }
        while await server.others == 0 { await Task.yield() }
        var generator = SeededGenerator(seed: 93)
        let prompt = generator.tokens(2_100, below: 67)
        let found = try await server.tokens(model: model, prompt: prompt)
        other.cancel()
        let session = try Session(model: model, options: SessionOptions(capacity: 3_000))
        let expected = try Generation(
            session: session, prompt: prompt, options: GenerationOptions(tokenLimit: 30)
        ).rest().map(\.id)
        #expect(found.tokens == expected)
        // Of five steps of the prompt and thirty tokens; who comes first after a suspension is for others to decide.
        #expect(found.turnsInPrompt > 0 && found.turnsBetweenTokens > 0)
    }

    /// The thread ends with the last reference, be it on the thread itself, and only after all jobs that it was given.
    @Test func itEndsWithItsLastReference() async throws {
        var thread: InferenceThread? = InferenceThread()
        weak let gone = thread
        let done = Log()
        var tasks: [Task<Place, Never>] = []
        let gate = DispatchSemaphore(value: 0)
        if let thread {
            tasks = (0..<20).map { index in
                Task(executorPreference: thread) {
                    if index == 0 { wait(for: gate) }
                    done.add(index)
                    return Place()
                }
            }
        }
        thread = nil
        gate.signal()
        var place: Thread?
        for task in tasks { place = await task.value.thread }
        tasks = []
        #expect(done.entries.count == 20)
        for _ in 0..<500 where gone != nil || place?.isFinished != true { try await Task.sleep(for: .milliseconds(10)) }
        #expect(gone == nil && place?.isFinished == true)
    }
}

/// The thread that makes one of these.
private struct Place: @unchecked Sendable {
    // `@unchecked`: only what never changes is asked of it.
    let thread: Thread
    let name: String?

    init() {
        thread = Thread.current
        // Elsewhere one may get the name of the thread that asks.
        name = thread.name
    }
}

/// Waits, where an asynchronous function is not supposed to.
private func wait(for gate: DispatchSemaphore) { gate.wait() }
