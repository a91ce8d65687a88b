import LongLM
import SIMDKernels

/// One way to store a model's weights and a session's keys and values, and what fits the memory with it.
public struct PlanChoice: Sendable, Equatable {
    /// The format that weights are rounded to; nil: as in the checkpoint.
    public let weightFormat: WeightFormat?
    /// How keys and values are stored.
    public let cacheFormat: CacheFormat
    /// What the asked length takes.
    public let need: MemoryNeed
    /// The most tokens whose memory is there, in the mode that ``SelfExtendPlan`` recommends for them; 0 if there are none.
    /// It is no more than Self-Extend reaches.
    public let longestLength: Int

    /// All choices that make anything smaller: weights as in the checkpoint, in 8 and in 4 bits, each with every format of
    /// keys and values.
    ///
    /// - Parameters:
    ///   - directory: The path of the model's directory, or of a GGUF file.
    ///   - length: The asked length, between 1 and 2²⁴.
    ///   - attention: The mode for it.
    ///   - trainedContext: L, between 2 and 2²⁴.
    ///   - availableByteCount: The memory that weights, keys and values may take, in bytes.
    /// - Throws: `ModelError` when there is no model that can be run.
    public static func all(
        directory: String, length: Int, attention: AttentionMode, trainedContext: Int, availableByteCount: Int
    ) throws(ModelError) -> [PlanChoice] {
        let checkpoint = try ModelCheckpoint(path: directory)
        var choices: [PlanChoice] = []
        var smallest = Int.max
        for weightFormat in [nil, .q80, .q40] as [WeightFormat?] {
            let weights = try checkpoint.weightPlan(LoadOptions(weightFormat: weightFormat)).byteCount
            guard weights < smallest else { continue }
            smallest = weights
            for cacheFormat in CacheFormat.allCases {
                func need(_ length: Int, _ attention: AttentionMode) -> MemoryNeed {
                    MemoryNeed(
                        weightByteCount: weights, checkpoint.configuration, length: length, attention: attention,
                        cacheFormat: cacheFormat)
                }
                let longest = longest(upTo: SelfExtendPlan.longestLength(trainedContext: trainedContext)) { length in
                    guard let plan = try? SelfExtendPlan(length: length, trainedContext: trainedContext) else {
                        return false
                    }
                    return need(length, plan.attention).totalByteCount <= availableByteCount
                }
                choices.append(
                    PlanChoice(
                        weightFormat: weightFormat, cacheFormat: cacheFormat, need: need(length, attention),
                        longestLength: longest))
            }
        }
        return choices
    }

    /// The greatest length that fits, by halves. A ring of neighbor keys may be smaller at a greater length, but by less than
    /// the keys and values are larger.
    private static func longest(upTo limit: Int, _ fits: (Int) -> Bool) -> Int {
        var (fitting, bound) = (0, limit + 1)
        while bound - fitting > 1 {
            let middle = fitting + (bound - fitting) / 2
            if fits(middle) { fitting = middle } else { bound = middle }
        }
        return fitting
    }
}
