import ArgumentParser
import LongLM

/// Options for how tokens are chosen.
struct SamplingArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Divide the logits by this; 0 always takes the most probable token, as generate does by default. chat takes what "
                + "the model's files recommend.", valueName: "t"))
    var temperature: Float?

    @Option(help: ArgumentHelp("Choose only among the k most probable tokens.", valueName: "k"))
    var topK: Int?

    @Option(
        help: ArgumentHelp(
            "Choose only among the most probable tokens that together reach this probability.", valueName: "p"))
    var topP: Float?

    @Option(
        help: ArgumentHelp(
            "Choose only among tokens at least this fraction as probable as the most probable one.", valueName: "p")
    )
    var minP: Float?

    @Option(
        help: ArgumentHelp(
            "The seed of the random numbers (default: 0). The same seed gives the same text.", valueName: "n"))
    var seed: UInt64?

    @Option(
        help: ArgumentHelp(
            "For each of the last 64 tokens, divide a positive logit by this, or multiply a negative one by it.",
            valueName: "x"))
    var repetitionPenalty: Float?

    @Option(help: ArgumentHelp("End the output before this text. Can be given several times.", valueName: "text"))
    var stop: [String] = []

    func validate() throws {
        if stop.contains("") { throw ValidationError("--stop is empty; every text contains that") }
        do {
            _ = try options(tokenLimit: 0, over: SamplingSettings(temperature: 1))
        } catch { throw ValidationError("\(error)") }
        if temperature == 0 { try check(over: SamplingSettings()) }
    }

    /// Refuses filters and a seed where no token is drawn.
    ///
    /// - Parameter settings: What holds where no option is given.
    func check(over settings: SamplingSettings = SamplingSettings()) throws {
        guard temperature ?? settings.temperature == 0 else { return }
        if topK != nil || topP != nil || minP != nil || seed != nil {
            throw ValidationError("--top-k, --top-p, --min-p and --seed need a --temperature above 0")
        }
    }

    /// How a text is continued.
    ///
    /// - Parameter settings: What holds where no option is given.
    func options(
        tokenLimit: Int, over settings: SamplingSettings = SamplingSettings()
    ) throws(InvalidOption) -> GenerationOptions {
        var options = try self.settings(over: settings).options(tokenLimit: tokenLimit, seed: seed ?? 0)
        options.stopSequences = stop
        return options
    }

    /// How tokens are chosen.
    ///
    /// - Parameter settings: What holds where no option is given.
    func settings(over settings: SamplingSettings) -> SamplingSettings {
        SamplingSettings(
            temperature: temperature ?? settings.temperature, topK: topK ?? settings.topK, topP: topP ?? settings.topP,
            minP: minP ?? settings.minP, repetitionPenalty: repetitionPenalty ?? settings.repetitionPenalty,
            repetitionWindow: repetitionPenalty == nil ? settings.repetitionWindow : 64)
    }
}
