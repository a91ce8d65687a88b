import LongLM
import ServiceLifecycle

/// Answers all requests, on a thread of its own.
///
/// In a round, one request's prompt goes on by one step, and then all requests whose prompts are done by one token, in one
/// pass. So a long prompt holds the others up by no more than a step at a time.
actor Engine: Service {
    /// A request that is being answered.
    private final class Place {
        let job: Job
        let generation: Generation
        var hasPromptLeft = true

        init(_ job: Job, _ generation: Generation) {
            self.job = job
            self.generation = generation
        }
    }

    nonisolated let admission: Admission
    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }
    private let thread: InferenceThread
    private let tokenizer: Tokenizer
    private let decoder: BatchedDecoder
    private let kept: PromptCache
    /// In the order of their turns at processing a step of the prompt.
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
        decoder = try BatchedDecoder(model: model, maximumBatchSize: batchSize, threadCount: options.threadCount)
        kept = PromptCache(model: model, options: options, maximumCount: keptCount)
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
            let isPromptProcessed = processPrompt()
            if !decode(), !isPromptProcessed { await wakes.next() }
        }
    }

    private func removeAbandoned() {
        for place in places where place.job.answer.isAbandoned { remove(place) }
    }

    private func admit() {
        while let job = admission.take() {
            do {
                let prompt = job.request.prompt
                let session = try kept.session(for: prompt)
                let generation = try Generation(
                    session: session, prompt: Array(prompt[session.position...]), tokenizer: tokenizer,
                    options: job.request.options)
                places.append(Place(job, generation))
            } catch {
                job.answer.fail(APIError(error))
                admission.release()
            }
        }
    }

    /// Processes a step of one prompt; false if there is none.
    private func processPrompt() -> Bool {
        guard let index = places.firstIndex(where: { $0.hasPromptLeft && !$0.job.answer.isAbandoned }) else {
            return false
        }
        let place = places.remove(at: index)
        places.append(place)
        do {
            place.hasPromptLeft = try place.generation.prefillStep()
        } catch { fail(place, error) }
        return true
    }

    /// Produces a token for everybody whose prompt is done and who keeps up; false if there is nobody.
    private func decode() -> Bool {
        let ready = places.filter { !$0.hasPromptLeft && $0.job.answer.hasRoom }
        if ready.isEmpty { return false }
        // It throws only when the server shuts down.
        guard let results = try? decoder.next(for: ready.map(\.generation)) else { return true }
        for (place, result) in zip(ready, results) {
            do {
                if let text = try result.get()?.text, !text.isEmpty { place.job.answer.send(.text(text)) }
                guard let reason = place.generation.stopReason else { continue }
                place.job.answer.send(.end(reason, place.generation.statistics))
                remove(place)
            } catch { fail(place, error) }
        }
        return true
    }

    private func fail(_ place: Place, _ error: SessionError) {
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
