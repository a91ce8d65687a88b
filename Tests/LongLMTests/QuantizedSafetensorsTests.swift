import Foundation
import LongLM
import ModelTwins
import SIMDKernels
import Testing
import TestSupport

extension QuantizedLayout {
    /// Every form that is read, with the format that the engine takes it in.
    static let all: [QuantizedLayout] =
        [
            mlx(bits: 4, group: 64, .float16) { _ in "q4_1" },
            mlx(bits: 4, group: 64, .bfloat16) { _ in "affine4" },
            mlx(bits: 4, group: 32, .bfloat16) { _ in "affine8" },
            mlx(bits: 2, group: 128, .float16) { _ in "q4_1" },
            mlx(bits: 3, group: 64, .bfloat16) { _ in "affine4" },
            mlx(bits: 5, group: 32, .float16) { _ in "q5_1" },
            mlx(bits: 5, group: 64, .bfloat16) { _ in "affine8" },
            mlx(bits: 6, group: 64, .bfloat16) { _ in "affine8" },
            mlx(bits: 8, group: 64, .float16) { _ in "affine8" },
            mlx(bits: 4, group: 64, .float32) { _ in "float32" },
        ] + [
            compressedIntegers(bits: 4, group: 128, .float16) { _ in "q4_0" },
            compressedIntegers(bits: 4, group: 128, .bfloat16) { _ in "affine4" },
            compressedIntegers(bits: 4, group: 32, isSymmetric: false, .bfloat16) { _ in "affine8" },
            compressedIntegers(bits: 4, group: 64, isSymmetric: false, .float16) { _ in "affine4" },
            compressedIntegers(bits: 4, group: 64, isSymmetric: false, .float32) { _ in "float32" },
            compressedIntegers(bits: 8, group: 128, .float16) { _ in "q8_0" },
            compressedIntegers(bits: 8, group: nil, isSymmetric: false, .bfloat16) { _ in "affine8" },
            compressedIntegers(bits: 4, group: nil, .bfloat16) { _ in "affine4" },
            compressedIntegers(bits: 8, group: nil, isWhole: true, .float16) { _ in "q8_0" },
            compressedIntegers(bits: 4, group: 64, .bfloat16, isShuffled: true) { _ in "float32" },
            compressedIntegers(bits: 8, group: nil, isPacked: false, .bfloat16) { _ in "affine8" },
            compressedIntegers(bits: 8, group: nil, isPacked: false, .float16) { _ in "q8_0" },
            compressedIntegers(bits: 8, group: nil, isPacked: false, .float32) { _ in "affine8" },
            compressedIntegers(bits: 8, group: nil, isSymmetric: false, isPacked: false, .float16) { _ in "affine8" },
        ] + [
            gptq(bits: 4, group: 128, isSymmetric: true) { _ in "q4_0" },
            gptq(bits: 4, group: 128, isSymmetric: true, version: 2, .bfloat16) { _ in "affine4" },
            gptq(bits: 4, group: 64, isSymmetric: false) { _ in "affine4" },
            gptq(bits: 4, group: 32, isSymmetric: false, version: 2) { _ in "affine8" },
            gptq(bits: 8, group: 128, isSymmetric: true, isBeside: true) { _ in "q8_0" },
            gptq(bits: 8, group: nil, isSymmetric: false) { _ in "affine8" },
            gptq(bits: 4, group: 64, isSymmetric: false, isShuffled: true) { _ in "float32" },
            awq(group: 128) { _ in "affine4" },
            awq(group: 32) { _ in "affine8" },
        ] + [
            float8("fp8", block: (128, 128)) { _ in "float8" },
            float8("fp8", block: (48, 32), .bfloat16) { _ in "float8" },
            float8("channel", .bfloat16) { _ in "float8" },
            float8("tensor") { _ in "float8" },
            float8("block", block: (128, 128), .bfloat16) { _ in "float8" },
        ]
}

/// Safetensors with quantised weights. Everything is compared with `==` on bit patterns.
@Suite("Quantised safetensors")
struct QuantizedSafetensorsTests {
    private static let mode = AttentionMode.selfExtend(SelfExtend(groupSize: 4, neighborWindow: 16))
    private let tokens: [Int]

    init() {
        var generator = SeededGenerator(seed: 191)
        tokens = generator.tokens(40, below: 67)
    }

    private func logits(_ path: String, _ options: LoadOptions = LoadOptions(), chunk: Int = 40) throws -> Bits {
        let model = try LanguageModel(directory: path, options: options)
        return bits(
            try chunkedLogits(
                model, tokens, chunk: chunk, SessionOptions(attention: Self.mode, threadCount: 2, capacity: 40)))
    }

    @Test("Numbers are those that the form defines, bit for bit", arguments: QuantizedLayout.all)
    func numbers(_ layout: QuantizedLayout) throws {
        let tiny = try QuantizedSafetensors(layout)
        let checkpoint = try ModelCheckpoint(path: tiny.path)
        for tensor in tiny.tensors {
            let stored = try #require(checkpoint.source.tensor(tensor.name))
            #expect(stored.shape == tensor.shape)
            #expect(try checkpoint.source.floats(of: stored) == tensor.values, "\(tensor.name)")
        }
        // Rows that begin and end in the middle of a word, or of a block.
        let name = "model.layers.0.mlp.up_proj.weight"
        let stored = try #require(checkpoint.source.tensor(name))
        let values = try #require(tiny.tensors.first { $0.name == name }).values
        let format = try #require(stored.format)
        for rows in [0..<1, 3..<4, 5..<77, 130..<256] {
            var bytes = [UInt8](repeating: 0, count: rows.count * format.rowByteCount(columnCount: 128))
            try bytes.withUnsafeMutableBytes { try checkpoint.source.readRows(rows, of: stored, into: $0) }
            #expect(
                format.widened(bytes, count: rows.count * 128)
                    == Array(values[(rows.lowerBound * 128)..<(rows.upperBound * 128)]))
        }
    }

    /// See `Fixtures/make_quantized_checkpoints.py`.
    @Test(
        "Numbers are those of the libraries that define the forms",
        arguments: [("mlx", 18), ("fp8", 2), ("compressed-tensors", 12), ("awq", 1), ("gptq", 1)])
    func libraries(_ form: String, _ count: Int) throws {
        let directory = Fixtures.path("quantized/" + form)
        let configuration = [UInt8](try Data(contentsOf: URL(filePath: directory + "/config.json")))
        let source = try openWeights(directory: directory, configuration: configuration)
        let names = source.storedNames.filter { $0.hasSuffix(".values") }
        #expect(names.count == count)
        for name in names {
            let values = try #require(source.tensor(name))
            let matrix = try #require(source.tensor(String(name.dropLast(".values".count)) + ".weight"))
            #expect(matrix.shape == values.shape && matrix.partNames.count > 1)
            #expect(try source.floats(of: matrix) == source.floats(of: values), "\(matrix.name)")
        }
    }

    @Test("Logits are those of the same numbers in 32-bit floats", arguments: QuantizedLayout.all)
    func exact(_ layout: QuantizedLayout) throws {
        let tiny = try QuantizedSafetensors(layout)
        let expected = try logits(tiny.widenedPath)
        for instructionSet in InstructionSet.availableForFloats where instructionSet.isFused {
            for chunk in [1, 7, 40] {
                let found = try logits(tiny.path, LoadOptions(instructionSet: instructionSet), chunk: chunk)
                #expect(found == expected, "\(instructionSet), chunks of \(chunk)")
            }
        }
        // Other numbers would show.
        #expect(try logits(tiny.path, LoadOptions(weightFormat: .bfloat16)) != expected)
        #expect(try logits(tiny.path, LoadOptions(weightFormat: .float32)) == expected)
        #expect(
            try logits(tiny.path, LoadOptions(weightFormat: .bfloat16))
                == logits(tiny.widenedPath, LoadOptions(weightFormat: .bfloat16)))
    }

    @Test("Matrices are taken in the format that holds them", arguments: QuantizedLayout.all)
    func formats(_ layout: QuantizedLayout) throws {
        let tiny = try QuantizedSafetensors(layout)
        let plan = try ModelCheckpoint(path: tiny.path).weightPlan()
        for entry in plan.entries where entry.tensor.shape.count == 2 {
            let isVocabulary = entry.tensor.name.contains("embed_tokens") || entry.tensor.name.contains("lm_head")
            let isQuantized = layout.quantizesVocabulary || !isVocabulary
            let expected = isQuantized ? layout.format(entry.tensor.shape[1]) : "float32"
            #expect(entry.format.rawValue == expected, "\(entry.tensor.name)")
            #expect((entry.tensor.partNames.count > 1) == isQuantized)
        }
        #expect(try LanguageModel(directory: tiny.path).weightByteCount == plan.byteCount)
    }

    @Test("In int8, logits have the same bits everywhere, and 8-bit floats stay exact", arguments: QuantizedLayout.all)
    func int8(_ layout: QuantizedLayout) throws {
        let tiny = try QuantizedSafetensors(layout)
        let exact = try logits(tiny.path)
        var expected: Bits?
        for instructionSet in InstructionSet.available where instructionSet.isFused {
            for chunk in [1, 40] {
                let found = try logits(
                    tiny.path, LoadOptions(precision: .int8, instructionSet: instructionSet), chunk: chunk)
                #expect(found == expected ?? found, "\(instructionSet), chunks of \(chunk)")
                expected = expected ?? found
            }
        }
        if let expected { #expect((expected == exact) == ["float8", "float32"].contains(layout.format(128))) }
    }

    @Test("Groups of other lengths than blocks of 32 are widened")
    func widened() throws {
        var tiny = QuantizedSafetensors.shape
        // Rows of 80 columns in the feed-forward block.
        tiny.intermediateSize = 80
        for layout in [
            QuantizedLayout.compressedIntegers(bits: 4, group: 16, .float16) { _ in "float32" },
            .gptq(bits: 4, group: nil, isSymmetric: true) { $0 == 80 ? "float32" : "q4_0" },
            .float8("tensor") { $0 == 80 ? "float32" : "float8" },
        ] {
            let model = try QuantizedSafetensors(layout, tiny)
            for entry in try ModelCheckpoint(path: model.path).weightPlan().entries
            where entry.tensor.shape.count == 2 && entry.tensor.name.contains("layers") {
                #expect(entry.format.rawValue == layout.format(entry.tensor.shape[1]))
            }
            #expect(try logits(model.path) == logits(model.widenedPath), "\(layout)")
        }
    }

    @Test("Modules of MLX may have settings of their own, and an embedding may project onto the vocabulary")
    func modulesOfMLX() throws {
        let up = "model.layers.0.mlp.up_proj"
        var layout = QuantizedLayout.mlx(bits: 4, group: 64, .bfloat16) { _ in "affine4" }
        layout.configuration = [
            "quantization": """
            {"group_size": 64, "bits": 4, "\(up)": {"group_size": 32, "bits": 6}, "model.layers.0.mlp.gate_proj": false,
            "model.embed_tokens": {"bits": 8, "group_size": 128, "mode": "affine"}, "lm_head": true}
            """
        ]
        layout.pack = { module, rows, columns, generator in
            switch module {
            case up:
                return QuantizedLayout.mlx(
                    module, rows, columns, bits: 6, group: 32, .bfloat16, using: &generator)
            case "model.embed_tokens":
                return QuantizedLayout.mlx(
                    module, rows, columns, bits: 8, group: 128, .bfloat16, using: &generator)
            case "model.layers.0.mlp.gate_proj":
                let values = generator.floats(rows * columns, deviation: 0.1).map(TinyLlama.Storage.bfloat16.rounded)
                let bytes = values.flatMap(TinyLlama.Storage.bfloat16.bytes)
                return ([.init(module + ".weight", .bfloat16, [rows, columns], bytes)], values)
            default:
                return QuantizedLayout.mlx(
                    module, rows, columns, bits: 4, group: 64, .bfloat16, using: &generator)
            }
        }
        for isTied in [false, true] {
            var shape = QuantizedSafetensors.shape
            shape.tiesEmbeddings = isTied
            let tiny = try QuantizedSafetensors(layout, shape)
            #expect(try logits(tiny.path) == logits(tiny.widenedPath))
        }
    }

    @Test("A checkpoint of GPTQ whose zero points aren't those of sym is read all the same")
    func zeroPointsOfSymmetricGPTQ() throws {
        var layout = QuantizedLayout.gptq(bits: 4, group: 64, isSymmetric: false) { _ in "affine4" }
        layout.configuration = [
            "quantization_config": #"{"quant_method": "gptq", "bits": 4, "group_size": 64, "sym": true}"#
        ]
        let tiny = try QuantizedSafetensors(layout)
        #expect(try logits(tiny.path) == logits(tiny.widenedPath))
    }

    @Test("Biases of 0 are left out, and others that the model doesn't have are refused")
    func biases() throws {
        let tiny = try QuantizedSafetensors(.gptq(bits: 4, group: 64, isSymmetric: true) { _ in "q4_0" })
        let name = "model.layers.0.mlp.up_proj.bias"
        var bias = QuantizedLayout.Part(name, .float16, [256], [UInt8](repeating: 0, count: 512))
        try tiny.write(tiny.parts + [bias])
        #expect(try logits(tiny.path) == logits(tiny.widenedPath))
        bias.bytes[100] = 1
        try tiny.write(tiny.parts + [bias])
        let error = thrownError { () throws(ModelError) in _ = try LanguageModel(directory: tiny.path) }
        guard case .checkpoint(.unexpectedTensor(_, name)) = error else {
            Issue.record("\(error.map { "\($0)" } ?? "no error")")
            return
        }
    }

    @Test("Tensors of activations change nothing")
    func activations() throws {
        let layout = QuantizedLayout.float8("fp8", block: (128, 128)) { _ in "float8" }
        let tiny = try QuantizedSafetensors(layout)
        let scale = QuantizedLayout.Part("model.layers.0.mlp.up_proj.input_scale", .float32, [], [0, 0, 128, 63])
        try tiny.write(tiny.parts + [scale])
        #expect(try logits(tiny.path) == logits(tiny.widenedPath))
    }
}
