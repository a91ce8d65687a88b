import LongLM

/// How texts are generated: the fields that chats and completions share.
struct AnswerFields: Sendable {
    /// The most steps that a constraint may take for a token, during which nobody else gets one.
    private static let stepLimit = 1 << 18

    /// Whether the answer is sent while it is produced.
    let isStream: Bool
    /// Whether a stream ends with the number of tokens.
    let includesUsage: Bool
    /// How many texts are wanted for each prompt.
    let choiceCount: Int

    private let sampling: SamplingSettings
    private let seed: UInt64?
    private let frequencyPenalty: Float
    private let presencePenalty: Float
    private let bias: LogitBias?
    private let stops: [String]

    init(_ fields: inout Fields, _ model: ServedModel) throws(APIError) {
        isStream = try fields.bool("stream") ?? false
        includesUsage = try Self.usage(&fields) && isStream
        choiceCount = try fields.integer("n", in: 1...128) ?? 1
        if let count = try fields.integer("best_of", in: 1...128), count != choiceCount {
            throw .invalid("best_of is not n.", field: "best_of")
        }
        sampling = try Self.sampling(&fields, model)
        seed = try fields.seed("seed")
        frequencyPenalty = Float(try fields.number("frequency_penalty", in: -2...2) ?? 0)
        presencePenalty = Float(try fields.number("presence_penalty", in: -2...2) ?? 0)
        bias = try Self.bias(&fields, model)
        stops = try fields.strings("stop") ?? []
        guard stops.count <= 16, stops.allSatisfy({ (1...1000).contains($0.utf8.count) }) else {
            throw .invalid("stop has more than 16 texts, or one that is empty or over 1,000 bytes.", field: "stop")
        }
    }

    /// The options of one text.
    ///
    /// - Parameters:
    ///   - choice: Which of the texts for its prompt it is. Each has random numbers of its own.
    ///   - constraint: What it has to be.
    func options(
        tokenLimit: Int, promptLength: Int, choice: Int, constraint: Constraint?
    ) throws(APIError) -> GenerationOptions {
        var options: GenerationOptions
        do {
            options = try sampling.options(
                tokenLimit: tokenLimit, seed: seed.map { $0 &+ UInt64(choice) } ?? .random(in: 0 ... .max))
        } catch { throw .invalid("\(error).", field: "temperature") }
        if frequencyPenalty != 0 || presencePenalty != 0 {
            options.processors.append(
                OccurrencePenalty(
                    frequency: frequencyPenalty, presence: presencePenalty, promptLength: promptLength))
        }
        if let bias { options.processors.append(bias) }
        options.stopSequences = stops
        options.constraint = constraint
        options.constraint?.stepLimit = Self.stepLimit
        return options
    }

    private static func usage(_ fields: inout Fields) throws(APIError) -> Bool {
        guard let value = fields.value("stream_options") else { return false }
        var options = try Fields(value, path: "stream_options")
        let includesUsage = try options.bool("include_usage") ?? false
        try options.end()
        return includesUsage
    }

    private static func sampling(_ fields: inout Fields, _ model: ServedModel) throws(APIError) -> SamplingSettings {
        let temperature = try fields.number("temperature", in: 0...2) ?? 1
        // The smallest numbers are 0 as a Float, and mean the same as 0.
        let topP = Float(try fields.number("top_p", in: 0...1) ?? 1)
        // Other servers take 0 and -1 for all tokens.
        let topK = try fields.integer("top_k", in: -1 ... .max) ?? 0
        let minP = Float(try fields.number("min_p", in: 0...1) ?? 0)
        let penalty = try fields.number("repetition_penalty", in: 0.01...100) ?? 1
        return SamplingSettings(
            temperature: topP == 0 || topK == 1 ? 0 : Float(temperature), topK: topK > 0 ? topK : nil,
            topP: topP < 1 ? topP : nil, minP: minP > 0 ? minP : nil,
            repetitionPenalty: penalty == 1 ? nil : Float(penalty), repetitionWindow: model.capacity)
    }

    private static func bias(_ fields: inout Fields, _ model: ServedModel) throws(APIError) -> LogitBias? {
        guard let value = fields.value("logit_bias") else { return nil }
        var biases: [Int: Float] = [:]
        var entries = try Fields(value, path: "logit_bias")
        for key in entries.names {
            guard let token = Int(key), model.tokenizer.token(id: token) != nil, token < model.vocabularySize else {
                throw .invalid("logit_bias has \(key), which is no token's number.", field: "logit_bias")
            }
            if let bias = try entries.number(key, in: -100...100) { biases[token] = Float(bias) }
        }
        if biases.isEmpty { return nil }
        do { return try LogitBias(biases) } catch { throw .invalid("\(error).", field: "logit_bias") }
    }
}
