import LongLM
import TestSupport
import Testing

/// That a model's recommendation for sampling is taken from its files, and what a wrong one comes to.
@Suite struct SamplingSettingsTests {
    private let folder: TemporaryDirectory

    init() throws {
        folder = try TemporaryDirectory()
        try folder.write("{}", to: "config.json")
    }

    private func settings(_ json: String) throws -> SamplingSettings {
        try folder.write(json, to: "generation_config.json")
        return try SamplingSettings(modelPath: folder.path)
    }

    private func settings(gguf entries: [(String, GGUFWriter.Value)]) throws -> SamplingSettings {
        var writer = GGUFWriter()
        writer.entries = entries.map { (key: "general.sampling." + $0.0, value: $0.1) }
        return try SamplingSettings(modelPath: folder.write(writer.bytes, to: "model.gguf"))
    }

    @Test func withoutAFile() throws {
        #expect(try SamplingSettings(modelPath: folder.path) == SamplingSettings())
        #expect(SamplingSettings().temperature == 0)
    }

    /// The file of Qwen 2.5 Instruct.
    @Test func all() throws {
        let stated = try settings(
            """
            {"bos_token_id": 151643, "do_sample": true, "repetition_penalty": 1.05, "temperature": 0.7, "top_p": 0.8,
            "top_k": 20, "min_p": 0.05}
            """)
        #expect(
            stated
                == SamplingSettings(temperature: 0.7, topK: 20, topP: 0.8, minP: 0.05, repetitionPenalty: 1.05))
    }

    /// Tokens are drawn only where the file says so.
    @Test func withoutDoSample() throws {
        #expect(try settings(#"{"temperature": 0.7, "repetition_penalty": 1.1}"#).temperature == 0)
        #expect(try settings(#"{"temperature": 0.7, "do_sample": false}"#).temperature == 0)
        #expect(try settings(#"{"temperature": 0.7, "repetition_penalty": 1.1}"#).repetitionPenalty == 1.1)
        #expect(try settings(#"{"do_sample": true}"#) == SamplingSettings(temperature: 1))
        #expect(try settings(#"{"do_sample": null, "top_k": null}"#) == SamplingSettings())
    }

    /// Values that switch a filter off.
    @Test func neutralValues() throws {
        #expect(try settings(#"{"do_sample": true, "top_p": 0}"#).topP == .leastNormalMagnitude)
        let json = #"{"do_sample": true, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "repetition_penalty": 1.0}"#
        #expect(try settings(json) == SamplingSettings(temperature: 1))
        #expect(try settings(#"{"do_sample": true, "top_k": -1, "temperature": 0}"#) == SamplingSettings())
    }

    @Test(arguments: [
        (#"{"temperature": -1}"#, "temperature", "is -1.0; it must be at least 0 and finite"),
        (#"{"temperature": 1e300}"#, "temperature", "is 1e+300; it must be at least 0 and finite"),
        (#"{"top_k": 2.5}"#, "top_k", "is 2.5; it must be a whole number, 0 for none"),
        (#"{"top_k": 1e300}"#, "top_k", "is 1e+300; it must be a whole number, 0 for none"),
        (#"{"top_k": -2}"#, "top_k", "is -2.0; it must be a whole number, 0 for none"),
        (#"{"top_p": 1.5}"#, "top_p", "is 1.5; it must be between 0 and 1"),
        (#"{"min_p": -0.1}"#, "min_p", "is -0.1; it must be between 0 and 1"),
        (#"{"repetition_penalty": 0}"#, "repetition_penalty", "is 0.0; it must be positive and finite"),
        (#"{"repetition_penalty": 1e-300}"#, "repetition_penalty", "is 1e-300; it must be positive and finite"),
    ])
    func outOfRange(json: String, key: String, reason: String) throws {
        let file = folder.file("generation_config.json")
        #expect(throws: ModelError.invalidConfiguration(file: file, key: key, reason: reason)) { try settings(json) }
    }

    @Test func otherTypes() throws {
        let file = folder.file("generation_config.json")
        for (json, reason) in [
            (#"{"do_sample": 1}"#, "do_sample is not true or false"),
            (#"{"temperature": "hot"}"#, "temperature is not a number"),
        ] {
            #expect(throws: ModelError.malformedConfiguration(file: file, reason: reason)) { try settings(json) }
        }
        guard
            case .malformedConfiguration? = thrownError({ () throws(ModelError) in
                _ = try SamplingSettings(modelPath: folder.path)
            })
        else {
            Issue.record("a file of another type was taken")
            return
        }
        #expect(throws: ModelError.self) { try settings("{") }
        #expect(throws: ModelError.self) { try SamplingSettings(modelPath: folder.file("none")) }
    }

    @Test func gguf() throws {
        #expect(try settings(gguf: []) == SamplingSettings())
        let all: [(String, GGUFWriter.Value)] = [
            ("temp", .float32(0.5)), ("top_k", .int32(40)), ("top_p", .float32(0.25)), ("min_p", .float32(0.125)),
            ("penalty_repeat", .float32(1.5)), ("penalty_last_n", .int32(128)),
        ]
        let expected = SamplingSettings(
            temperature: 0.5, topK: 40, topP: 0.25, minP: 0.125, repetitionPenalty: 1.5, repetitionWindow: 128)
        #expect(try settings(gguf: all) == expected)
        #expect(try settings(gguf: Array(all[1...])).temperature == 0)
        let penalty = Array(all[4...4])
        #expect(try settings(gguf: penalty + [("penalty_last_n", .int32(0))]).repetitionPenalty == nil)
        #expect(try settings(gguf: penalty + [("penalty_last_n", .int32(-1))]).repetitionWindow == .max)
        let path = folder.file("model.gguf")
        #expect(
            throws: ModelError.invalidConfiguration(
                file: path, key: "general.sampling.top_p", reason: "is 2.0; it must be between 0 and 1")
        ) { try settings(gguf: [("top_p", .float32(2))]) }
        #expect(
            throws: ModelError.checkpoint(
                .gguf(
                    .wrongValueType(
                        file: path, key: "general.sampling.temp", found: "string", expected: "a number")))
        ) { try settings(gguf: [("temp", .string("hot"))]) }
    }

    /// What the settings come to when tokens are chosen.
    @Test func options() throws {
        var greedy = try SamplingSettings(topK: 0).options(tokenLimit: 7)
        #expect(greedy.tokenLimit == 7 && greedy.processors.isEmpty)
        #expect(greedy.sampler.sample([0, 2, 1]) == 1)
        let all = SamplingSettings(temperature: 0.5, topK: 3, topP: 0.9, minP: 0.1, repetitionPenalty: 1.5)
        let options = try all.options(seed: 9)
        let sampler = try #require(options.sampler as? ProbabilitySampler)
        #expect(sampler.temperature == 0.5 && sampler.topK == 3 && sampler.topP == 0.9 && sampler.minP == 0.1)
        let penalty = try #require(options.processors.first as? RepetitionPenalty)
        #expect(penalty.penalty == 1.5 && penalty.window == 64 && options.processors.count == 1)
        // The seed decides.
        let logits = [Float](repeating: 0, count: 1_000)
        var draws: [UInt64: Int] = [:]
        for seed in [9, 9, 10] as [UInt64] {
            var sampler = try SamplingSettings(temperature: 1).options(seed: seed).sampler
            let token = sampler.sample(logits)
            if let earlier = draws[seed] { #expect(earlier == token) }
            draws[seed] = token
        }
        #expect(draws[9] != draws[10])
        #expect(throws: InvalidOption.self) { try SamplingSettings(temperature: 1, topK: 0).options() }
        #expect(throws: InvalidOption.self) { try SamplingSettings(repetitionPenalty: -1).options() }
    }
}
