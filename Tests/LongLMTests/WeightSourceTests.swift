import LongLM
import ModelTwins
import Testing
import TestSupport

/// The engine takes weights from whatever holds them.
@Suite struct WeightSourceTests {
    private let tiny = TinyLlama()
    private let tokens = [5, 3, 66, 0, 17, 17, 42, 9, 1, 30, 61, 2, 8]

    private func load(_ source: MemorySource) throws -> LanguageModel {
        try LanguageModel(tiny.checkpoint(source))
    }

    /// The error of loading from a source.
    private func refusal(_ entries: [String: MemorySource.Entry]) throws -> ModelError? {
        let checkpoint = try tiny.checkpoint(MemorySource(entries))
        do throws(ModelError) {
            _ = try LanguageModel(checkpoint)
            return nil
        } catch { return error }
    }

    @Test func weightsInMemoryGiveTheBitsOfTheFile() throws {
        let source = MemorySource(tiny.entries)
        let model = try load(source)
        let expected = try loadModel(tiny)
        #expect(model.weightByteCount == expected.weightByteCount)
        #expect(bits(try allLogits(model, tokens)) == bits(try allLogits(expected, tokens)))
        // Every row was read once.
        #expect(source.readRowCounts == tiny.entries.mapValues { $0.shape[0] })
    }

    /// As quantised weights with their scales beside them are.
    @Test func tensorOfSeveralStoredOnes() throws {
        let name = "model.layers.1.mlp.up_proj.weight"
        var entries = tiny.entries
        let whole = try #require(entries[name])
        entries[name] = nil
        let cut = 30 * whole.shape[1]
        entries["upper"] = .init(shape: [30, whole.shape[1]], bytes: Array(whole.bytes[..<(cut * 4)]))
        entries["lower"] = .init(shape: [51, whole.shape[1]], bytes: Array(whole.bytes[(cut * 4)...]))
        let model = try load(MemorySource(entries, assembled: [name: ["upper", "lower"]]))
        #expect(bits(try allLogits(model, tokens)) == bits(try allLogits(loadModel(tiny), tokens)))
        // Parts that make no tensor of the model are in nobody's hands.
        #expect(
            try refusal(entries.merging([name: whole]) { $1 })
                == .checkpoint(.unexpectedTensor(file: "memory", tensor: "lower")))
    }

    /// A container may store Gemma's normalisations with the 1 that the model adds to them.
    @Test func numbersThatAreLarger() throws {
        let directory = Fixtures.path("reference/gemma")
        let file = try Checkpoint(directory: directory)
        var entries: [String: MemorySource.Entry] = [:]
        for name in file.tensorNames {
            let tensor = try file.tensor(name)
            let isNorm = tensor.info.shape.count == 1
            let floats = try tensor.floats().map { isNorm ? $0 + 1 : $0 }
            entries[name] = MemorySource.Entry(
                shape: tensor.info.shape, bytes: floats.flatMap(TinyLlama.Storage.float32.bytes),
                offset: isNorm ? 1 : 0)
        }
        let checkpoint = ModelCheckpoint(
            configuration: try ModelConfiguration(contentsOfFile: directory + "/config.json"), endTokens: [],
            source: MemorySource(entries), configurationHash: 0)
        #expect(
            bits(try allLogits(LanguageModel(checkpoint), tokens))
                == bits(try allLogits(LanguageModel(directory: directory), tokens)))
    }

    @Test func tensorsThatDoNotFit() throws {
        let name = "model.layers.0.self_attn.k_proj.weight"
        let whole = try #require(tiny.entries[name])
        var entries = tiny.entries
        entries[name] = nil
        #expect(try refusal(entries) == .checkpoint(.missingTensor(file: "memory", tensor: name)))
        entries[name] = .init(shape: [48, 24], bytes: whole.bytes)
        #expect(
            try refusal(entries)
                == .checkpoint(.wrongShape(file: "memory", tensor: name, expected: [24, 48], found: [48, 24])))
        entries[name] = .init(shape: [24, 48], format: nil, bytes: whole.bytes)
        #expect(
            try refusal(entries)
                == .checkpoint(.unsupportedTensorType(file: "memory", tensor: name, type: "words")))
        entries[name] = whole
        entries["extra"] = whole
        #expect(try refusal(entries) == .checkpoint(.unexpectedTensor(file: "memory", tensor: "extra")))
    }

    /// What a file claims is compared with what it has before anything is packed.
    @Test func matrixOfAnotherSizeThanItsShape() throws {
        let name = "model.layers.0.self_attn.k_proj.weight"
        let whole = try #require(tiny.entries[name])
        for bytes in [Array(whole.bytes.dropLast(4)), whole.bytes + [0], []] {
            var entries = tiny.entries
            entries[name] = .init(shape: whole.shape, bytes: bytes)
            let reason = "has \(bytes.count) bytes, but its shape implies \(whole.bytes.count)"
            #expect(
                try refusal(entries)
                    == .checkpoint(.malformedTensor(file: "memory", tensor: name, reason: reason)))
        }
    }

    @Test(arguments: ["model.layers.0.self_attn.k_proj.weight", "model.norm.weight"])
    func numbersThatCannotBeRead(name: String) throws {
        let checkpoint = try tiny.checkpoint(MemorySource(tiny.entries, unreadable: name))
        #expect(throws: ModelError.checkpoint(.missingTensor(file: "memory", tensor: name))) {
            try LanguageModel(checkpoint)
        }
    }
}
