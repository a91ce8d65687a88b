import LongLM

/// How long a prefill takes, reckoned from a short one that was measured.
///
/// It takes the rate of operations for the same at every length. Products and attention are about equally fast here; what
/// a machine does beside it, and how warm it gets, shows in the measurement alone.
public struct PrefillEstimate: Sendable, Equatable {
    /// Tokens of the prefill that is estimated.
    public let length: Int
    /// How long that takes, in seconds.
    public let seconds: Double
    /// Tokens of the prefill that was measured.
    public let measuredTokenCount: Int
    /// How long that took, in seconds: the faster of two.
    public let measuredSeconds: Double

    /// Tokens of a measurement: two steps of a session, enough for the rate to be that of long texts.
    public static let largestMeasuredTokenCount = 1024
    private static let measurementCount = 2

    /// Measures a prefill of ``largestMeasuredTokenCount`` tokens, or of `length` if those are fewer, in a session for
    /// `length` of them.
    ///
    /// - Parameters:
    ///   - model: The model.
    ///   - length: Tokens of the prefill to estimate, between 1 and 2²⁴.
    ///   - attention: From which positions attention takes its scores.
    ///   - threadCount: Threads; nil: `OMP_NUM_THREADS` or the number of processors.
    ///   - cacheFormat: How keys and values are kept; nil: what the model's precision suggests.
    ///   - progress: Called with the fraction of the measurement that is done.
    /// - Throws: `SessionError` when the options don't suit the model, or the task was cancelled.
    public init(
        measuring model: LanguageModel, length: Int, attention: AttentionMode, threadCount: Int? = nil,
        cacheFormat: CacheFormat? = nil, progress: ((Double) -> Void)? = nil
    ) throws(SessionError) {
        self.length = length
        measuredTokenCount = min(length, Self.largestMeasuredTokenCount)
        let tokens = benchmarkTokens(measuredTokenCount, model)
        let total = Double(measuredTokenCount * Self.measurementCount)
        var fastest = Double.infinity
        for index in 0..<Self.measurementCount {
            let session = try Session(
                model: model,
                options: SessionOptions(
                    attention: attention, threadCount: threadCount, capacity: length, cacheFormat: cacheFormat))
            let start = ContinuousClock.now
            try session.prefill(tokens) { progress?(Double(index * tokens.count + $0) / total) }
            fastest = min(fastest, (ContinuousClock.now - start) / .seconds(1))
        }
        measuredSeconds = fastest
        let configuration = model.configuration
        seconds =
            fastest * configuration.operationCount(prefillOf: length, attention: attention)
            / configuration.operationCount(prefillOf: measuredTokenCount, attention: attention)
    }
}
