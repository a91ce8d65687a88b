import SIMDKernels

/// More memory was asked for than there is. This was computed from sizes, before any memory was taken.
public struct MemoryShortage: Error, Equatable, Sendable, CustomStringConvertible {
    /// What memory is for.
    public enum Purpose: Equatable, Sendable {
        /// The packed weights of a model.
        case weights
        /// A session: its keys, values and activations when it is full.
        case session(length: Int, cacheFormat: CacheFormat)
        /// The activations and logits of a ``Batch``.
        case batch(sessionLimit: Int)
        /// The logits of many tokens, which ``Session/prefillAllLogits(_:progress:)`` returns.
        case logits(tokenCount: Int)
        /// The last hidden states of many tokens, which ``Session/hiddenStates(of:progress:)`` returns.
        case hiddenStates(tokenCount: Int)
        /// What saving or restoring a session copies: the keys or values of one layer.
        case sessionFile
    }

    /// What sets the limit.
    public enum Limit: Equatable, Sendable {
        /// ``LoadOptions/memoryLimit``, in bytes, which the weights, all sessions and batches of a model share.
        case option(byteCount: Int)
        /// The memory of this machine, or of the container that the process runs in.
        case machine
    }

    /// What it is for.
    public let purpose: Purpose
    /// How much is needed, in bytes.
    public let neededByteCount: Int
    /// What is available, in bytes: the limit, minus what others have taken or reserved.
    public let availableByteCount: Int
    /// What sets the limit.
    public let limit: Limit

    package init(purpose: Purpose, neededByteCount: Int, availableByteCount: Int, limit: Limit) {
        self.purpose = purpose
        self.neededByteCount = neededByteCount
        self.availableByteCount = availableByteCount
        self.limit = limit
    }

    /// One line for a person to read.
    public var description: String {
        let texts = [neededByteCount, availableByteCount].map(\.formattedBytes)
        // Rounded to three digits, the two may look the same.
        let counts = texts[0] == texts[1] ? [neededByteCount, availableByteCount].map { "\($0.grouped) bytes" } : texts
        let need =
            switch purpose {
            case .weights: "the weights need \(counts[0])"
            case .batch(let count): "batches of up to \(count.grouped) sessions need \(counts[0])"
            case .logits(let count): "the logits of \(count.grouped) tokens need \(counts[0])"
            case .hiddenStates(let count): "the hidden states of \(count.grouped) tokens need \(counts[0])"
            case .sessionFile: "saving or restoring the session needs \(counts[0])"
            case .session(let length, _): "a session of \(length.grouped) tokens needs \(counts[0])"
            }
        let lack =
            switch limit {
            case .option(let total) where total == availableByteCount: "the memory limit is \(counts[1])"
            case .option(let total): "\(counts[1]) are left of the memory limit of \(total.formattedBytes)"
            case .machine: "\(counts[1]) are available on this machine"
            }
        let hint =
            switch purpose {
            case .weights, .sessionFile: ""
            case .logits, .hiddenStates: "; fewer tokens at a time need less"
            case .batch: "; a smaller sessionLimit or rowLimit needs less"
            case .session(_, .float32): "; a smaller capacity or a bfloat16 or int8 cache needs less"
            case .session(_, .bfloat16): "; a smaller capacity or an int8 cache needs less"
            case .session(_, .int8): "; a smaller capacity needs less"
            }
        return "\(need), but \(lack)\(hint)"
    }
}
