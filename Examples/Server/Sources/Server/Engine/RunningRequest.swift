/// A request that is being answered, part by part: its parts are the choices of a text, or the texts that are embedded.
final class RunningRequest {
    let job: Job
    /// The first part that has no place yet.
    private(set) var nextPart = 0
    /// How many parts have a place now.
    private(set) var placeCount = 0
    private var endedCount = 0
    /// The scores of the prompts that have been scored, by the prompts' indices.
    var promptScores: [Int: [Answer.PromptToken]] = [:]

    init(_ job: Job) { self.job = job }

    private var partCount: Int { job.work.partCount }

    /// Whether everything has been sent.
    var isComplete: Bool { endedCount == partCount }

    /// Whether the next part may have a place. Embedded texts are computed one after the other.
    var hasNextPart: Bool {
        if case .embeddings = job.work, placeCount > 0 { return false }
        return nextPart < partCount && job.answer.hasRoom
    }

    /// Whether another choice of a prompt is yet to begin.
    func hasNextPart(ofPrompt prompt: Int) -> Bool {
        guard case .texts(let work) = job.work, nextPart < partCount else { return false }
        return work.choices[nextPart].prompt == prompt
    }

    /// The next part has a place.
    func beginPart() {
        nextPart += 1
        placeCount += 1
    }

    /// A part has been sent.
    func endPart() {
        placeCount -= 1
        endedCount += 1
    }
}
