import ArgumentParser
import LongLM

/// How tokens are chosen.
struct SamplingArguments: ParsableArguments {
    @Option(help: ArgumentHelp("What logits are divided by; 0 takes the most probable token.", valueName: "t"))
    var temperature: Float = 0

    @Option(help: ArgumentHelp("Choose among the k most probable tokens only.", valueName: "k"))
    var topK: Int?

    @Option(
        help: ArgumentHelp(
            "Choose among the most probable tokens that together reach this probability.", valueName: "p"))
    var topP: Float?

    @Option(
        help: ArgumentHelp(
            "Choose among tokens at least this fraction as probable as the most probable one.", valueName: "p"))
    var minP: Float?

    @Option(
        help: ArgumentHelp(
            "Where random numbers begin (default: 0); the same seed gives the same text.", valueName: "n"))
    var seed: UInt64?

    func validate() throws {
        do {
            _ = try sampler()
        } catch { throw ValidationError("\(error)") }
        if temperature == 0, topK != nil || topP != nil || minP != nil || seed != nil {
            throw ValidationError("--top-k, --top-p, --min-p and --seed need a --temperature above 0")
        }
    }

    /// The sampler.
    func sampler() throws(SessionError) -> Sampler {
        try Sampler(SamplingOptions(temperature: temperature, topK: topK, topP: topP, minP: minP, seed: seed ?? 0))
    }
}
