import LongLM

/// How long a prefill will take, estimated from a shorter one that was measured.
///
/// It assumes the same operations per second at every length, since matrix products and attention are about equally fast.
/// Other load on the machine, and a processor that slows down as it gets warm, make it wrong.
public struct PrefillEstimate: Sendable, Equatable {
    /// Tokens of the prefill that is estimated.
    public let length: Int
    /// How long it will take, in seconds.
    public let seconds: Double
    /// Tokens of the prefill that was measured.
    public let measuredTokenCount: Int
    /// How long it took, in seconds: the faster of two.
    public let measuredSeconds: Double

    /// The most tokens of a measurement: two passes of a session, enough to reach the rate of long texts.
    public static let largestMeasuredTokenCount = 1024
    private static let measurementCount = 2

    /// Measures a prefill of ``largestMeasuredTokenCount`` tokens, or of `length` if that is less, in a session with a
    /// capacity of `length`.
    ///
    /// - Parameters:
    ///   - model: The model.
    ///   - length: Tokens of the prefill to estimate, between 1 and 2²⁴.
    ///   - attention: The attention mode.
    ///   - threadCount: Threads; nil: `OMP_NUM_THREADS` or the number of processors.
    ///   - cacheFormat: How keys and values are stored; nil: in the format that goes with the model's precision.
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
        // The quotient first: for the length that was measured it is 1.
        seconds =
            fastest
            * (configuration.operationCount(prefillOf: length, attention: attention)
                / configuration.operationCount(prefillOf: measuredTokenCount, attention: attention))
    }
}
