import Foundation
import LongLM
import ModelTwins
import Testing
import TestSupport

@Suite struct CheckpointTests {
    private let tokens = [5, 3, 66, 0, 17, 17, 42, 9, 1, 30, 61, 2, 8]

    /// Whatever tensor is missing is named.
    @Test(arguments: [false, true])
    func missingTensor(tied: Bool) throws {
        var tiny = TinyLlama()
        tiny.tiesEmbeddings = tied
        let tensors = tiny.tensors()
        #expect(tensors.count == (tied ? 20 : 21))
        for missing in tensors.indices {
            let directory = try TemporaryDirectory()
            var rest = tensors
            let name = rest.remove(at: missing).name
            try tiny.write(rest, to: directory)
            #expect(throws: ModelError.checkpoint(.missingTensor(file: directory.path, tensor: name))) {
                try LanguageModel(directory: directory.path)
            }
        }
    }

    /// A tensor that the forward pass would not use, such as a bias, is refused: ignoring it changes the result.
    @Test(arguments: ["model.layers.1.self_attn.q_proj.bias", "model.layers.2.mlp.up_proj.weight", "extra"])
    func unexpectedTensor(name: String) throws {
        let tiny = TinyLlama()
        let directory = try TemporaryDirectory()
        try tiny.write(tiny.tensors() + [TinyLlama.Tensor(name: name, shape: [2], values: [1, 2])], to: directory)
        let file = directory.file("model.safetensors")
        #expect(throws: ModelError.checkpoint(.unexpectedTensor(file: file, tensor: name))) {
            try LanguageModel(directory: directory.path)
        }
    }

    /// Old checkpoints hold rotary frequencies, which follow from config.json.
    @Test func storedRotaryFrequencies() throws {
        let tiny = TinyLlama()
        let directory = try TemporaryDirectory()
        let name = "model.layers.0.self_attn.rotary_emb.inv_freq"
        try tiny.write(tiny.tensors() + [TinyLlama.Tensor(name: name, shape: [2], values: [1, 2])], to: directory)
        let model = try LanguageModel(directory: directory.path)
        #expect(try bits(allLogits(model, [1, 2, 3])) == bits(allLogits(try loadModel(tiny), [1, 2, 3])))
    }

    /// Whatever tensor has another shape than config.json implies is named with both shapes.
    @Test func wrongShape() throws {
        let tiny = TinyLlama()
        let tensors = tiny.tensors()
        for (index, tensor) in tensors.enumerated() {
            var shapes = [tensor.shape + [1], [tensor.values.count + 1]]
            if tensor.shape.count == 2 { shapes += [[tensor.shape[1] + 1, tensor.shape[0]], [tensor.values.count]] }
            for shape in shapes {
                let directory = try TemporaryDirectory()
                var changed = tensors
                let count = shape.reduce(1, *)
                changed[index] = TinyLlama.Tensor(
                    name: tensor.name, shape: shape, values: [Float](repeating: 0, count: count))
                try tiny.write(changed, to: directory)
                let error = ModelError.checkpoint(
                    .wrongShape(
                        file: directory.file("model.safetensors"), tensor: tensor.name, expected: tensor.shape,
                        found: shape))
                #expect(throws: error) { try LanguageModel(directory: directory.path) }
            }
        }
    }

    @Test(arguments: [DType.int64, .float64, .int32, .uint16, .float8E4M3])
    func typeThatCannotBeComputedWith(dtype: DType) throws {
        for name in ["model.layers.1.mlp.up_proj.weight", "model.norm.weight"] {
            let directory = try TemporaryDirectory()
            var writer = SafetensorsWriter()
            for tensor in TinyLlama().tensors() {
                if tensor.name == name {
                    let bytes = [UInt8](repeating: 0, count: tensor.values.count * dtype.bitWidth / 8)
                    try writer.add(name, dtype: dtype, shape: tensor.shape, bytes: bytes)
                } else {
                    try writer.add(tensor.name, shape: tensor.shape, floats: tensor.values)
                }
            }
            let path = directory.file("model.safetensors")
            try writer.write(to: path)
            try directory.write(jsonObject(TinyLlama().configuration), to: "config.json")
            let error = CheckpointError.unsupportedTensorType(file: path, tensor: name, type: dtype.rawValue)
            #expect(throws: ModelError.checkpoint(error)) { try LanguageModel(directory: directory.path) }
        }
    }

    /// A file that ends too early is refused at whatever byte it ends, before anything is read beyond it.
    @Test func truncatedFile() throws {
        let directory = try TemporaryDirectory()
        try TinyLlama().write(to: directory)
        let path = directory.file("model.safetensors")
        let whole = try Data(contentsOf: URL(filePath: path))
        var generator = SeededGenerator(seed: 3)
        let lengths =
            [0, 1, 7, 8, 9, whole.count / 2, whole.count - 1]
            + (0..<50).map { _ in Int.random(in: 0..<whole.count, using: &generator) }
        for length in lengths {
            try whole.prefix(length).write(to: URL(filePath: path))
            do throws(ModelError) {
                _ = try LanguageModel(directory: directory.path)
                Issue.record("\(length) of \(whole.count) bytes were loaded")
            } catch {
                guard case .checkpoint = error else {
                    Issue.record("\(length) bytes: \(error)")
                    continue
                }
                #expect(error.description.hasPrefix(path))
            }
        }
        try whole.write(to: URL(filePath: path))
        _ = try LanguageModel(directory: directory.path)
    }

    @Test func noCheckpoint() throws {
        let directory = try TemporaryDirectory()
        try directory.write(jsonObject(TinyLlama().configuration), to: "config.json")
        #expect(throws: ModelError.checkpoint(.safetensors(.noCheckpoint(directory: directory.path)))) {
            try LanguageModel(directory: directory.path)
        }
    }

    /// Numbers of 16 bits are widened exactly: the logits have the bits of the same numbers stored in 32, in products
    /// of many rows and of one.
    @Test(arguments: [TinyLlama.Storage.bfloat16, .float16], InstructionSet.available)
    func halfWidthWeights(storage: TinyLlama.Storage, instructionSet: InstructionSet) throws {
        var narrow = TinyLlama()
        narrow.storage = storage
        var wide = narrow
        wide.storage = .float32
        let directory = try TemporaryDirectory()
        try wide.write(narrow.tensors(), to: directory)
        let wideModel = try LanguageModel(
            directory: directory.path, options: LoadOptions(instructionSet: instructionSet))
        let narrowModel = try loadModel(narrow, instructionSet: instructionSet)

        #expect(narrowModel.weightByteCount < wideModel.weightByteCount)
        #expect(bits(try allLogits(narrowModel, tokens)) == bits(try allLogits(wideModel, tokens)))
        #expect(
            bits(try chunkedLogits(narrowModel, tokens, chunk: 1))
                == bits(try chunkedLogits(wideModel, tokens, chunk: 1)))
        // And the narrow weights are others than those that were drawn, so that rounding is seen at all.
        let drawn = try loadModel(wide, instructionSet: instructionSet)
        #expect(bits(try allLogits(narrowModel, tokens)) != bits(try allLogits(drawn, tokens)))
    }

    @Test(arguments: [2, 3, 7])
    func shardsGiveTheBitsOfOneFile(count: Int) throws {
        let tiny = TinyLlama()
        let directory = try TemporaryDirectory()
        try tiny.writeShards(count, to: directory)
        #expect(!FileManager.default.fileExists(atPath: directory.file("model.safetensors")))
        let sharded = try LanguageModel(directory: directory.path)
        #expect(bits(try allLogits(sharded, tokens)) == bits(try allLogits(try loadModel(tiny), tokens)))

        try FileManager.default.removeItem(atPath: directory.file("model-2-of-\(count).safetensors"))
        #expect(throws: ModelError.self) { try LanguageModel(directory: directory.path) }
    }

    /// A tied model projects onto the vocabulary with its embedding, and takes no notice of a projection in the file.
    @Test func tiedEmbeddings() throws {
        var tied = TinyLlama()
        tied.tiesEmbeddings = true
        var untied = tied
        untied.tiesEmbeddings = false
        let tensors = tied.tensors()
        let embedding = try #require(tensors.first)
        let copy = TinyLlama.Tensor(name: "lm_head.weight", shape: embedding.shape, values: embedding.values)
        let stranger = TinyLlama.Tensor(
            name: "lm_head.weight", shape: embedding.shape, values: embedding.values.map { -2 * $0 })

        let expected = bits(try allLogits(try loadModel(tied), tokens))
        var found: [Bits] = []
        for (model, projection) in [(untied, copy), (tied, stranger), (untied, stranger)] {
            let directory = try TemporaryDirectory()
            try model.write(tensors + [projection], to: directory)
            found.append(bits(try allLogits(try LanguageModel(directory: directory.path), tokens)))
        }
        #expect(found[0] == expected && found[1] == expected && found[2] != expected)
    }

    @Test func progressRisesToOne() throws {
        for tied in [false, true] {
            let directory = try TemporaryDirectory()
            var tiny = TinyLlama()
            let tensors = tiny.tensors()
            tiny.tiesEmbeddings = tied
            // With tied embeddings the projection in the file is never taken.
            try tiny.write(tensors, to: directory)
            var fractions: [Double] = []
            _ = try LanguageModel(directory: directory.path) { fractions.append($0) }
            #expect(fractions == fractions.sorted() && fractions.last == 1)
            #expect((fractions.first ?? 0) > 0 && fractions.count >= tensors.count - (tied ? 1 : 0))
        }
    }

    @Test func loadingIsCancelled() async throws {
        let directory = try TemporaryDirectory()
        try TinyLlama().write(to: directory)
        let path = directory.path
        let error = await Task { () -> ModelError? in
            do throws(ModelError) {
                _ = try LanguageModel(directory: path) { _ in withUnsafeCurrentTask { $0?.cancel() } }
                return nil
            } catch { return error }
        }.value
        #expect(error == .cancelled)
    }

    @Test func instructionSetThatTheProcessorLacks() throws {
        let directory = try TemporaryDirectory()
        try TinyLlama().write(to: directory)
        for instructionSet in InstructionSet.allCases {
            if InstructionSet.available.contains(instructionSet) {
                let model = try LanguageModel(
                    directory: directory.path, options: LoadOptions(instructionSet: instructionSet))
                #expect(model.instructionSet == instructionSet)
            } else {
                #expect(throws: ModelError.instructionSet(.unavailable(instructionSet))) {
                    try LanguageModel(directory: directory.path, options: LoadOptions(instructionSet: instructionSet))
                }
            }
        }
    }

    /// Weights that are no numbers, or overflow, give logits that are none, and no trap.
    @Test(arguments: [Float.nan, .infinity, -.infinity, .greatestFiniteMagnitude])
    func weightsThatAreNoNumbers(value: Float) throws {
        let tiny = TinyLlama()
        for index in [0, 2, 3, 7] {
            var tensors = tiny.tensors()
            tensors[index] = TinyLlama.Tensor(
                name: tensors[index].name, shape: tensors[index].shape,
                values: tensors[index].values.enumerated().map { $0.offset % 5 == 0 ? value : $0.element })
            let directory = try TemporaryDirectory()
            try tiny.write(tensors, to: directory)
            let model = try LanguageModel(directory: directory.path)
            let options = SessionOptions(attention: .selfExtend(SelfExtend(groupSize: 2, neighborWindow: 4)))
            let logits = try allLogits(model, tokens, options)
            // A finite weight, however large, may be normalised away.
            #expect(value.isFinite || logits.contains { !$0.isFinite })
            var sampler = try ProbabilitySampler(topK: 5, topP: 0.5, minP: 0.1)
            let session = try Session(model: model)
            try session.prefill(tokens)
            #expect((0..<67).contains(sampler.sample(session.logits)))
        }
    }
}
