import Foundation
import LongLM
import TestSupport
import Testing

/// Attention modes as texts.
@Suite struct AttentionTextTests {
    /// Every method, with all of its settings.
    static let modes: [(text: String, mode: AttentionMode)] = [
        ("plain", .plain), ("self-extend:4:1024", .selfExtend(SelfExtend(groupSize: 4, neighborWindow: 1_024))),
        (
            "self-extend:3:40:fractional:scale=9.3",
            .selfExtend(SelfExtend(groupSize: 3, neighborWindow: 40, shift: .fractional, queryScaleBase: 9.3))
        ),
        ("self-extend:3:40:scale=48.0", .selfExtend(SelfExtend(groupSize: 3, neighborWindow: 40, queryScaleBase: 48))),
        ("rerope:16", .reRoPE(ReRoPE(neighborWindow: 16))),
        ("rerope:16:scale=1.1", .reRoPE(ReRoPE(neighborWindow: 16, queryScaleBase: 1.1))),
        ("leaky-rerope:2.5:16", .leakyReRoPE(LeakyReRoPE(slowdown: 2.5, neighborWindow: 16))),
        (
            "leaky-rerope:4:16:scale=8.0",
            .leakyReRoPE(LeakyReRoPE(slowdown: 4, neighborWindow: 16, queryScaleBase: 8))
        ),
        ("string:2730:128", .string(STRING(shiftedDistance: 2_730, localWindow: 128))),
        ("string:2730:128:1", .string(STRING(shiftedDistance: 2_730, localWindow: 128, attentionFactor: 1))),
        (
            "string:2730:128:1.0625",
            .string(STRING(shiftedDistance: 2_730, localWindow: 128, attentionFactor: 1.0625))
        ), ("dpe:2,8,32:1024", .dpe(DPE(groupSizes: [2, 8, 32], neighborWindow: 1_024))),
        ("dpe:7:1024", .dpe(DPE(groupSizes: [7], neighborWindow: 1_024))),
        ("dca:6144:1024", .dualChunk(DualChunkAttention(chunkSize: 6_144, localSize: 1_024))),
        ("lampe:16384:3584:512", .laMPE(LaMPE(length: 16_384, mappedLength: 3_584, neighborWindow: 512))),
        (
            "lampe:16384:3584:512:1",
            .laMPE(LaMPE(length: 16_384, mappedLength: 3_584, neighborWindow: 512, attentionFactor: 1))
        ), ("linear:1.125", .linear(LinearScaling(factor: 1.125))), ("ntk:4", .ntkAware(NTKAwareScaling(factor: 4))),
        ("dynamic-ntk:16384", .dynamicNTK(DynamicNTKScaling(length: 16_384))), ("yarn:16", .yarn(YaRN(factor: 16))),
        ("llama3:8:1:4", .llama3(Llama3FrequencyScaling(factor: 8))),
        (
            "llama3:1.5:0.5:2.25",
            .llama3(Llama3FrequencyScaling(factor: 1.5, lowFrequencyFactor: 0.5, highFrequencyFactor: 2.25))
        ),
    ]

    @Test func roundTrip() throws {
        for (text, mode) in Self.modes {
            #expect(mode.text == text)
            #expect(try AttentionMode(text: text) == mode)
            #expect(try AttentionChoice(text: text) == .fixed(mode))
            #expect(try AttentionChoice(text: AttentionChoice.fixed(mode).text) == .fixed(mode))
        }
        // Every method is there, and no name is another's.
        let names = Self.modes.map { $0.text.prefix { $0 != ":" } }
        #expect(Set(names) == Set(AttentionChoice.methodNames.map { $0[...] }))
        #expect(Set(AttentionChoice.methodNames).count == AttentionChoice.methodNames.count)
    }

    /// Numbers come back to the last bit, however odd they are.
    @Test func oddNumbers() throws {
        for factor in [1.0000000000000002, 3.3333333333333335, 1e-300, 123_456_789.125, 1.0693147180559945, 1e18]
            as [Double]
        {
            let string = AttentionMode.string(
                STRING(shiftedDistance: 5, localWindow: 3, attentionFactor: factor))
            #expect(try AttentionMode(text: string.text) == string)
            let linear = AttentionMode.linear(LinearScaling(factor: factor))
            #expect(try AttentionMode(text: linear.text) == linear)
        }
    }

    @Test func shortForms() throws {
        #expect(
            try AttentionChoice(text: "4:1024")
                == .fixed(.selfExtend(SelfExtend(groupSize: 4, neighborWindow: 1_024))))
        #expect(try AttentionChoice(text: "self-extend:4:1024").text == "4:1024")
        #expect(try AttentionChoice(text: "auto") == .automatic && AttentionChoice(text: "auto").text == "auto")
        for name in AttentionChoice.methodNames where name != "plain" {
            #expect(try AttentionChoice(text: name) == .recommended(name))
            #expect(try AttentionChoice(text: name).text == name)
        }
        #expect(try AttentionChoice(text: "plain") == .fixed(.plain))
    }

    @Test(
        arguments: [
            "", ":", "wide", "4", "4:", ":4", "4:1024:", "4:1024:5", "a:b", "plain:1", "plain:", "auto:1", "string:",
            "string:5", "string:5:3:1:1", "string:5:3:nan", "string:5:3:inf", "string:5.5:3", "dpe:2,:5", "dpe::5",
            "dpe:2,a:5", "dpe:2", "dpe:llama-4", "dpe:llama-3-8b:5", "dca:5", "dca:5:4:3", "lampe:5:4", "linear:",
            "linear:x", "linear:inf", "linear:nan", "yarn:2:3", "ntk:-", "dynamic-ntk:1.5", "llama3:8",
            "llama3:8:1:4:8192", "rerope:5:6", "rerope:5:scale=", "rerope:5:scale=x", "self-extend:4:8:ceil",
            "self-extend:4:8:scale=5:floor", "String:5:3", " plain", "99999999999999999999:5",
        ])
    func otherTexts(text: String) {
        for error in [
            thrownError({ () throws(AttentionError) in _ = try AttentionChoice(text: text) }),
            thrownError({ () throws(AttentionError) in _ = try AttentionMode(text: text) }),
        ] {
            guard case .invalidOption(let option)? = error else {
                Issue.record("\(text): \(String(describing: error))")
                return
            }
            #expect(option.name == "attention" && option.value == text.debugDescription)
        }
    }

    @Test func errorsSayWhatIsAllowed() {
        func text(_ text: String) -> String? {
            thrownError { () throws(AttentionError) in _ = try AttentionChoice(text: text) }?.description
        }
        #expect(
            text("string:5")
                == "the attention is \"string:5\"; it must be string:S:W or string:S:W:factor, such as string:2730:128")
        #expect(
            text("wide")?.hasPrefix("the attention is \"wide\"; it must be auto, G:W such as 4:1024, or one of plain,")
                == true)
        #expect(
            thrownError { () throws(AttentionError) in _ = try AttentionMode(text: "string") }
                == .invalidOption(
                    InvalidOption("attention", "\"string\"", allowed: "a method with its settings")))
    }

    /// Whoever asks before a session has checked the settings gets an answer, not a trap.
    @Test func settingsThatNoSessionAccepts() throws {
        for text in ["rerope:-9223372036854775808", "dca:9223372036854775807:-1", "dpe:2,9223372036854775807:4"] {
            #expect(throws: AttentionError.self) { try AttentionMode(text: text) }
        }
        let modes: [AttentionMode] = [
            .reRoPE(ReRoPE(neighborWindow: .min)), .selfExtend(SelfExtend(groupSize: 1, neighborWindow: .max)),
            .dualChunk(DualChunkAttention(chunkSize: .max, localSize: -1)),
            .string(STRING(shiftedDistance: .min, localWindow: .max)), try AttentionMode(text: "dca:5:9"),
        ]
        for mode in modes {
            _ = (mode.neighborWindow, mode.keepsSlidingWindow, mode.text)
            #expect(throws: AttentionError.self) { try mode.validate(contextLength: 64) }
        }
    }

    // MARK: By length

    private func configuration(_ members: [String: String] = [:]) throws -> ModelConfiguration {
        let json = jsonObject(TinyLlama().configuration.merging(members) { $1 })
        return try ModelConfiguration(json: Data(json.utf8), file: "config.json")
    }

    @Test func settingsByLength() throws {
        let model = try configuration(["max_position_embeddings": "8192"])
        func text(_ text: String, _ length: Int, trainedContext: Int? = nil) throws -> String {
            try AttentionChoice(text: text).mode(length: length, for: model, trainedContext: trainedContext).text
        }
        #expect(try text("auto", 8_192) == "plain")
        #expect(try text("auto", 16_384) == "self-extend:5:1020")
        #expect(try text("self-extend", 16_384) == "self-extend:5:1020")
        #expect(try text("yarn", 16_384) == "yarn:2" && text("yarn", 16_384, trainedContext: 4_096) == "yarn:4")
        #expect(try text("4:1024", 100) == "self-extend:4:1024")
        #expect(
            thrownError { () throws(AttentionError) in
                _ = try AttentionChoice.recommended("dca").mode(length: 0, for: model)
            } == .invalidOption(InvalidOption("length", 0, allowed: "between 1 and 16777216")))
        let unknown = thrownError { () throws(AttentionError) in
            _ = try AttentionChoice.recommended("wide").mode(length: 100, for: model)
        }
        #expect(unknown?.description.hasPrefix("the attention is \"wide\"; it must be one of plain,") == true)
    }

    /// Qwen2.5-1M's form. transformers ignores it, and so does a session that isn't asked.
    @Test func dualChunksOfTheFile() throws {
        let chunks = #"{"chunk_size": 262144, "local_size": 8192, "original_max_position_embeddings": 262144}"#
        let model = try configuration([
            "max_position_embeddings": "1010000", "dual_chunk_attention_config": chunks,
        ])
        #expect(model.dualChunks?.chunkSize == 262_144 && model.dualChunks?.localSize == 8_192)
        #expect(model.contextLength == 1_010_000 && model.trainedContext == 262_144)
        let published = AttentionMode.dualChunk(DualChunkAttention(chunkSize: 262_144, localSize: 8_192))
        #expect(try AttentionMode.recommended(length: 262_144, for: model) == .plain)
        #expect(try AttentionMode.recommended(length: 262_145, for: model) == published)
        #expect(try AttentionChoice.recommended("dca").mode(length: 500, for: model) == published)
        // Chunks longer than the stated training's texts would be the plain model there.
        let shorter = try AttentionMode.recommended(length: 40_000, for: model, trainedContext: 32_768)
        #expect(shorter == (try AttentionMode.recommended(length: 40_000, trainedContext: 32_768)))
        try published.validate(for: model)
        #expect(try configuration().dualChunks == nil)
        for (chunks, reason) in [
            (#"{"local_size": 5}"#, "chunk_size"), (#"{"chunk_size": 20}"#, "local_size"),
            (#"{"chunk_size": 20, "local_size": 20}"#, "must be less than chunk_size 20"),
            (#"{"chunk_size": 64, "local_size": 2}"#, "must be less than the 64"), ("7", "not an object"),
            (
                #"{"chunk_size": 20, "local_size": 2, "original_max_position_embeddings": 1}"#,
                "must be at least 2"
            ),
        ] {
            let error = thrownError { () throws(ModelError) in
                let json = jsonObject(TinyLlama().configuration.merging(["dual_chunk_attention_config": chunks]) { $1 })
                _ = try ModelConfiguration(json: Data(json.utf8), file: "config.json")
            }
            #expect(error?.description.contains(reason) == true, "\(chunks): \(String(describing: error))")
        }
    }
}
