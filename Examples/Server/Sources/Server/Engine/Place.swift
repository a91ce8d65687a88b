import LongLM

/// A place of the batch, with a part of a request: one choice of a text, or one text that is embedded.
final class Place {
    /// What happens to the part.
    enum Stage {
        /// Another place reads the beginning of its prompt, or memory is short.
        case waiting
        /// Its prompt is scored, or embedded, between rounds.
        case reading(any PartReading)
        /// It takes part in rounds.
        case generating(Generation)
    }

    let request: RunningRequest
    /// The part's number in the request.
    let part: Int
    /// The tokens that are read.
    let prompt: [Int]
    /// What comes after the prompt; nil for an embedding.
    let choice: TextWork.Choice?
    var stage = Stage.waiting
    /// Tokens of the prompt that a session had already when the place began.
    var reusedCount = 0

    init(_ request: RunningRequest, part: Int) {
        self.request = request
        self.part = part
        switch request.job.work {
        case .texts(let work):
            choice = work.choices[part]
            prompt = work.prompts[work.choices[part].prompt]
        case .embeddings(let texts):
            choice = nil
            prompt = texts[part]
        }
    }

    var answer: Answer { request.job.answer }

    var isWaiting: Bool { if case .waiting = stage { true } else { false } }

    /// Its generation, once there is one.
    var generation: Generation? { if case .generating(let generation) = stage { generation } else { nil } }

    /// What reads its tokens between rounds.
    var reading: (any PartReading)? { if case .reading(let reading) = stage { reading } else { nil } }

    /// Its session, if it has one.
    var session: Session? { generation?.session ?? reading?.session }

    /// Whether it goes on now: nobody waits for a client that is behind.
    var isReady: Bool { !isWaiting && !answer.isAbandoned && answer.hasRoom }

    /// Whether tokens of its prompt are left to read.
    var readsPrompt: Bool { session.map { $0.position < prompt.count } ?? false }

    /// The most tokens that it needs.
    var capacity: Int { prompt.count + (choice?.options.tokenLimit ?? 0) }

    /// How many alternatives each token of its prompt is to be scored with; nil: it isn't to be scored, or has been.
    var scoredAlternativeCount: Int? {
        guard let choice, case .texts(let work) = request.job.work, request.promptScores[choice.prompt] == nil else {
            return nil
        }
        return work.promptAlternativeCount
    }
}
