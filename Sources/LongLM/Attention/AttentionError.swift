/// Why an attention mode has no meaning for a model.
public enum AttentionError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A setting outside of its range.
    case invalidOption(InvalidOption)
    /// A length that LongLM's rule can't reach with any group size, and the longest length that it reaches for this
    /// context.
    case noGroupSize(length: Int, trainedContext: Int, longestLength: Int)

    /// One line for a person to read.
    public var description: String {
        switch self {
        case .invalidOption(let option): "\(option)"
        case .noGroupSize(let length, let trainedContext, let longestLength):
            "no group size extends a model trained for \(trainedContext) tokens to \(length); LongLM's rule, "
                + "2/3 · L > W + (N − W)/G, reaches \(longestLength)"
        }
    }
}
