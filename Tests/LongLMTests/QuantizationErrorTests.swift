import Foundation
import LongLM
import SIMDKernels
import Safetensors
import TestSupport
import Testing

/// Quantised safetensors that aren't read, or aren't what they say.
@Suite("Errors of quantised safetensors")
struct QuantizationErrorTests {
    /// How many random checkpoints are tried.
    private static let count = ProcessInfo.processInfo.environment["LONGLM_FUZZ_COUNT"].flatMap { Int($0) } ?? 150

    private func error(_ path: String) -> ModelError? {
        thrownError { () throws(ModelError) in _ = try LanguageModel(path: path) }
    }

    /// The form's name and a sentence.
    @Test(arguments: [
        (#"{"quant_method": "bitsandbytes", "load_in_4bit": true, "bnb_4bit_quant_type": "nf4"}"#, "bitsandbytes nf4"),
        (#"{"quant_method": "bitsandbytes", "load_in_8bit": true}"#, "bitsandbytes int8"),
        (#"{"load_in_4bit": true}"#, "bitsandbytes nf4"), (#"{"quant_method": "torchao"}"#, "torchao"),
        (#"{"quant_method": "mxfp4"}"#, "mxfp4"), (#"{"quant_method": "aqlm"}"#, "aqlm"),
        (#"{"quant_method": "gptq", "bits": 3, "group_size": 128}"#, "GPTQ with 3 bits"),
        (#"{"quant_method": "gptq", "bits": 2, "group_size": 128}"#, "GPTQ with 2 bits"),
        (#"{"quant_method": "gptq", "bits": 4, "group_size": 128, "is_marlin_format": true}"#, "Marlin"),
        (#"{"quant_method": "gptq", "bits": 4, "group_size": 128, "checkpoint_format": "marlin"}"#, "marlin"),
        (#"{"quant_method": "gptq", "bits": 4, "group_size": 128, "dynamic": {"+:x": {"bits": 8}}}"#, "dynamic"),
        (#"{"quant_method": "awq", "bits": 4, "group_size": 128, "version": "gemv"}"#, "gemv"),
        (#"{"quant_method": "awq", "bits": 4, "group_size": 128, "version": "marlin"}"#, "marlin"),
        (#"{"quant_method": "awq", "bits": 4, "group_size": 128, "backend": "llm-awq"}"#, "llm-awq"),
        (#"{"quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": false}"#, "AWQ without zero points"),
        (#"{"quant_method": "awq", "bits": 8, "group_size": 128}"#, "AWQ with 8 bits"),
        (#"{"quant_method": "fp8", "activation_scheme": "static"}"#, "FP8 without blocks"),
        (#"{"quant_method": "fp8", "fmt": "e5m2", "weight_block_size": [128, 128]}"#, "FP8 of the type e5m2"),
        (#"{"quant_method": "compressed-tensors", "format": "marlin-24"}"#, "marlin-24"),
        (#"{"quant_method": "compressed-tensors", "format": "nvfp4-pack-quantized"}"#, "nvfp4-pack-quantized"),
        (compressed(#""num_bits": 4, "strategy": "attn_head""#), "the strategy attn_head"),
        (compressed(#""num_bits": 4, "strategy": "tensor_group", "group_size": 16"#), "the strategy tensor_group"),
        (compressed(#""num_bits": 4, "type": "float""#), "the type float and 4 bits"),
        (compressed(#""num_bits": 2"#), "the type int and 2 bits"),
        (compressed(#""num_bits": 4"#, #""kv_cache_scheme": {"num_bits": 8},"#), "kv_cache_scheme"),
        (compressed(#""num_bits": 4"#, #""sparsity_config": {"format": "sparse-24-bitmask"},"#), "sparse-24-bitmask"),
        (compressed(#""num_bits": 4"#, #""transform_config": {"config_groups": {}},"#), "transform_config"),
        (#"{"bits": 4, "group_size": 32, "mode": "mxfp4"}"#, "MLX's mxfp4"),
        (#"{"bits": 8, "group_size": 32, "mode": "mxfp8"}"#, "MLX's mxfp8"),
        (#"{"bits": 4, "group_size": 16, "mode": "nvfp4"}"#, "MLX's nvfp4"),
        (#"{"bits": 7, "group_size": 64}"#, "MLX with 7 bits"),
        (#"{"bits": 4, "group_size": 48}"#, "MLX with groups of 48"),
        (#"{"bits": 4, "group_size": 64, "lm_head": {"mode": "nvfp4"}}"#, "MLX's nvfp4"),
    ])
    func unsupportedForms(configuration: String, form: String) throws {
        let directory = try TemporaryDirectory()
        var tiny = TinyLlama()
        tiny.layerCount = 1
        try tiny.write(to: directory)
        let members = tiny.configuration.merging(["quantization_config": configuration]) { $1 }
        let path = try directory.write(jsonObject(members), to: "config.json")
        guard case .checkpoint(.unsupportedQuantization(let file, let found, let reason)) = error(directory.path) else {
            Issue.record("\(error(directory.path).map { "\($0)" } ?? "no error")")
            return
        }
        #expect(file == path && found.contains(form), "\(found)")
        #expect(!reason.isEmpty)
        // MLX writes it under a key of its own.
        if form.hasPrefix("MLX") {
            try directory.write(
                jsonObject(tiny.configuration.merging(["quantization": configuration]) { $1 }), to: "config.json")
            #expect("\(error(directory.path).map { "\($0)" } ?? "")".contains(form))
        }
    }

    private static func compressed(_ weights: String, _ others: String = "") -> String {
        """
        {"quant_method": "compressed-tensors", "format": "pack-quantized", \(others)
        "config_groups": {"group_0": {"weights": {\(weights)}}}}
        """
    }

    @Test(arguments: [
        (#"{"quant_method": "gptq"}"#, "quantization_config has no member bits"), (#"{}"#, "has no quant_method"),
        (#"{"quant_method": 4}"#, "a member quant_method that is not a string"),
        (#"{"quant_method": "gptq", "bits": 4.5}"#, "a member bits that is not a whole number"),
        (#"{"quant_method": "gptq", "bits": 4, "group_size": 0}"#, "a group_size of 0"),
        (#"{"quant_method": "gptq", "bits": 4, "group_size": 99999999999}"#, "a group_size of 99999999999"),
        (#"{"quant_method": "awq", "bits": 4}"#, "has no member group_size"),
        (#"{"quant_method": "fp8", "weight_block_size": [0, 128]}"#, "weight_block_size of [0, 128]"),
        (#"{"quant_method": "fp8", "weight_block_size": [128, "x"]}"#, "not a list of whole numbers"),
        (#"{"quant_method": "compressed-tensors"}"#, "has no config_groups"),
        (#"{"quant_method": "compressed-tensors", "config_groups": {"a": {}}}"#, "says nothing of weights"),
        (compressed(#""num_bits": 4, "strategy": "group""#), "the strategy group without a group_size"),
        (compressed(#""num_bits": 8, "strategy": "block", "type": "float""#), "without a block_structure"),
        (#"{"bits": 4, "group_size": 64, "lm_head": 3}"#, "a member lm_head that is not an object"),
    ])
    func invalidSettings(configuration: String, expected: String) throws {
        let directory = try TemporaryDirectory()
        let tiny = TinyLlama()
        try tiny.write(to: directory)
        let members = tiny.configuration.merging(["quantization_config": configuration]) { $1 }
        let path = try directory.write(jsonObject(members), to: "config.json")
        guard case .checkpoint(.invalidQuantization(let file, let reason)) = error(directory.path) else {
            Issue.record("\(error(directory.path).map { "\($0)" } ?? "no error")")
            return
        }
        #expect(file == path && reason.contains(expected), "\(reason)")
    }

    @Test func quantizeConfigThatIsNoJSON() throws {
        let directory = try TemporaryDirectory()
        try TinyLlama().write(to: directory)
        let path = try directory.write("{", to: "quantize_config.json")
        guard case .checkpoint(.invalidQuantization(path, _)) = error(directory.path) else {
            Issue.record("\(error(directory.path).map { "\($0)" } ?? "no error")")
            return
        }
    }

    // MARK: Tensors

    private static let module = "model.layers.0.mlp.up_proj"

    /// The error of a checkpoint with changed parts.
    private func error(
        _ layout: QuantizedLayout, _ change: (inout [QuantizedLayout.Part]) -> Void
    ) throws -> String {
        let tiny = try QuantizedSafetensors(layout)
        var parts = tiny.parts
        change(&parts)
        try tiny.write(parts)
        return error(tiny.path).map { "\($0)" } ?? "no error"
    }

    private static let forms: [QuantizedLayout] = [
        .mlx(bits: 4, group: 64, .float16) { _ in "" }, .awq(group: 64) { _ in "" },
        .gptq(bits: 4, group: 64, isSymmetric: true) { _ in "" },
        .gptq(bits: 8, group: 64, isSymmetric: false, isShuffled: true) { _ in "" },
        .compressedIntegers(bits: 4, group: 64, isSymmetric: false, .bfloat16, isShuffled: true) { _ in "" },
        .compressedIntegers(bits: 8, group: nil, isPacked: false, .bfloat16) { _ in "" },
        .float8("fp8", block: (128, 128)) { _ in "" }, .float8("channel", .bfloat16) { _ in "" },
    ]

    @Test("A part that is missing, of another type or of another shape is named", arguments: forms)
    func parts(_ layout: QuantizedLayout) throws {
        let names = try QuantizedSafetensors(layout).parts.map(\.name).filter { $0.hasPrefix(Self.module + ".") }
        #expect(names.count >= 2)
        for name in names {
            let missing = try error(layout) { $0.removeAll { $0.name == name } }
            // Without its scales, a matrix isn't quantised. Its numbers or its other parts are of no use then.
            let isOptional = name.hasSuffix(".g_idx") && !layout.description.contains("desc_act")
            #expect(isOptional ? missing == "no error" : missing.contains(Self.module + "."), "\(missing)")
            let retyped = try error(layout) { parts in
                for index in parts.indices where parts[index].name == name {
                    parts[index].dtype = .uint8
                    parts[index].shape = [parts[index].bytes.count]
                }
            }
            #expect(retyped.contains(Self.module + ".") && retyped.contains("U8"), "\(retyped)")
            let reshaped = try error(layout) { parts in
                for index in parts.indices where parts[index].name == name {
                    parts[index].shape = [1] + parts[index].shape + [1]
                    let size = parts[index].dtype.bitWidth / 8
                    parts[index].bytes += [UInt8](repeating: 0, count: parts[index].bytes.count)
                    parts[index].shape[0] = 2
                    #expect(parts[index].bytes.count == parts[index].shape.reduce(size, *))
                }
            }
            #expect(reshaped.contains(Self.module + "."), "\(reshaped)")
        }
    }

    @Test func numbersThatAreNone() throws {
        let float8 = QuantizedLayout.float8("fp8", block: (128, 128)) { _ in "" }
        let nan = try error(float8) { parts in
            for index in parts.indices where parts[index].name == Self.module + ".weight" {
                parts[index].bytes[77] = 0xff
            }
        }
        #expect(nan.hasSuffix("tensor \(Self.module).weight has codes that are no numbers"), "\(nan)")
        let infinite = try error(float8) { parts in
            for index in parts.indices where parts[index].name == Self.module + ".weight_scale_inv" {
                parts[index].bytes[3] = 0x7f
                parts[index].bytes[2] = 0x80
            }
        }
        #expect(infinite.contains("tensor \(Self.module).weight has scales that are infinite"), "\(infinite)")
    }

    @Test func groupsThatAreNone() throws {
        let layout = QuantizedLayout.gptq(bits: 4, group: 64, isSymmetric: true, isShuffled: true) { _ in "" }
        for byte: UInt8 in [2, 0xff] {
            let found = try error(layout) { parts in
                for index in parts.indices where parts[index].name == Self.module + ".g_idx" {
                    for place in 0..<4 { parts[index].bytes[4 + place] = byte == 2 && place > 0 ? 0 : byte }
                }
            }
            #expect(found.hasSuffix("tensor \(Self.module).g_idx lists groups outside of 0 to 1"), "\(found)")
        }
    }

    @Test("A matrix that is there twice has a tensor that nobody takes")
    func twice() throws {
        let layout = QuantizedLayout.awq(group: 64) { _ in "" }
        let found = try error(layout) { parts in
            parts.append(.init(Self.module + ".weight", .uint8, [1], [0]))
        }
        #expect(found.contains("tensor \(Self.module).weight is not part of the model"), "\(found)")
    }

    // MARK: Random damage

    @Test("Any damage gives an error or a model", arguments: forms)
    func damage(_ layout: QuantizedLayout) throws {
        var generator = SeededGenerator(seed: 192)
        let tiny = try QuantizedSafetensors(layout)
        let bytes = [UInt8](try Data(contentsOf: URL(filePath: tiny.path + "/model.safetensors")))
        let headerLength = 8 + bytes[..<8].enumerated().reduce(0) { $0 + Int($1.element) << (8 * $1.offset) }
        let config = layout.configuration.first ?? layout.files.first.map { ($0.key, $0.value) }
        var (runCount, refusedCount) = (0, 0)
        for _ in 0..<Self.count {
            var damaged = tiny.parts
            var others: [String: String] = [:]
            var raw: [UInt8]?
            for _ in 0..<Int.random(in: 1...2, using: &generator) {
                let index = Int.random(in: damaged.indices, using: &generator)
                switch Int.random(in: 0..<8, using: &generator) {
                case 0: damaged.remove(at: index)
                case 1: damaged[index].name += ["s", ".weight", "_scale", ""].randomElement(using: &generator) ?? ""
                case 2:
                    // Another type of the same size.
                    let dtype = damaged[index].dtype
                    damaged[index].dtype =
                        DType.allCases.filter { $0.bitWidth == dtype.bitWidth }.randomElement(using: &generator)
                        ?? dtype
                case 3: damaged[index].shape.reverse()
                case 4:
                    let dimension = Int.random(in: 0...damaged[index].shape.count, using: &generator)
                    damaged[index].shape.insert(1, at: dimension)
                case 5:
                    for _ in 0..<4 {
                        guard let place = damaged[index].bytes.indices.randomElement(using: &generator) else { break }
                        damaged[index].bytes[place] = UInt8(truncatingIfNeeded: generator.next())
                    }
                case 6:
                    guard let config else { break }
                    var text = Array(config.1.utf8)
                    let place = Int.random(in: text.indices, using: &generator)
                    text[place] = Array("0123456789-\"{}[],:aegz".utf8).randomElement(using: &generator) ?? 0
                    others[config.0] = String(decoding: text, as: UTF8.self)
                default:
                    var copy = bytes
                    let place = Int.random(in: 0..<headerLength, using: &generator)
                    copy[place] = UInt8(truncatingIfNeeded: generator.next())
                    raw = copy
                }
            }
            var seen: Set<String> = []
            try tiny.write(damaged.filter { seen.insert($0.name).inserted }, others)
            if let raw { try tiny.write(raw, to: "model.safetensors") }
            do throws(ModelError) {
                let model = try LanguageModel(path: tiny.path)
                runCount += 1
                _ = try? allLogits(model, [1, 2, 3])
            } catch {
                refusedCount += 1
                #expect(!error.description.isEmpty)
            }
        }
        #expect(refusedCount > 0 && runCount + refusedCount == Self.count)
    }
}
