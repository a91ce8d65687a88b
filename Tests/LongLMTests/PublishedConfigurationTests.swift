import Foundation
import LongLM
import TestSupport
import Testing

/// A configuration from a tiny config.json with some values (JSON texts) replaced, or left out where they are nil.
private func configuration(_ changes: [String: String?]) throws(ModelError) -> ModelConfiguration {
    var members = TinyLlama().configuration
    for (key, value) in changes { members[key] = value }
    return try ModelConfiguration(json: Data(jsonObject(members).utf8), file: "config.json")
}

private func refusal(_ changes: [String: String?]) -> ModelError? {
    thrownError { () throws(ModelError) in _ = try configuration(changes) }
}

/// Forms of config.json that published checkpoints have.
@Suite struct PublishedConfigurationTests {
    private let neox: [String: String?] = [
        "model_type": "\"gpt_neox\"", "head_dim": nil, "rms_norm_eps": nil, "num_key_value_heads": nil,
        "layer_norm_eps": "1e-5", "hidden_size": "64", "rope_theta": nil,
    ]

    private func neox(_ changes: [String: String]) -> [String: String?] {
        neox.merging(changes.mapValues { $0 }) { $1 }
    }

    /// transformers 4.48 and later write both names of the same value.
    @Test func bothNamesOfGPTNeoX() throws {
        let older = try configuration(neox(["rotary_pct": "0.5", "rotary_emb_base": "20000"]))
        #expect(older.rotary.dimension == 8 && older.ropeTheta == 20_000)
        let newer = neox(["partial_rotary_factor": "0.5", "rope_theta": "20000"])
        #expect(try configuration(newer) == older)
        let both = neox([
            "rotary_pct": "0.5", "partial_rotary_factor": "0.5", "rotary_emb_base": "20000", "rope_theta": "20000.0",
        ])
        #expect(try configuration(both) == older)
        #expect(
            refusal(neox(["rotary_emb_base": "20000", "rope_theta": "10000"]))
                == .invalidConfiguration(
                    file: "config.json", key: "rotary_emb_base", reason: "is 20000.0, but rope_theta is 10000.0"))
        #expect(
            refusal(neox(["rotary_pct": "0.25", "partial_rotary_factor": "0.5"]))
                == .invalidConfiguration(
                    file: "config.json", key: "rotary_pct", reason: "is 0.25, but partial_rotary_factor is 0.5"))
    }

    /// What another kind of scaling would read changes nothing, as in transformers.
    @Test(arguments: [
        "{}", #"{"type": "default", "factor": 1.0}"#,
        #"{"rope_type": "default", "low_freq_factor": 1.0, "original_max_position_embeddings": 8192}"#,
    ])
    func scalingThatIsNone(json: String) throws {
        #expect(try configuration(["rope_scaling": json]) == configuration([:]))
    }

    @Test func keysOfOtherKinds() throws {
        let plain = try configuration(["rope_scaling": #"{"type": "linear", "factor": 2}"#])
        let more = #"{"type": "linear", "factor": 2, "beta_fast": 32, "short_factor": [1, 2], "mscale": 1.0}"#
        #expect(try configuration(["rope_scaling": more]) == plain)
    }

    @Test func layersThatAllSeeEverything() throws {
        let layers = #"["full_attention", "full_attention"]"#
        #expect(try configuration(["layer_types": layers]) == configuration([:]))
        #expect(
            refusal(["layer_types": #"["full_attention", "sliding_attention"]"#])
                == .unsupportedFeature(file: "config.json", key: "layer_types", value: "a list"))
    }

    /// Python writes numbers that JSON doesn't have. Where nobody reads them, they do no harm.
    @Test(arguments: ["NaN", "Infinity", "-Infinity"])
    func numbersThatAreNone(word: String) throws {
        #expect(try configuration(["initializer_range": word, "other": "[\(word)]"]) == configuration([:]))
        #expect(
            refusal(["rope_theta": word])
                == .invalidConfiguration(
                    file: "config.json", key: "rope_theta",
                    reason: "is \(Double(word.lowercased()) ?? 0); it must be finite"))
        guard case .malformedConfiguration = refusal(["hidden_size": "-NaN"]) else {
            Issue.record("Python doesn't read -NaN either")
            return
        }
    }

    /// Frequencies with angles whose cosines can't be computed. They were a trap at the first token.
    @Test(arguments: [
        #"{"rope_type": "longrope", "short_factor": [1e-20, 1, 1, 1, 1, 1], "long_factor": [1, 1, 1, 1, 1, 1]}"#,
        #"{"rope_type": "longrope", "short_factor": [1, 1, 1, 1, 1, 1], "long_factor": [1, 1, 1e-5, 1, 1, 1]}"#,
    ])
    func frequenciesThatAreTooHigh(json: String) {
        #expect(
            refusal(["rope_scaling": json])
                == .malformedConfiguration(
                    file: "config.json", reason: "its rotary frequencies are too high, or no numbers"))
    }
}
