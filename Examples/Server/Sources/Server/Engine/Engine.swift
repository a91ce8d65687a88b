import LongLM
import ServiceLifecycle
import Synchronization

/// Answers all requests, on a thread of its own.
///
/// It works in rounds, each of which is one pass: the next token of every text whose prompt is done, and some tokens of the
/// prompts of the others, as many as take little time. So a long prompt never holds the others up for long.
actor Engine: Service {
    /// How it runs.
    struct Options: Sendable {
        /// How sessions run. Their capacity is the most tokens of any text.
        let sessions: SessionOptions
        /// The most texts at once.
        let batchSize: Int
        /// The most conversations to keep for requests that begin as they do.
        let keptCount: Int
        /// How long answers may go on once the server shuts down.
        let drainTime: Duration
        /// The most bytes for weights and conversations; nil: what the machine has.
        let memoryLimit: Int?
    }

    nonisolated let admission: Admission
    nonisolated let counters: EngineCounters
    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }
    private let thread: InferenceThread
    let tokenizer: Tokenizer
    let options: Options
    let model: LanguageModel
    let batch: Batch
    let kept: PromptCache
    /// What is reserved when nobody runs and nothing is kept, in bytes.
    let baseByteCount: Int
    /// In the order in which they came.
    var requests: [RunningRequest] = []
    /// In the order in which they began.
    var places: [Place] = []
    private var pace = RowPace()
    /// The pace of what is read between rounds.
    private var readingPace = RowPace()
    /// Whether the next round reads what is read between rounds, rather than the prompts of texts.
    private var isTurnOfReadings = false
    /// Answers requests, once the engine runs.
    private let work = Mutex<Task<Void, Never>?>(nil)
    private let ended = AsyncStream<Never>.makeStream()

    init(
        _ model: LanguageModel, _ tokenizer: Tokenizer, _ options: Options, _ admission: Admission,
        on thread: InferenceThread
    ) throws(SessionError) {
        self.admission = admission
        self.thread = thread
        self.tokenizer = tokenizer
        self.options = options
        self.model = model
        counters = EngineCounters(limitByteCount: options.memoryLimit)
        batch = try Batch(
            model: model, sessionLimit: options.batchSize, threadCount: options.sessions.threadCount)
        var sessions = options.sessions
        // All passes are those of the batch.
        sessions.rowLimit = 1
        kept = PromptCache(model: model, options: sessions, sessionLimit: options.keptCount)
        baseByteCount = model.reservedByteCount
        // Options that don't suit the model are found now, rather than by the first request.
        _ = try kept.newSession(capacity: 1)
    }

    // MARK: - Beginning and end

    /// Answers requests until the server shuts down. Then nobody is let in any more, those who wait are refused, and those
    /// who run have ``Options/drainTime`` to end.
    func run() async {
        let task = Task { await answerRequests() }
        work.withLock { $0 = task }
        await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                await task.value
            } onGracefulShutdown: {
                self.drain()
            }
        } onCancel: {
            endNow()
        }
        admission.close()
        for request in requests {
            request.job.answer.fail(.shuttingDown)
            admission.end()
        }
        (requests, places) = ([], [])
        publish()
        ended.continuation.finish()
    }

    private nonisolated func drain() {
        admission.close()
        Task {
            try await Task.sleep(for: options.drainTime)
            endNow()
        }
    }

    /// Ends what still runs, with an error; a pass that is under way ends early.
    nonisolated func endNow() { work.withLock { $0?.cancel() } }

    /// Waits until all answers have ended.
    nonisolated func end() async { for await _ in ended.stream {} }

    private func answerRequests() async {
        var wakes = admission.wakes.makeAsyncIterator()
        while !Task.isCancelled {
            removeAbandoned()
            admit()
            publish()
            if requests.isEmpty, admission.isClosed { return }
            if !runRound() { await wakes.next() }
        }
    }

    private func removeAbandoned() {
        admission.removeAbandoned()
        for request in requests where request.job.answer.isAbandoned { remove(request) }
    }

    // MARK: - Rounds

    /// Continues everybody who keeps up; false if there is nobody.
    private func runRound() -> Bool {
        let ready = places.filter(\.isReady)
        if ready.isEmpty { return false }
        let generating = ready.filter { $0.generation != nil }
        let decoding = generating.filter { !$0.readsPrompt }
        let readings = ready.filter { $0.reading != nil }
        // Where there are prompts of both kinds, they take turns.
        let readsBetween = !readings.isEmpty && (isTurnOfReadings || decoding.count == generating.count)
        isTurnOfReadings = !readsBetween
        runPass(readsBetween ? decoding : generating, decodingCount: decoding.count)
        if readsBetween { read(readings, decodingCount: decoding.count) }
        return true
    }

    /// Runs one pass of the batch.
    private func runPass(_ places: [Place], decodingCount: Int) {
        if places.isEmpty { return }
        let rowLimit = decodingCount > 0 ? pace.rowCount(limit: batch.rowLimit) : batch.rowLimit
        let length = places.reduce(0) { $0 + ($1.session?.position ?? 0) }
        let readers = places.filter(\.readsPrompt)
        let unread = readers.reduce(0) { $0 + ($1.session?.position ?? 0) }
        let start = ContinuousClock.now
        let results: [Result<Batch.Outcome, GenerationError>]
        do {
            results = try batch.next(for: places.compactMap(\.generation), promptRowLimit: rowLimit)
        } catch {
            // It is the round that failed: the server shuts down.
            for place in places { fail(place.request, APIError(error)) }
            return
        }
        let duration = ContinuousClock.now - start
        let rowCount = places.reduce(0) { $0 + ($1.session?.position ?? 0) } - length
        let promptRowCount = readers.reduce(0) { $0 + ($1.session?.position ?? 0) } - unread
        pace.record(rowCount: promptRowCount, tokenCount: decodingCount, duration: duration)
        if promptRowCount == 0 { readingPace.record(rowCount: 0, tokenCount: decodingCount, duration: duration) }
        count(rowCount: rowCount, promptRowCount: promptRowCount, duration)
        // The request of one may have ended with another one's error.
        for (place, result) in zip(places, results) where isPresent(place) { send(result, to: place) }
    }

    /// Reads prompts that are read between rounds, one after the other.
    private func read(_ places: [Place], decodingCount: Int) {
        let limit = Session.maximumPassRowCount
        var left = decodingCount > 0 ? readingPace.rowCount(limit: limit) : limit
        for place in places where left > 0 {
            guard isPresent(place), let reading = place.reading else { continue }
            let rowCount = min(left, reading.remainingCount)
            left -= rowCount
            let start = ContinuousClock.now
            do throws(SessionError) {
                try reading.read(rowCount)
            } catch {
                if case .memory = error, makeRoom(for: place) { continue }
                fail(place.request, APIError(error))
                continue
            }
            let duration = ContinuousClock.now - start
            readingPace.record(rowCount: rowCount, tokenCount: 0, duration: duration)
            count(rowCount: rowCount, promptRowCount: rowCount, duration)
            if reading.remainingCount == 0 { didRead(place, reading) }
        }
    }

    /// Whether a place that found no memory may try again: conversations that are kept are dropped, or it gives back what it
    /// has, and waits until others have ended.
    private func makeRoom(for place: Place) -> Bool {
        if kept.count > 0 {
            kept.removeAll()
            return true
        }
        guard places.contains(where: { $0 !== place && !$0.isWaiting }) else { return false }
        place.stage = .waiting
        return true
    }

    // MARK: - Answers

    private func didRead(_ place: Place, _ reading: any PartReading) {
        if let scoring = reading as? PromptScoring, let choice = place.choice {
            place.request.promptScores[choice.prompt] = scoring.tokens
            generate(place, with: scoring.session, choice)
        } else if let embedding = reading as? TextEmbedding {
            place.answer.send(.embedding(embedding.vector, index: place.part))
            end(place)
        }
    }

    /// Lets a place generate its text with a session that has a part of its prompt.
    func generate(_ place: Place, with session: Session, _ choice: TextWork.Choice) {
        if let scores = place.request.promptScores[choice.prompt] {
            place.answer.send(.promptScores(scores, choice: place.part))
            // The prompt's scores were all that was asked for.
            if choice.options.tokenLimit == 0 {
                let statistics = GenerationStatistics(reusedTokenCount: 0, promptTokenCount: place.prompt.count)
                place.answer.send(.end(.tokenLimit, statistics, choice: place.part))
                end(place)
                return
            }
        }
        do throws(GenerationError) {
            place.stage = .generating(
                try Generation(
                    session: session, prompt: Array(place.prompt[session.position...]), tokenizer: tokenizer,
                    options: choice.options))
        } catch { fail(place.request, APIError(error)) }
    }

    private func send(_ result: Result<Batch.Outcome, GenerationError>, to place: Place) {
        guard let generation = place.generation, let choice = place.choice else { return }
        do {
            if let token = try result.get().token {
                place.answer.send(.token(token, choice: place.part))
                if token.id != nil { counters.update { $0.generatedTokenCount += 1 } }
                if generation.statistics.generatedTokenCount == 1, keepsSession(of: place),
                    place.request.hasNextPart(ofPrompt: choice.prompt),
                    kept.reusableCount(of: place.prompt) < place.prompt.count - 1
                {
                    // The answer may grow too long for the next choice to be forked from it.
                    try? kept.insert(generation.session)
                }
            }
            guard let reason = generation.stopReason else { return }
            var statistics = generation.statistics
            // Not what the place itself had read before it generated.
            statistics.reusedTokenCount = place.reusedCount
            statistics.promptTokenCount = place.prompt.count - place.reusedCount
            place.answer.send(.end(reason, statistics, choice: place.part))
            end(place)
        } catch { fail(place.request, APIError(error)) }
    }

    // MARK: - Places

    /// Whether a place hasn't been given back.
    func isPresent(_ place: Place) -> Bool { places.contains { $0 === place } }

    /// A part has been sent.
    private func end(_ place: Place) {
        remove(place)
        place.request.endPart()
        if place.request.isComplete {
            place.answer.finish()
            remove(place.request)
        }
    }

    /// Ends a whole request with an error.
    func fail(_ request: RunningRequest, _ error: APIError) {
        request.job.answer.fail(error)
        remove(request)
    }

    /// Forgets a request that has ended.
    func remove(_ request: RunningRequest) {
        guard requests.contains(where: { $0 === request }) else { return }
        requests.removeAll { $0 === request }
        admission.end()
        for place in places where place.request === request { remove(place) }
    }

    /// Gives a place back, and keeps what it has processed: for the rest of a conversation, and for a client that had
    /// no time to wait and asks again.
    private func remove(_ place: Place) {
        places.removeAll { $0 === place }
        guard keepsSession(of: place), let session = place.session else { return }
        // Without it, the next request that begins the same takes longer, that is all.
        try? kept.insertLast(session)
    }

    /// Whether what a place has processed is a conversation that may go on. Texts that are scored or embedded aren't.
    private func keepsSession(of place: Place) -> Bool {
        guard case .texts(let work) = place.request.job.work else { return false }
        return work.promptAlternativeCount == nil
    }

    // MARK: - Counters

    private func count(rowCount: Int, promptRowCount: Int, _ duration: Duration) {
        counters.update { values in
            values.passCount += 1
            values.passRowCount += rowCount
            values.readTokenCount += promptRowCount
            values.passDuration += duration
        }
    }

    private func publish() {
        counters.update { values in
            values.keptCount = kept.count
            values.keptByteCount = kept.cacheByteCount
            values.reservedByteCount = model.reservedByteCount
        }
    }
}
