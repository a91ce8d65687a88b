import LongLM
import ModelTwins
import SIMDKernels
import Testing
import TestSupport

private let settings: [SelfExtend?] = [
    nil, SelfExtend(groupSize: 4, neighborWindow: 16),
    SelfExtend(groupSize: 3, neighborWindow: 50, shift: .fractional, queryScaleBase: 48),
]

private func tokens(_ count: Int, _ tiny: TinyLlama) -> [Int] {
    var generator = SeededGenerator(seed: 81)
    return generator.tokens(count, below: tiny.vocabularySize)
}

/// All rows' logits over threads and chunks, which have the same bits, or an issue is recorded.
private func sameLogits(
    _ model: LanguageModel, _ tokens: [Int], _ options: SessionOptions, threads: [Int] = [1, 2, 3],
    chunks: [Int] = [1, 7, 64], sourceLocation: SourceLocation = #_sourceLocation
) throws -> [Float] {
    var options = options
    options.capacity = tokens.count
    var expected: [Float]?
    for threadCount in threads {
        options.threadCount = threadCount
        for chunk in [tokens.count] + chunks {
            let found = try chunkedLogits(model, tokens, chunk: chunk, options)
            #expect(
                bits(found) == bits(expected ?? found),
                "\(model.instructionSet), \(threadCount) threads, chunks of \(chunk)", sourceLocation: sourceLocation)
            expected = expected ?? found
        }
    }
    return try #require(expected, sourceLocation: sourceLocation)
}

@Suite("Models in bfloat16 products", .enabled(if: InstructionSet.avx512.hasBFloat16Products))
struct BFloat16ModelTests {
    @Test(
        "The same bits for threads and chunks, near the float32 model's",
        arguments: [Shape.grouped, .tiedMultiHead, .statedHeadDimension, .multiQuery, .bfloat16], settings)
    func logits(shape: Shape, selfExtend: SelfExtend?) throws {
        let tokens = tokens(150, shape.tiny)
        let model = try loadModel(shape.tiny, precision: .bfloat16, instructionSet: .avx512)
        #expect(model.precision == .bfloat16)
        let found = try sameLogits(model, tokens, SessionOptions(attention: AttentionMode(selfExtend)))
        let exact = try allLogits(
            try loadModel(shape.tiny), tokens, SessionOptions(attention: AttentionMode(selfExtend), capacity: 150))
        #expect(bits(found) != bits(exact))
        // A rounding to bfloat16 is off by up to 2⁻⁹, about 10⁻³ in the mean. Some ten of them follow each other on the
        // way through a layer (weights, inputs of products, queries, keys and values), and these models, whose weights
        // are drawn wide, have two or three layers that amplify what comes in: so one or two per cent of the logits'
        // deviation in the mean, and some times that for the worst of ten thousand.
        let unit = deviation(exact.map { Double($0) })
        let mean = meanDifference(found, exact) / unit
        #expect(mean > 1e-3 && mean < 0.03)
        #expect(greatestDifference(found, exact.map { Double($0) }) / unit < 0.3)
        // Other settings of Self-Extend are much farther away.
        for other in settings where other != selfExtend {
            let options = SessionOptions(attention: AttentionMode(other), capacity: 150)
            #expect(meanDifference(found, try allLogits(try loadModel(shape.tiny), tokens, options)) / unit > 0.1)
        }
    }

    /// A text that crosses steps of 512 rows and segments of 512 positions: workers own rows of the long chunks, and
    /// the short ones are shared out.
    @Test("Long texts have the same bits", arguments: settings)
    func longTexts(selfExtend: SelfExtend?) throws {
        var tiny = TinyLlama()
        (tiny.hiddenSize, tiny.layerCount, tiny.queryHeadCount) = (32, 1, 8)
        let tokens = tokens(1_100, tiny)
        let model = try loadModel(tiny, precision: .bfloat16, instructionSet: .avx512)
        let found = try sameLogits(
            model, tokens, SessionOptions(attention: AttentionMode(selfExtend)), threads: [1, 2, 3], chunks: [333, 64])
        let session = try Session(
            model: model,
            options: SessionOptions(attention: AttentionMode(selfExtend), threadCount: 2, capacity: 1_100))
        var decoded = try session.prefillAllLogits(Array(tokens[..<1_001]))
        for token in tokens[1_001...] {
            try session.decode(token)
            decoded += session.logits
        }
        #expect(bits(decoded) == bits(found))
    }

    /// Without a word about it the cache is bfloat16 as well; one of floats keeps attention in 32-bit arithmetic.
    @Test("The cache's type can be chosen", arguments: settings)
    func cacheFormats(selfExtend: SelfExtend?) throws {
        let tokens = tokens(150, TinyLlama())
        let model = try loadModel(precision: .bfloat16, instructionSet: .avx512)
        let logits = try [nil, CacheFormat.bfloat16, .float32].map { cacheFormat in
            let options = SessionOptions(
                attention: AttentionMode(selfExtend), capacity: 150, cacheFormat: cacheFormat)
            #expect(try Session(model: model, options: options).cacheFormat == cacheFormat ?? .bfloat16)
            return try sameLogits(model, tokens, options)
        }
        #expect(bits(logits[0]) == bits(logits[1]))
        #expect(bits(logits[0]) != bits(logits[2]))
    }

    @Test("Weights take half the memory of floats")
    func weightBytes() throws {
        let wide = try loadModel()
        let narrow = try loadModel(precision: .bfloat16, instructionSet: .avx512)
        // Norms stay floats, and odd rows (81 columns) have a number more.
        let ratio = Double(narrow.weightByteCount) / Double(wide.weightByteCount)
        #expect(ratio > 0.5 && ratio < 0.53)
    }
}

@Suite("Options of models")
struct LoadOptionTests {
    private func refusal(_ options: LoadOptions) throws -> ModelError? {
        let directory = try TemporaryDirectory()
        try TinyLlama().write(to: directory)
        do throws(ModelError) {
            _ = try LanguageModel(directory: directory.path, options: options)
            return nil
        } catch { return error }
    }

    /// Of all instruction sets only AVX-512, with or without integer products, may come with bfloat16 products.
    @Test("Products that the instruction set lacks are refused", arguments: InstructionSet.available)
    func unsupportedPrecision(_ instructionSet: InstructionSet) throws {
        let options = LoadOptions(precision: .bfloat16, instructionSet: instructionSet)
        let expected = ModelError.unsupportedPrecision(.bfloat16, on: instructionSet)
        #expect(try refusal(options) == (instructionSet.hasBFloat16Products ? nil : expected))
        if ![.avx512, .avx512VNNI].contains(instructionSet) { #expect(!instructionSet.hasBFloat16Products) }
        #expect("\(expected)".contains("bfloat16") && "\(expected)".contains(instructionSet.rawValue))
        #expect(try refusal(LoadOptions(instructionSet: instructionSet)) == nil)
    }

    @Test("Instruction sets that the processor lacks are refused")
    func missingInstructionSet() throws {
        for instructionSet in InstructionSet.allCases where !InstructionSet.available.contains(instructionSet) {
            #expect(
                try refusal(LoadOptions(instructionSet: instructionSet))
                    == .instructionSet(.unavailable(instructionSet)))
        }
    }

    @Test("Thread counts out of range are refused", arguments: [0, -1, 1025, Int.max, Int.min])
    func threadCounts(_ threadCount: Int) throws {
        #expect(
            try refusal(LoadOptions(threadCount: threadCount))
                == .invalidOption(InvalidOption("number of threads", threadCount, allowed: "between 1 and 1024")))
    }

    @Test("The number of threads that load shows in no bit", arguments: [Precision.float32, .bfloat16])
    func loadingThreads(_ precision: Precision) throws {
        let instructionSet = try InstructionSet.preferred()
        if precision == .bfloat16 && !instructionSet.hasBFloat16Products { return }
        var tiny = TinyLlama()
        tiny.vocabularySize = 300
        let directory = try TemporaryDirectory()
        try tiny.write(to: directory)
        let tokens = tokens(20, tiny)
        let logits = try [1, 2, 3].map { threadCount in
            let options = LoadOptions(precision: precision, threadCount: threadCount)
            return bits(try allLogits(try LanguageModel(directory: directory.path, options: options), tokens))
        }
        #expect(logits.allSatisfy { $0 == logits[0] })
    }
}

@Suite("Sessions with a bfloat16 cache")
struct BFloat16CacheTests {
    private static let fused = InstructionSet.available.filter(\.isFused)

    @Test("The same bits for threads, chunks and instruction sets", arguments: [Shape.grouped, .bfloat16], settings)
    func sameBits(shape: Shape, selfExtend: SelfExtend?) throws {
        let tokens = tokens(150, shape.tiny)
        let options = SessionOptions(attention: AttentionMode(selfExtend), capacity: 150, cacheFormat: .bfloat16)
        var expected: [Float]?
        for instructionSet in Self.fused {
            let model = try loadModel(shape.tiny, instructionSet: instructionSet)
            let found = try sameLogits(model, tokens, options)
            #expect(bits(found) == bits(expected ?? found), "\(instructionSet)")
            expected = expected ?? found
        }
        let found = try #require(expected)
        let exact = try allLogits(
            try loadModel(shape.tiny), tokens, SessionOptions(attention: AttentionMode(selfExtend), capacity: 150))
        #expect(bits(found) != bits(exact))
        // Only keys and values are rounded, by 2⁻⁹ at most and 10⁻³ in the mean, once in each layer; see
        // above for what the layers make of it.
        let unit = deviation(exact.map { Double($0) })
        let mean = meanDifference(found, exact) / unit
        #expect(mean > 1e-4 && mean < 0.015)
        // The first token attends to itself alone: its value is rounded, its key doesn't matter.
        #expect(greatestDifference(Array(found[..<67]), exact[..<67].map { Double($0) }) < 0.05 * unit)
    }

    /// The baseline without fused multiply-adds has bits of its own, for all threads and chunks.
    @Test("The baseline keeps its bits", arguments: settings)
    func baseline(selfExtend: SelfExtend?) throws {
        let options = SessionOptions(attention: AttentionMode(selfExtend), cacheFormat: .bfloat16)
        _ = try sameLogits(try loadModel(instructionSet: .baseline), tokens(150, TinyLlama()), options)
    }

    /// Around one segment and two, with and without a ring of neighbor keys.
    @Test("The cache takes half the memory, as the configuration says", arguments: [nil, 16, 50])
    func byteCounts(neighborWindow: Int?) throws {
        let model = try loadModel()
        let selfExtend = neighborWindow.map { SelfExtend(groupSize: 4, neighborWindow: $0) }
        for length in [1, 2, 700, 1_024, 1_025, 1_500] {
            let bytes = try [CacheFormat.float32, .bfloat16].map { cacheFormat in
                let session = try Session(
                    model: model,
                    options: SessionOptions(
                        attention: AttentionMode(selfExtend), capacity: length, cacheFormat: cacheFormat))
                try session.prefill(tokens(length, TinyLlama()))
                let expected = model.configuration.cacheByteCount(
                    length: length, neighborWindow: neighborWindow, cacheFormat: cacheFormat)
                #expect(session.cacheByteCount == expected, "\(length) positions")
                return session.cacheByteCount
            }
            #expect(bytes[0] == 2 * bytes[1] && bytes[1] > 0, "\(length) positions")
        }
    }
}
