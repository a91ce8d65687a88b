import LongLM
import ModelTwins
import SIMDKernels
import Testing
import TestSupport

/// Models whose weights are quantised. Everything is compared with `==` on bit patterns.
@Suite("Models with quantised weights")
struct QuantizedModelTests {
    /// Those that GGUF files have.
    static let formats = WeightFormat.allCases.filter {
        ($0.isQuantized || $0 == .float16) && ![.affine4, .affine8, .float8].contains($0)
    }
    private static let fused = InstructionSet.available.filter(\.isFused)
    private static let mode = AttentionMode.selfExtend(SelfExtend(groupSize: 4, neighborWindow: 16))

    private let tokens: [Int]

    init() {
        var generator = SeededGenerator(seed: 181)
        tokens = generator.tokens(70, below: 67)
    }

    /// Compares all rows' logits with what is expected, over threads and chunks. (SameBitsTests has each with each.) Without an
    /// expectation, the first are it.
    private func check(
        _ model: LanguageModel, _ expected: inout Bits?,
        runs: [(threads: Int, chunk: Int)] = [(1, 70), (2, 64), (3, 7), (2, 1), (1, 1)],
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        for (threadCount, chunk) in runs {
            let options = SessionOptions(attention: Self.mode, threadCount: threadCount, capacity: tokens.count)
            let found = bits(try chunkedLogits(model, tokens, chunk: chunk, options))
            #expect(
                found == expected ?? found, "\(model.instructionSet), \(threadCount) threads, chunks of \(chunk)",
                sourceLocation: sourceLocation)
            expected = expected ?? found
        }
    }

    private func logits(_ model: LanguageModel) throws -> [Float] {
        try allLogits(model, tokens, SessionOptions(attention: Self.mode, threadCount: 2, capacity: tokens.count))
    }

    // MARK: Exact arithmetic

    @Test("Logits are those of the same numbers in 32-bit floats", arguments: formats)
    func exact(_ format: WeightFormat) throws {
        let tiny = try TinyQuantized { _ in format }
        try checkExact(tiny)
        // An embedding that also projects onto the vocabulary.
        var tied = TinyQuantized.shape
        tied.tiesEmbeddings = true
        let shared = try TinyQuantized(tied) { _ in format }
        #expect(try bits(logits(shared.load())) == bits(logits(shared.loadWidened())))
        // The file's bytes are what is in memory, but for padded rows and vectors.
        let ratio = try Double(tiny.load().weightByteCount) / Double(tiny.loadWidened().weightByteCount)
        #expect(abs(ratio - Double(format.rowByteCount(columnCount: 256)) / 1024) < 0.005)
    }

    @Test("Logits of a mixture of formats are those of the same numbers in 32-bit floats")
    func exactMixture() throws {
        var tiny = TinyQuantized.shape
        tiny.layerCount = 2
        try checkExact(TinyQuantized(tiny, formats: TinyQuantized.mixture))
    }

    private func checkExact(_ tiny: TinyQuantized) throws {
        var expected: Bits? = bits(try logits(tiny.loadWidened()))
        for instructionSet in InstructionSet.availableForFloats where instructionSet.isFused {
            try check(tiny.load(LoadOptions(instructionSet: instructionSet)), &expected)
        }
        // Without fused multiply-adds, the bits are others, and the same as of floats again.
        for instructionSet in InstructionSet.available where !instructionSet.isFused {
            let options = LoadOptions(instructionSet: instructionSet)
            var expected: Bits? = bits(try logits(tiny.loadWidened(options)))
            try check(tiny.load(options), &expected, runs: [(3, 7), (3, 70)])
        }
        // Other numbers would show.
        #expect(try bits(logits(tiny.load(LoadOptions(weightFormat: .bfloat16)))) != expected)
    }

    // MARK: int8

    @Test("In int8, logits have the same bits for all threads, chunks and instruction sets", arguments: formats)
    func int8(_ format: WeightFormat) throws {
        try checkInt8(TinyQuantized { _ in format }, isQuantized: format.isQuantized)
    }

    @Test("In int8, logits of a mixture of formats have the same bits everywhere")
    func int8Mixture() throws {
        var tiny = TinyQuantized.shape
        tiny.layerCount = 2
        try checkInt8(TinyQuantized(tiny, formats: TinyQuantized.mixture))
    }

    private func checkInt8(_ tiny: TinyQuantized, isQuantized: Bool = true) throws {
        var expected: Bits?
        for instructionSet in Self.fused {
            let model = try tiny.load(LoadOptions(precision: .int8, instructionSet: instructionSet))
            #expect(model.precision == .int8)
            try check(model, &expected)
        }
        guard !Self.fused.isEmpty else { return }
        let exact = try logits(tiny.load())
        let found = try logits(tiny.load(LoadOptions(precision: .int8)))
        #expect(bits(found) == expected)
        // Without quantised weights, the mode changes nothing.
        #expect((bits(found) == bits(exact)) != isQuantized)
        // An input is off by up to 1/254 of its group's greatest number, at each of six products of a layer.
        let mean = meanDifference(found, exact) / deviation(exact.map(Double.init))
        #expect(mean < 0.1 && (mean > 1e-3 || !isQuantized))
    }

    @Test("Weights that are not quantised stay exact in int8")
    func int8WithoutQuantizedWeights() throws {
        let exact = try loadModel()
        let model = try loadModel(precision: .int8)
        let tokens = Array(tokens.prefix(60))
        #expect(bits(try allLogits(model, tokens)) == bits(try allLogits(exact, tokens)))
    }

    @Test("A session that is saved goes on in a model of the same file, precision and format only")
    func fingerprints() throws {
        let tiny = try TinyQuantized(formats: TinyQuantized.mixture)
        let options = [
            LoadOptions(), LoadOptions(precision: .int8), LoadOptions(weightFormat: .q40),
            LoadOptions(weightFormat: .q80), LoadOptions(weightFormat: .bfloat16), LoadOptions(weightFormat: .float32),
        ]
        let first = try options.map { try tiny.load($0).fingerprint }
        #expect(Set(first).count == options.count)
        #expect(try options.map { try tiny.load($0).fingerprint } == first)
    }

    /// llama.cpp stores vectors as floats; a file may hold blocks all the same.
    @Test(arguments: formats.filter(\.isQuantized)) func vectorsOfBlocks(format: WeightFormat) throws {
        let folder = try TemporaryDirectory()
        try TinyQuantized.shape.write(to: folder)
        var writer = try GGUFConversion(directory: folder.path).writer
        var widened = writer
        var numbers: [String: [Float]] = [:]
        var generator = SeededGenerator(seed: 181)
        writer.replace { name, shape in
            guard shape == [256] else { return nil }
            let bytes = format.randomRows(1, columnCount: 256, deviation: 1, using: &generator)
            numbers[name] = format.widened(bytes, count: 256)
            return (GGUFTensorType(format), bytes)
        }
        widened.replace { name, _ in
            numbers[name].map { (.float32, $0.flatMap(TinyLlama.Storage.float32.bytes)) }
        }
        #expect(numbers.count >= 3)
        let model = try LanguageModel(path: folder.write(writer.bytes, to: "blocks.gguf"))
        let expected = try LanguageModel(path: folder.write(widened.bytes, to: "floats.gguf"))
        var tokens = SeededGenerator(seed: 3)
        let prompt = tokens.tokens(20, below: model.configuration.vocabularySize)
        #expect(try bits(allLogits(model, prompt)) == bits(allLogits(expected, prompt)))
    }
}

/// Models whose matrices are stored in another format than the checkpoint's.
@Suite("Formats of weights")
struct WeightFormatTests {
    private let tokens = [5, 3, 66, 0, 17, 17, 42, 9, 1, 30, 61, 2, 8]

    private func logits(_ model: LanguageModel) throws -> Bits { bits(try allLogits(model, tokens)) }

    /// A matrix's numbers, rounded to a format.
    private func rounded(_ tensor: TinyLlama.Tensor, to format: WeightFormat) -> [Float] {
        let (rowCount, columnCount) = (tensor.shape[0], tensor.shape[1])
        let matrix = tensor.values.withUnsafeBytes {
            PackedMatrix(
                packing: $0, format: .float32, storedFormat: format, rowCount: rowCount, columnCount: columnCount)
        }
        return (0..<rowCount).flatMap { row in
            [Float](unsafeUninitializedCapacity: columnCount) { buffer, count in
                guard let start = buffer.baseAddress else { return }
                matrix.copyRow(row, to: start)
                count = columnCount
            }
        }
    }

    @Test(
        "Rounded weights give the logits of a checkpoint with the rounded numbers",
        arguments: [WeightFormat.q80, .q40, .bfloat16], TinyLlama.Storage.allCases)
    func rounding(_ format: WeightFormat, _ storage: TinyLlama.Storage) throws {
        // Rows of the projection back from 81 columns aren't whole blocks of 32.
        var tiny = TinyLlama()
        (tiny.hiddenSize, tiny.storage) = (64, storage)
        let directory = try TemporaryDirectory()
        try tiny.write(to: directory)
        let options = LoadOptions(weightFormat: format)
        let plan = try ModelCheckpoint(path: directory.path).weightPlan(options)
        // The embedding and the projection onto the vocabulary aren't rounded to 4 bits.
        func rounding(_ name: String) -> WeightFormat {
            let isVocabulary = name.contains("embed_tokens") || name.contains("lm_head")
            return isVocabulary && format == .q40 ? .q80 : format
        }
        for entry in plan.entries {
            let isMatrix = entry.tensor.shape.count == 2
            let isWhole = isMatrix && entry.tensor.shape[1] % format.columnMultiple == 0
            #expect(entry.format == (isWhole ? rounding(entry.tensor.name) : isMatrix ? entry.tensor.format : .float32))
        }
        #expect(plan.entries.contains { $0.tensor.shape == [64, 81] })
        let model = try LanguageModel(directory: directory.path, options: options)
        #expect(model.weightByteCount == plan.byteCount)

        let numbers = tiny.tensors().map { tensor in
            let isWhole = tensor.shape.count == 2 && tensor.shape[1] % format.columnMultiple == 0
            return TinyLlama.Tensor(
                name: tensor.name, shape: tensor.shape,
                values: isWhole ? rounded(tensor, to: rounding(tensor.name)) : tensor.values)
        }
        var exact = tiny
        exact.storage = .float32
        let roundedDirectory = try TemporaryDirectory()
        try exact.write(numbers, to: roundedDirectory)
        let expected = try logits(LanguageModel(directory: roundedDirectory.path))
        #expect(try logits(model) == expected)
        let changes = storage != .bfloat16 || format != .bfloat16
        #expect(try (logits(LanguageModel(directory: directory.path)) != expected) == changes)
    }

    @Test("Quantised weights are widened or rounded as their numbers are", arguments: [true, false])
    func conversions(isMixture: Bool) throws {
        let tiny = try TinyQuantized { isMixture ? TinyQuantized.mixture($0) : .q4K }
        for format in WeightFormat.allCases where format.roundsFloats {
            // A matrix that is stored so stays as it is, and its numbers needn't be what rounding makes of them. With 4
            // bits, so does a quantised vocabulary.
            if isMixture && format == .q80 || format == .q40 { continue }
            let options = LoadOptions(weightFormat: format)
            let model = try tiny.load(options)
            let widened = try tiny.loadWidened(options)
            #expect(model.weightByteCount == widened.weightByteCount)
            #expect(try logits(model) == logits(widened))
            #expect(try (logits(model) == logits(tiny.load())) == (format == .float32))
        }
    }

    @Test("A quantised vocabulary isn't rounded to 4 bits, and nothing else stays")
    func quantizedVocabulary() throws {
        let tiny = try TinyQuantized { TinyQuantized.mixture($0) }
        let options = LoadOptions(weightFormat: .q40)
        let plan = try ModelCheckpoint(path: tiny.path).weightPlan(options)
        var vocabularies: [WeightFormat] = []
        for entry in plan.entries where entry.tensor.shape.count == 2 {
            let isVocabulary = entry.tensor.name.contains("embed_tokens") || entry.tensor.name.contains("lm_head")
            if isVocabulary { vocabularies.append(entry.format) }
            #expect(entry.format == (isVocabulary ? entry.tensor.format : .q40), "\(entry.tensor.name)")
        }
        #expect(!vocabularies.isEmpty && vocabularies.allSatisfy { $0.isQuantized && $0 != .q40 })
        #expect(try tiny.load(options).weightByteCount == plan.byteCount)
    }

    @Test("Formats that floats can't be rounded to are refused", arguments: WeightFormat.allCases)
    func refusals(_ format: WeightFormat) throws {
        let checkpoint = try ModelCheckpoint(path: Fixtures.path("reference/llama"))
        let options = LoadOptions(weightFormat: format)
        if format.roundsFloats {
            #expect(try checkpoint.weightPlan(options).byteCount > 0)
            return
        }
        let expected = ModelError.invalidOption(
            InvalidOption(
                "weight format", format.rawValue, allowed: "one of float32, bfloat16, q4_0, q8_0"))
        #expect(throws: expected) { try LanguageModel(checkpoint, options: options) }
        #expect(throws: expected) { try checkpoint.weightPlan(options) }
        #expect("\(expected)".contains(format.rawValue))
    }

    @Test("bfloat16 products store bfloat16, whatever format is asked for")
    func bfloat16Products() throws {
        let checkpoint = try ModelCheckpoint(path: Fixtures.path("reference/llama"))
        let plan = try checkpoint.weightPlan(LoadOptions(precision: .bfloat16, weightFormat: .q40))
        #expect(plan.entries.allSatisfy { $0.format == ($0.tensor.shape.count == 2 ? .bfloat16 : .float32) })
    }
}
