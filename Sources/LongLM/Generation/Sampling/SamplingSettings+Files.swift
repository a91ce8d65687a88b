import Foundation
import GGUF

extension SamplingSettings {
    /// The settings that a model's files recommend.
    ///
    /// - In Hugging Face's form, those of generation_config.json. As in transformers, tokens are drawn only where
    ///   `do_sample` is true; `temperature` is then 1 unless stated. `top_k`, `top_p` and `min_p` filter only where the
    ///   file states them (transformers up to release 4 takes a `top_k` of 50 otherwise). Without the file, or without
    ///   `do_sample`, the most probable token is taken each time.
    /// - In GGUF, `general.sampling.temp`, `.top_k`, `.top_p`, `.min_p`, `.penalty_repeat` and `.penalty_last_n`, the keys of
    ///   llama.cpp. Tokens are drawn only where the temperature is stated and above 0.
    ///
    /// A value that switches a filter off, such as a `top_k` of 0, a `top_p` of 1 or a penalty of 1, counts as none. The
    /// penalty is applied in either case, to the last 64 tokens unless the file says how many (transformers penalises the
    /// whole text, and with it the words of a long document).
    ///
    /// - Parameter modelPath: The path of a model: a directory or a GGUF file. Of several shards, the first.
    /// - Throws: ``ModelError`` for a file that can't be read, or a value that is out of its range.
    public init(modelPath: String) throws(ModelError) {
        switch try ModelLocation(ofModel: modelPath) {
        case .huggingFace(let path): try self.init(directory: path)
        case .gguf(let path): try self.init(gguf: path)
        }
    }

    private init(directory: String) throws(ModelError) {
        self.init()
        let path = directory + "/generation_config.json"
        guard FileManager.default.fileExists(atPath: path) else { return }
        let reader = try ConfigurationReader(json: readConfiguration(path), file: path)
        let isSampled = try reader.bool("do_sample") ?? false
        let values = Values(
            temperature: try reader.number("temperature"), topK: try reader.number("top_k"),
            topP: try reader.number("top_p"), minP: try reader.number("min_p"),
            penalty: try reader.number("repetition_penalty"))
        let keys = Keys(
            temperature: "temperature", topK: "top_k", topP: "top_p", minP: "min_p", penalty: "repetition_penalty")
        try take(values, keys, file: path)
        temperature = isSampled ? values.temperature.map { Float($0) } ?? 1 : 0
    }

    private init(gguf path: String) throws(ModelError) {
        self.init()
        let (values, window): (Values, Int?)
        do throws(GGUFError) {
            let metadata = try GGUFCheckpoint(path: path).metadata
            func number(_ name: String) throws(GGUFError) -> Double? {
                try metadata.number("general.sampling.\(name)")
            }
            values = Values(
                temperature: try number("temp"), topK: try number("top_k"), topP: try number("top_p"),
                minP: try number("min_p"), penalty: try number("penalty_repeat"))
            window = try metadata.integer("general.sampling.penalty_last_n")
        } catch { throw .checkpoint(.gguf(error)) }
        let keys = Keys(
            temperature: "general.sampling.temp", topK: "general.sampling.top_k", topP: "general.sampling.top_p",
            minP: "general.sampling.min_p", penalty: "general.sampling.penalty_repeat")
        try take(values, keys, file: path)
        temperature = values.temperature.map { Float($0) } ?? 0
        guard let window else { return }
        // 0 switches the penalty off, and −1 stands for the whole text.
        if window == 0 { repetitionPenalty = nil } else { repetitionWindow = window < 0 ? .max : window }
    }

    /// What a file states.
    private struct Values {
        var temperature, topK, topP, minP, penalty: Double?
    }

    /// What the file calls it.
    private struct Keys {
        let temperature, topK, topP, minP, penalty: String
    }

    /// Takes the filters and the penalty that a file states, and checks all values.
    private mutating func take(_ values: Values, _ keys: Keys, file: String) throws(ModelError) {
        func check(_ value: Double?, _ key: String, _ allowed: String, _ isValid: (Double) -> Bool) throws(ModelError) {
            guard let value, !isValid(value) else { return }
            throw .invalidConfiguration(file: file, key: key, reason: "is \(value); it must be \(allowed)")
        }
        // The arithmetic is in 32-bit floats, to which a finite number can round to infinity.
        try check(values.temperature, keys.temperature, "at least 0 and finite") { $0 >= 0 && Float($0).isFinite }
        try check(values.topK, keys.topK, "a whole number, 0 for none") { Int(exactly: $0).map { $0 >= -1 } ?? false }
        try check(values.topP, keys.topP, "between 0 and 1") { (0...1).contains($0) }
        try check(values.minP, keys.minP, "between 0 and 1") { (0...1).contains($0) }
        try check(values.penalty, keys.penalty, "positive and finite") { Float($0) > 0 && Float($0).isFinite }
        topK = values.topK.map { Int($0) }.flatMap { $0 > 0 ? $0 : nil }
        // 0 keeps the most probable token alone.
        topP = values.topP.map { max(Float($0), .leastNormalMagnitude) }.flatMap { $0 < 1 ? $0 : nil }
        minP = values.minP.map { Float($0) }.flatMap { $0 > 0 ? $0 : nil }
        repetitionPenalty = values.penalty.map { Float($0) }.flatMap { $0 == 1 ? nil : $0 }
    }
}
