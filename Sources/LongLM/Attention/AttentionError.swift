/// Why an attention mode has no meaning for a model.
public enum AttentionError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A setting outside of its range.
    case invalidOption(InvalidOption)
    /// A length that LongLM's rule can't reach with any group size, and the longest length that it reaches for this
    /// context.
    case noGroupSize(length: Int, trainedContext: Int, longestLength: Int)
    /// A length that a method can't reach with any settings, and the longest that it reaches for this context.
    case lengthOutOfReach(method: String, length: Int, trainedContext: Int, longestLength: Int)
    /// A method that changes rotary frequencies, and a model whose frequencies are scaled already.
    case scaledFrequencies(method: String, scaling: String)

    /// One line for a person to read.
    public var description: String {
        switch self {
        case .invalidOption(let option): "\(option)"
        case .noGroupSize(let length, let trainedContext, let longestLength):
            "no group size extends a model trained for \(trainedContext) tokens to \(length); LongLM's rule, "
                + "2/3 · L > W + (N − W)/G, reaches \(longestLength)"
        case .lengthOutOfReach(let method, let length, let trainedContext, let longestLength):
            "\(method) extends a model trained for \(trainedContext) tokens to at most \(longestLength), not to \(length)"
        case .scaledFrequencies(let method, let scaling):
            "\(method) changes rotary frequencies, and the model's are scaled already (\(scaling))"
        }
    }
}
