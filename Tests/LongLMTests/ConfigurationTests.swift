import Foundation
import LongLM
import TestSupport
import Testing

/// A configuration from a tiny config.json with some values (JSON texts) replaced, or left out where they are nil.
private func configuration(_ changes: [String: String?]) throws(ModelError) -> ModelConfiguration {
    var members = TinyLlama().configuration
    for (key, value) in changes { members[key] = value }
    return try parse(jsonObject(members))
}

private func parse(_ json: String) throws(ModelError) -> ModelConfiguration {
    try ModelConfiguration(json: Data(json.utf8), file: "config.json")
}

@Suite struct ConfigurationTests {
    @Test func llama1() throws {
        // A file of before grouped-query attention, rope_theta and head_dim.
        let parsed = try parse(
            """
            {"architectures": ["LlamaForCausalLM"], "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu",
            "hidden_size": 4096, "intermediate_size": 11008, "initializer_range": 0.02, "model_type": "llama",
            "max_position_embeddings": 2048, "num_attention_heads": 32, "num_hidden_layers": 32, "pad_token_id": 0,
            "rms_norm_eps": 1e-06, "tie_word_embeddings": false, "torch_dtype": "float16", "vocab_size": 32000}
            """)
        #expect(parsed.modelType == "llama")
        #expect(parsed.hiddenSize == 4096 && parsed.intermediateSize == 11008 && parsed.layerCount == 32)
        #expect(parsed.queryHeadCount == 32 && parsed.keyValueHeadCount == 32 && parsed.headDimension == 128)
        #expect(parsed.vocabularySize == 32000 && parsed.contextLength == 2048)
        #expect(parsed.ropeTheta == 10_000 && parsed.normEpsilon == 1e-6 && !parsed.tiesEmbeddings)
        #expect(parsed.beginningToken == 1 && parsed.endTokens == [2])
    }

    @Test func llama3() throws {
        let parsed = try parse(
            """
            {"model_type": "llama", "attention_bias": false, "mlp_bias": false, "bos_token_id": 128000,
            "eos_token_id": [128001, 128009], "hidden_act": "silu", "hidden_size": 4096, "intermediate_size": 14336,
            "max_position_embeddings": 8192, "num_attention_heads": 32, "num_hidden_layers": 32,
            "num_key_value_heads": 8, "pretraining_tp": 1, "rms_norm_eps": 1e-05, "rope_scaling": null,
            "rope_theta": 500000.0, "tie_word_embeddings": false, "vocab_size": 128256}
            """)
        #expect(parsed.keyValueHeadCount == 8 && parsed.headDimension == 128 && parsed.contextLength == 8192)
        #expect(parsed.ropeTheta == 500_000 && parsed.normEpsilon == 1e-5)
        #expect(parsed.beginningToken == 128_000 && parsed.endTokens == [128_001, 128_009])
    }

    @Test func smolLM2() throws {
        let parsed = try parse(
            """
            {"model_type": "llama", "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu", "hidden_size": 576,
            "intermediate_size": 1536, "max_position_embeddings": 8192, "num_attention_heads": 9,
            "num_hidden_layers": 30, "num_key_value_heads": 3, "rms_norm_eps": 1e-05, "rope_interleaved": false,
            "rope_theta": 100000, "tie_word_embeddings": true, "vocab_size": 49152, "transformers.js_config": {}}
            """)
        #expect(parsed.queryHeadCount == 9 && parsed.keyValueHeadCount == 3 && parsed.headDimension == 64)
        #expect(parsed.ropeTheta == 100_000 && parsed.tiesEmbeddings)
    }

    @Test func tinyLlama() throws {
        let parsed = try parse(
            """
            {"model_type": "llama", "bos_token_id": 1, "eos_token_id": 2, "hidden_size": 2048,
            "intermediate_size": 5632, "max_position_embeddings": 2048, "num_attention_heads": 32,
            "num_hidden_layers": 22, "num_key_value_heads": 4, "rms_norm_eps": 1e-05, "vocab_size": 32000}
            """)
        #expect(parsed.keyValueHeadCount == 4 && parsed.headDimension == 64 && parsed.layerCount == 22)
    }

    @Test func absentKeysTakeTheDefaultsOfTransformers() throws {
        let parsed = try configuration([
            "num_key_value_heads": nil, "max_position_embeddings": nil, "rope_theta": nil, "rms_norm_eps": nil,
            "tie_word_embeddings": nil, "hidden_act": nil, "bos_token_id": nil, "eos_token_id": nil,
        ])
        #expect(parsed.keyValueHeadCount == parsed.queryHeadCount && parsed.contextLength == 2048)
        #expect(parsed.ropeTheta == 10_000 && parsed.normEpsilon == 1e-6 && !parsed.tiesEmbeddings)
        #expect(parsed.beginningToken == nil && parsed.endTokens == [])
    }

    @Test func statedHeadDimension() throws {
        // Llama 3.2 and others: the heads together need not be as wide as the stream.
        let parsed = try configuration(["head_dim": "20"])
        #expect(parsed.headDimension == 20 && parsed.hiddenSize == 48 && parsed.queryHeadCount == 4)
        #expect(try configuration(["head_dim": "null"]).headDimension == 12)
        // Then hidden_size need not be a multiple of the heads either.
        #expect(try configuration(["head_dim": "20", "hidden_size": "50"]).hiddenSize == 50)
    }

    @Test(arguments: [
        (#"{"rope_theta": 250000.0, "rope_type": "default"}"#, 250_000.0), (#"{"rope_theta": 30000}"#, 30_000.0),
        (#"{"rope_type": "default"}"#, 10_000.0), ("null", 10_000.0),
    ])
    func ropeParameters(json: String, theta: Double) throws {
        #expect(try configuration(["rope_theta": nil, "rope_parameters": json]).ropeTheta == theta)
    }

    @Test(arguments: [("2", [2]), ("[2, 7]", [2, 7]), ("[]", []), ("null", [])])
    func endTokens(json: String, tokens: [Int]) throws {
        #expect(try configuration(["eos_token_id": json]).endTokens == tokens)
    }

    @Test(arguments: ["mamba", "gemma3", "granite", ""])
    func unsupportedArchitecture(name: String) {
        #expect(throws: ModelError.unsupportedArchitecture(file: "config.json", name: name)) {
            // Sizes that only another family has are of no interest then.
            try parse("{\"model_type\": \"\(name)\"}")
        }
    }

    /// Of no family, of another family, or with a value that none has.
    @Test(arguments: [
        ("rope_scaling", #"{"rope_type": "proportional", "factor": 8.0}"#, "proportional"),
        ("rope_scaling", #"{"type": "dynamic", "rope_type": "spiral"}"#, "spiral"),
        ("rope_parameters", #"{"rope_type": "spiral", "rope_theta": 10000}"#, "spiral"),
        ("hidden_act", "\"relu\"", "relu"), ("sliding_window", "4096", "4096"),
        ("attn_logit_softcapping", "50.0", "50"), ("final_logit_softcapping", "30.0", "30"),
        ("query_pre_attn_scalar", "256", "256"), ("qk_layernorm", "true", "true"), ("use_qkv_bias", "true", "true"),
        ("use_parallel_residual", "true", "true"), ("no_rope_layers", "[1, 0]", "a list"),
        ("layer_types", #"["sliding_attention", "full_attention"]"#, "a list"), ("residual_multiplier", "0.22", "0.22"),
        ("embedding_multiplier", "12", "12"), ("num_local_experts", "8", "8"), ("rope_interleaved", "true", "true"),
        ("clip_qkv", "8", "8"), ("rotary_pct", "0.25", "0.25"), ("layer_norm_eps", "1e-05", "1e-05"),
    ])
    func unsupportedFeature(key: String, json: String, value: String) {
        #expect(throws: ModelError.unsupportedFeature(file: "config.json", key: key, value: value)) {
            try configuration([key: json])
        }
    }

    /// What says that a feature is off, and what changes no forward pass.
    @Test(arguments: [
        ("sliding_window", "null"), ("qk_layernorm", "false"), ("num_local_experts", "1"), ("clip_qkv", "null"),
        ("residual_multiplier", "1.0"), ("rotary_pct", "1"), ("attention_dropout", "0.1"),
        ("unsloth_version", "\"2025.1\""), ("use_cache", "true"),
    ])
    func neutralFields(key: String, json: String) throws {
        #expect(try configuration([key: json]) == configuration([:]))
    }

    @Test(arguments: ModelConfiguration.supportedModelTypes)
    func everyFamilyReadsTheSizesOfAll(modelType: String) throws {
        let parsed = try configuration([
            "model_type": "\"\(modelType)\"", "head_dim": "16", "rms_norm_eps": nil, "num_key_value_heads": "null",
        ])
        #expect(parsed.modelType == modelType && parsed.layerAttention.count == parsed.layerCount)
    }

    /// Newer files keep it with the other rotary parameters.
    @Test(arguments: [
        ("partial_rotary_factor", "0.5"),
        ("rope_parameters", #"{"rope_type": "default", "partial_rotary_factor": 0.5}"#),
    ])
    func partialRotation(key: String, json: String) throws {
        let parsed = try configuration(["model_type": "\"phi3\"", key: json])
        #expect(parsed.headDimension == 12 && parsed.rotary.dimension == 6)
        // Families that rotate whole heads refuse it.
        #expect(
            throws: ModelError.unsupportedFeature(file: "config.json", key: "partial_rotary_factor", value: "0.5")
        ) {
            try configuration([key: json])
        }
    }

    @Test(arguments: [
        (#"{"type": "linear", "factor": 2.0}"#, RotaryScaling.linear(factor: 2)),
        (#"{"rope_type": "dynamic", "factor": 4}"#, .dynamic(factor: 4, contextLength: 64)),
    ])
    func rotaryScaling(json: String, scaling: RotaryScaling) throws {
        #expect(try configuration(["rope_scaling": json]).rotary.scaling == scaling)
        #expect(
            try configuration(["rope_scaling": nil, "rope_parameters": json]).rotary.scaling == scaling)
    }

    /// Frequencies worked out from the papers' formulas by hand.
    @Test func scaledFrequencies() throws {
        func frequencies(_ json: String, length: Int = 64) throws -> RotaryFrequencies {
            try configuration(["head_dim": "8", "rope_theta": "10000", "rope_scaling": json]).rotary
                .frequencies(length: length)
        }
        // 10000^(−k/4).
        #expect(try frequencies(#"{"type": "default"}"#).inverse == [1, 0.1, 0.01, 0.001])
        #expect(try frequencies(#"{"type": "linear", "factor": 4}"#).inverse == [0.25, 0.025, 0.0025, 0.00025])
        // Within the context nothing changes; at twice its length θ · (2 · 2 − 1)^(8/6).
        #expect(try frequencies(#"{"type": "dynamic", "factor": 2}"#).inverse == [1, 0.1, 0.01, 0.001])
        let grown = try frequencies(#"{"type": "dynamic", "factor": 2}"#, length: 128).inverse
        for (k, frequency) in grown.enumerated() {
            let exact = pow(10_000 * pow(3, 8.0 / 6), -Double(k) / 4)
            #expect(abs(Double(frequency) - exact) <= 1e-6 * exact)
        }
        // Wavelengths 6.3, 63, 628 and 6283 against 1024/4 and 1024/1: kept, kept, between, divided.
        let llama3 = try frequencies(
            #"{"rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4, "#
                + #""original_max_position_embeddings": 1024}"#
        ).inverse
        let smooth = (1024 / (2 * Double.pi / 0.01) - 1) / 3
        #expect(llama3[0] == 1 && llama3[1] == 0.1 && llama3[3] == 0.001 / 8)
        #expect(abs(Double(llama3[2]) - (smooth + (1 - smooth) / 8) * 0.01) < 1e-8)
        let yarn = try frequencies(#"{"rope_type": "yarn", "factor": 4, "original_max_position_embeddings": 64}"#)
        #expect(abs(yarn.factor - Float(0.1 * log(4.0) + 1)) < 1e-6)
        let long = #"{"type": "longrope", "short_factor": [1, 1, 1, 1], "long_factor": [1, 2, 4, 8], "#
        let scaled = long + #""original_max_position_embeddings": 32}"#
        #expect(try frequencies(scaled, length: 32).inverse == [1, 0.1, 0.01, 0.001])
        #expect(try frequencies(scaled, length: 33).inverse == [1, 0.05, 0.0025, 0.000125])
        // √(1 + ln(64/32) / ln 32).
        #expect(abs(try frequencies(scaled, length: 32).factor - Float(1.2).squareRoot()) < 1e-6)
    }

    @Test(arguments: [
        ("rope_scaling", #"{"type": "linear"}"#, "rope_scaling.factor", "is missing"),
        (
            "rope_scaling", #"{"type": "linear", "factor": 0.5}"#, "rope_scaling.factor",
            "is 0.5; it must be between 1 and 1048576"
        ),
        (
            "rope_scaling", #"{"type": "yarn", "factor": -2}"#, "rope_scaling.factor",
            "is -2.0; it must be positive"
        ),
        (
            "rope_scaling", #"{"type": "llama3", "factor": 2, "high_freq_factor": 4}"#,
            "rope_scaling.low_freq_factor", "is missing"
        ),
        (
            "rope_scaling", #"{"type": "llama3", "factor": 2, "low_freq_factor": 4, "high_freq_factor": 4}"#,
            "rope_scaling.high_freq_factor", "is 4.0; it must be greater than low_freq_factor 4.0"
        ),
        (
            "rope_scaling", #"{"type": "longrope", "short_factor": [1], "long_factor": [1]}"#,
            "rope_scaling.short_factor", "has 1 numbers; it must have 6"
        ),
        (
            "rope_parameters", #"{"rope_type": "longrope", "short_factor": [1, 1, 1, 1, 1, 0]}"#,
            "rope_parameters.short_factor", "has a number that isn't positive"
        ),
        (
            "partial_rotary_factor", "1.5", "partial_rotary_factor",
            "is 1.5; it must leave an even number of the 12 components to rotate"
        ),
        (
            "partial_rotary_factor", "0.25", "partial_rotary_factor",
            "is 0.25; it must leave an even number of the 12 components to rotate"
        ),
    ])
    func invalidRotaryParameters(key: String, json: String, path: String, reason: String) {
        #expect(throws: ModelError.invalidConfiguration(file: "config.json", key: path, reason: reason)) {
            let family = key == "partial_rotary_factor" ? "phi3" : "llama"
            _ = try configuration([key: json, "model_type": "\"\(family)\""])
        }
    }

    /// Nested values go before outer ones, and the older object before the newer, as in transformers.
    @Test func rotaryPrecedence() throws {
        let nested = #"{"rope_type": "default", "rope_theta": 700000}"#
        #expect(try configuration(["rope_theta": "500000", "rope_parameters": nested]).ropeTheta == 700_000)
        let both: [String: String?] = [
            "rope_scaling": #"{"type": "linear", "factor": 2}"#, "rope_parameters": nested,
        ]
        let parsed = try configuration(both)
        #expect(parsed.rotary.scaling == .linear(factor: 2) && parsed.ropeTheta == 700_000)
        let inner = #"{"type": "linear", "factor": 2, "rope_theta": 30000}"#
        #expect(try configuration(["rope_scaling": inner]).ropeTheta == 30_000)
    }

    /// Every member of a rotary object matters.
    @Test func unknownRotaryMember() {
        #expect(
            throws: ModelError.unsupportedFeature(file: "config.json", key: "rope_scaling.short_mscale", value: "1.2")
        ) {
            try configuration(["rope_scaling": #"{"type": "linear", "factor": 2, "short_mscale": 1.2}"#])
        }
    }

    @Test func valuesThatOneFamilyRefuses() {
        func refusal(_ changes: [String: String?]) -> ModelError? {
            do {
                _ = try configuration(changes)
                return nil
            } catch { return error }
        }
        let neox: [String: String?] = [
            "model_type": "\"gpt_neox\"", "head_dim": "16", "rms_norm_eps": nil, "num_key_value_heads": "2",
        ]
        #expect(
            refusal(neox)
                == .invalidConfiguration(
                    file: "config.json", key: "num_key_value_heads",
                    reason: "is 2; this family has as many as num_attention_heads 4"))
        #expect(
            refusal(["model_type": "\"gemma3_text\"", "rope_parameters": #"{"rope_theta": 3e5}"#])
                == .unsupportedFeature(
                    file: "config.json", key: "rope_parameters", value: "one for layers of both types"))
        #expect(
            refusal(["model_type": "\"gemma2\"", "attn_logit_softcapping": "3e38"])
                == .invalidConfiguration(
                    file: "config.json", key: "attn_logit_softcapping",
                    reason: "is 3e+38; it must be between 0.001 and 1000000"))
    }

    @Test func layersThatAttendWithinAWindow() throws {
        func windows(_ changes: [String: String?]) throws -> [Int?] {
            try configuration(changes).layerAttention.map(\.slidingWindow)
        }
        // Silence means 4,096 for Mistral, null none.
        #expect(try windows(["model_type": "\"mistral\""]) == [4096, 4096])
        #expect(try windows(["model_type": "\"mistral\"", "sliding_window": "null"]) == [nil, nil])
        let qwen: [String: String?] = ["model_type": "\"qwen2\"", "sliding_window": "8", "max_window_layers": "1"]
        #expect(try windows(qwen) == [nil, nil])
        #expect(try windows(qwen.merging(["use_sliding_window": "true"]) { $1 }) == [nil, 8])
        let qwenWithout = qwen.merging(["use_sliding_window": "true", "sliding_window": "null"]) { $1 }
        #expect(try windows(qwenWithout) == [nil, nil])
        let gemma2 = try configuration(["model_type": "\"gemma2\"", "sliding_window": "8"])
        #expect(gemma2.layerAttention.map(\.slidingWindow) == [8, nil])
        #expect(gemma2.layerAttention.map(\.isExtended) == [false, true])
        #expect(gemma2.attentionSoftcap == 50 && gemma2.logitSoftcap == 30 && gemma2.attentionScale == 1.0 / 16)
        let gemma3 = try configuration([
            "model_type": "\"gemma3_text\"", "sliding_window_pattern": "2", "rope_theta": nil,
        ])
        #expect(gemma3.layerAttention.map(\.rotation) == [.local, .global])
        #expect(gemma3.rotary.theta == 1_000_000 && gemma3.localRotary?.theta == 10_000)
        let smollm3 = try configuration(["model_type": "\"smollm3\"", "no_rope_layers": "[0, 1]"])
        #expect(smollm3.layerAttention.map(\.rotation) == [.none, .global])
        #expect(smollm3.layerAttention.map(\.isExtended) == [false, true])
    }

    @Test(arguments: [
        ("smollm3", "no_rope_layers", "[1]", "has 1 layers; num_hidden_layers is 2"),
        ("qwen3", "layer_types", #"["full_attention"]"#, "has 1 layers; num_hidden_layers is 2"),
    ])
    func listsOfLayers(modelType: String, key: String, json: String, reason: String) {
        #expect(throws: ModelError.invalidConfiguration(file: "config.json", key: key, reason: reason)) {
            try configuration(["model_type": "\"\(modelType)\"", key: json])
        }
    }

    @Test func defaultRopeScalingIsNone() throws {
        #expect(try configuration(["rope_scaling": #"{"type": "default"}"#]) == configuration([:]))
    }

    @Test(
        arguments: [
            ("hidden_size", nil, "is missing"), ("intermediate_size", nil, "is missing"),
            ("num_hidden_layers", nil, "is missing"), ("num_attention_heads", nil, "is missing"),
            ("vocab_size", nil, "is missing"), ("hidden_size", "null", "is missing"),
            ("hidden_size", "0", "is 0; it must be a whole number between 1 and 16777216"),
            ("intermediate_size", "-1", "is -1; it must be a whole number between 1 and 16777216"),
            ("num_hidden_layers", "4097", "is 4097; it must be a whole number between 1 and 4096"),
            ("num_attention_heads", "262145", "is 262145; it must be a whole number between 1 and 262144"),
            ("num_key_value_heads", "0", "is 0; it must be a whole number between 1 and 16777216"),
            (
                "vocab_size", "9223372036854775807",
                "is 9223372036854775807; it must be a whole number between 1 and 16777216"
            ),
            ("hidden_size", "48.5", "is 48.5; it must be a whole number between 1 and 16777216"),
            ("hidden_size", "1e30", "is 1e+30; it must be a whole number between 1 and 16777216"),
            ("max_position_embeddings", "16777217", "is 16777217; it must be a whole number between 1 and 16777216"),
            ("head_dim", "65538", "is 65538; it must be a whole number between 1 and 65536"),
            ("head_dim", "13", "is 13; it must be even"),
            ("num_key_value_heads", "3", "is 3, which doesn't divide num_attention_heads 4"),
            ("num_attention_heads", "10", "is 10, which doesn't divide hidden_size 48"),
            ("rope_theta", "0.5", "is 0.5; it must be at least 1"),
            ("rope_theta", "1e31", "is 1e+31; it must be at least 1"),
            ("rms_norm_eps", "0", "is 0.0; it must be between 0 and 1"),
            ("rms_norm_eps", "-1e-5", "is -1e-05; it must be between 0 and 1"),
            ("rope_scaling", #"{"factor": 8.0}"#, "has no rope_type"),
        ] as [(String, String?, String)])
    func invalidValue(key: String, json: String?, reason: String) {
        var changes: [String: String?] = [key: json]
        // 10 heads share what 2 key-value heads have: only hidden_size is in the way.
        if key == "num_attention_heads" { changes["num_key_value_heads"] = "1" }
        #expect(throws: ModelError.invalidConfiguration(file: "config.json", key: key, reason: reason)) {
            try configuration(changes)
        }
    }

    @Test(arguments: [
        ("", "line 1, column 1: expected a value, but the text ends here"),
        ("{\n", "line 2, column 1: expected a key in double quotes or '}', but the text ends here"),
        ("[]", "holds no JSON object"), ("\"config\"", "holds no JSON object"),
        ("{}", "model_type is missing"), (#"{"model_type": null}"#, "model_type has no value"),
        (#"{"model_type": 1}"#, "model_type is not a string"),
        (#"{"model_type": "llama", "hidden_size": "48"}"#, "hidden_size is not a number"),
        (#"{"model_type": "llama", "hidden_size": true}"#, "hidden_size is not a number"),
        (
            #"{"model_type": "llama", "hidden_size": 1e309}"#,
            "line 1, column 40: a number outside of the range of 64-bit floats"
        ),
        // What not even Python's json writes.
        ("{\"a\": 1,\n \"b\": -NaN}", "line 2, column 7: -NaN is not a JSON number"),
        // Which of the two is meant, nobody knows.
        (
            #"{"model_type": "llama", "hidden_size": 64, "hidden_size": 32}"#,
            "line 1, column 44: the key hidden_size occurs twice"
        ),
        (
            #"{"rope_scaling": {"factor": 2.0, "f\u0061ctor": 2.0}}"#,
            "line 1, column 34: the key rope_scaling.factor occurs twice"
        ),
    ])
    func malformed(json: String, reason: String) {
        #expect(throws: ModelError.malformedConfiguration(file: "config.json", reason: reason)) { try parse(json) }
    }

    @Test(arguments: [
        ("eos_token_id", "\"2\"", "eos_token_id is not a whole number or a list of them"),
        ("eos_token_id", "2.5", "eos_token_id is not a whole number or a list of them"),
        ("eos_token_id", "[1, true]", "eos_token_id is not a whole number or a list of them"),
        ("rope_scaling", #"{"type": 7}"#, "rope_scaling.type is not a string"),
        ("rope_scaling", "\"linear\"", "rope_scaling is not an object"),
        ("attention_bias", "1", "attention_bias is not true or false"),
        ("hidden_act", "0", "hidden_act is not a string"),
        (
            "rope_scaling", #"{"type": "longrope", "short_factor": [1, "2"]}"#,
            "rope_scaling.short_factor is not a list of numbers"
        ),
    ])
    func wrongType(key: String, json: String, reason: String) {
        #expect(throws: ModelError.malformedConfiguration(file: "config.json", reason: reason)) {
            try configuration([key: json])
        }
    }

    @Test func unreadableFile() throws {
        let directory = try TemporaryDirectory()
        let absent = directory.file("config.json")
        #expect(throws: ModelError.unreadable(file: absent, reason: "no such file")) {
            try ModelConfiguration(contentsOfFile: absent)
        }
        #expect(throws: ModelError.unreadable(file: directory.path, reason: "is a directory")) {
            try ModelConfiguration(contentsOfFile: directory.path)
        }
        #expect(throws: ModelError.unreadable(file: absent, reason: "no such file")) {
            try LanguageModel(directory: directory.path)
        }
    }

    @Test(
        arguments: [
            (nil, [2]), (#"{"eos_token_id": [5, 6]}"#, [5, 6]), (#"{"eos_token_id": 9, "do_sample": true}"#, [9]),
            (#"{"eos_token_id": null}"#, [2]), ("{}", [2]),
        ] as [(String?, [Int])])
    func generationConfigurationGoesFirst(json: String?, tokens: [Int]) throws {
        let directory = try TemporaryDirectory()
        let tiny = TinyLlama()
        try tiny.write(to: directory)
        try directory.write(
            jsonObject(tiny.configuration.merging(["eos_token_id": "2"]) { $1 }), to: "config.json")
        if let json { try directory.write(json, to: "generation_config.json") }
        let model = try LanguageModel(directory: directory.path)
        #expect(model.endTokens == tokens && model.configuration.endTokens == [2])
    }

    @Test func malformedGenerationConfiguration() throws {
        let directory = try TemporaryDirectory()
        try TinyLlama().write(to: directory)
        let path = try directory.write(#"{"eos_token_id": {}}"#, to: "generation_config.json")
        #expect(
            throws: ModelError.malformedConfiguration(
                file: path, reason: "eos_token_id is not a whole number or a list of them")
        ) {
            try LanguageModel(directory: directory.path)
        }
    }

    @Test func everyErrorIsOneLineThatNamesTheFile() {
        let errors: [ModelError] = [
            .notAModel(path: "F", reason: "r"), .unreadable(file: "F", reason: "r"),
            .malformedConfiguration(file: "F", reason: "r"),
            .invalidConfiguration(file: "F", key: "k", reason: "r"), .unsupportedArchitecture(file: "F", name: "n"),
            .unsupportedFeature(file: "F", key: "k", value: "v"),
            .checkpoint(.wrongShape(file: "F", tensor: "t", expected: [1], found: [2])),
            .checkpoint(.unexpectedTensor(file: "F", tensor: "t")),
            .checkpoint(.unsupportedTensorType(file: "F", tensor: "t", type: "I64")),
            .checkpoint(.missingTensor(file: "F", tensor: "t")),
            .checkpoint(.safetensors(.tooShort(file: "F", byteCount: 7))),
        ]
        for error in errors {
            #expect(error.description.hasPrefix("F: ") && !error.description.contains("\n"))
        }
    }
}
