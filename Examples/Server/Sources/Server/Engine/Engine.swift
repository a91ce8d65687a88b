import LongLM
import ServiceLifecycle

/// Answers all requests, on a thread of its own.
///
/// It works in rounds, each of which is one pass: the next token of every request whose prompt is done, and some tokens of
/// the prompts of the others. So a long prompt never holds the others up by more than a few tokens of it.
actor Engine: Service {
    /// A request that is being answered.
    private final class Place {
        let job: Job
        let generation: Generation

        /// Whether it takes part in the next round: nobody waits for a client that is behind.
        var isReady: Bool { !job.answer.isAbandoned && job.answer.hasRoom }

        init(_ job: Job, _ generation: Generation) {
            self.job = job
            self.generation = generation
        }
    }

    nonisolated let admission: Admission
    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }
    private let thread: InferenceThread
    private let tokenizer: Tokenizer
    private let batch: Batch
    private let kept: PromptCache
    /// In the order in which they came.
    private var places: [Place] = []

    /// - Parameters:
    ///   - batchSize: The most requests at once.
    ///   - keptCount: The most conversations to keep for requests that begin as they do.
    init(
        _ model: LanguageModel, _ tokenizer: Tokenizer, _ options: SessionOptions, batchSize: Int, keptCount: Int,
        _ admission: Admission, on thread: InferenceThread
    ) throws(SessionError) {
        self.admission = admission
        self.thread = thread
        self.tokenizer = tokenizer
        batch = try Batch(model: model, sessionLimit: batchSize, threadCount: options.threadCount)
        kept = PromptCache(model: model, options: options, sessionLimit: keptCount)
        // Options that don't suit the model are found now, rather than by the first request.
        _ = try kept.session(for: [0])
    }

    /// Answers requests until the server shuts down; a forward pass that is under way then ends early.
    func run() async {
        await cancelWhenGracefulShutdown { await self.answerRequests() }
        for job in admission.close() + places.map(\.job) { job.answer.fail(.shuttingDown) }
        places = []
    }

    private func answerRequests() async {
        var wakes = admission.wakes.makeAsyncIterator()
        while !Task.isCancelled {
            removeAbandoned()
            admit()
            if !runRound() { await wakes.next() }
        }
    }

    private func removeAbandoned() {
        for place in places where place.job.answer.isAbandoned { remove(place) }
    }

    private func admit() {
        while let job = admission.take() {
            do {
                places.append(Place(job, try generation(for: job.work)))
            } catch {
                job.answer.fail(APIError(error))
                admission.release()
            }
        }
    }

    /// The answer to a request, which begins where what is kept of its prompt ends.
    private func generation(for work: Work) throws(GenerationError) -> Generation {
        guard case .texts(let work) = work else { fatalError("embeddings aren't computed yet") }
        let prompt = work.prompts[0]
        let session: Session
        do { session = try kept.session(for: prompt) } catch { throw .session(error) }
        return try Generation(
            session: session, prompt: Array(prompt[session.position...]), tokenizer: tokenizer,
            options: work.choices[0].options)
    }

    /// Continues everybody who keeps up; false if there is nobody.
    private func runRound() -> Bool {
        let ready = places.filter(\.isReady)
        if ready.isEmpty { return false }
        do {
            let results = try batch.next(for: ready.map(\.generation))
            for (place, result) in zip(ready, results) { send(result, to: place) }
        } catch {
            // It is the round that failed: the server shuts down.
            for place in ready { fail(place, error) }
        }
        return true
    }

    private func send(_ result: Result<Batch.Outcome, GenerationError>, to place: Place) {
        do {
            if let token = try result.get().token { place.job.answer.send(.token(token, choice: 0)) }
            guard let reason = place.generation.stopReason else { return }
            place.job.answer.send(.end(reason, place.generation.statistics, choice: 0))
            place.job.answer.finish()
            remove(place)
        } catch { fail(place, error) }
    }

    private func fail(_ place: Place, _ error: GenerationError) {
        place.job.answer.fail(APIError(error))
        remove(place)
    }

    /// Gives a place back, and keeps what it has processed: for the rest of a conversation, and for a client that had
    /// no time to wait and asks again.
    private func remove(_ place: Place) {
        places.removeAll { $0 === place }
        admission.release()
        // Without it, the next request that begins the same takes longer, that is all.
        try? kept.insert(place.generation.session)
    }
}
