import Foundation
import LongLM
import LongLMEvaluation
import TestSupport
import Testing

@Suite struct PlanTests {
    private let directory: TemporaryDirectory

    /// A model whose matrices fill panels, so that nothing is padded.
    private func tiny(_ storage: TinyLlama.Storage = .float32) -> TinyLlama {
        var tiny = TinyLlama()
        tiny.hiddenSize = 64
        tiny.intermediateSize = 96
        tiny.vocabularySize = 96
        tiny.storage = storage
        return tiny
    }

    init() throws { directory = try TemporaryDirectory() }

    private func configuration(_ keys: [String: String]) throws -> ModelConfiguration {
        let json = jsonObject(TinyLlama().configuration.merging(keys) { $1 })
        return try ModelConfiguration(json: Data(json.utf8), file: "config.json")
    }

    @Test("The memory foretold is what a loaded model and a full session take", arguments: TinyLlama.Storage.allCases)
    func memory(storage: TinyLlama.Storage) throws {
        // Of sizes that leave the last panel of most matrices partly empty.
        var tiny = TinyLlama()
        tiny.storage = storage
        try tiny.write(to: directory)
        let model = try LanguageModel(directory: directory.path)
        for attention in [.plain, .selfExtend(SelfExtend(groupSize: 4, neighborWindow: 16))] as [AttentionMode] {
            for cacheFormat in [nil] + CacheFormat.allCases {
                let need = try MemoryNeed(
                    directory: directory.path, length: 700, attention: attention, cacheFormat: cacheFormat)
                let session = try Session(
                    model: model,
                    options: SessionOptions(attention: attention, capacity: 700, cacheFormat: cacheFormat))
                #expect(need.weightByteCount == model.weightByteCount)
                #expect(need.neighborRingByteCount == session.cacheByteCount)
                #expect((need.neighborRingByteCount == 0) == (attention == .plain))
                try session.prefill((0..<700).map { $0 % 67 })
                #expect(need.cacheByteCount + need.neighborRingByteCount == session.cacheByteCount)
                #expect(need.totalByteCount == model.weightByteCount + session.cacheByteCount)
            }
        }
    }

    @Test("The longest text that fits takes the memory that there is, and one of a segment more doesn't")
    func longestLength() throws {
        try TinyLlama().write(to: directory)
        let path = directory.path
        func choices(_ available: Int) throws -> [PlanChoice] {
            try PlanChoice.all(
                directory: path, length: 50, attention: .plain, trainedContext: 60_000, availableByteCount: available)
        }
        for choice in try choices(1 << 40) { #expect(choice.longestLength > 60_000) }
        for choice in try choices(0) { #expect(choice.longestLength == 0) }
        let weights = try MemoryNeed(directory: path, length: 0, attention: .plain).weightByteCount
        for choice in try choices(weights + 1_000_000) {
            func total(_ length: Int) throws -> Int {
                let plan = try SelfExtendPlan(length: length, trainedContext: 60_000)
                return try MemoryNeed(
                    directory: path, length: length, attention: plan.attention, weightFormat: choice.weightFormat,
                    cacheFormat: choice.cacheFormat
                ).totalByteCount
            }
            #expect(try total(choice.longestLength) <= weights + 1_000_000)
            #expect(try total(choice.longestLength + 1) > weights + 1_000_000)
        }
    }

    @Test("bfloat16 products store all matrices, keys and values in two bytes", arguments: TinyLlama.Storage.allCases)
    func narrowMemory(storage: TinyLlama.Storage) throws {
        let tiny = tiny(storage)
        try tiny.write(to: directory)
        func need(_ precision: Precision, _ cacheFormat: CacheFormat? = nil) throws -> MemoryNeed {
            try MemoryNeed(
                directory: directory.path, length: 700, attention: .plain, precision: precision,
                cacheFormat: cacheFormat)
        }
        let expected = tiny.tensors().reduce(0) { $0 + $1.values.count * ($1.shape.count == 1 ? 4 : 2) }
        #expect(try need(.bfloat16).weightByteCount == expected)
        #expect(try need(.bfloat16).cacheByteCount * 2 == need(.float32).cacheByteCount)
        #expect(try need(.bfloat16, .float32).cacheByteCount == need(.float32).cacheByteCount)
        #expect(try need(.bfloat16, .int8).cacheByteCount < need(.bfloat16).cacheByteCount)
    }

    @Test("Rounded weights are counted as they will be stored", arguments: WeightFormat.allCases)
    func roundedWeights(format: WeightFormat) throws {
        try tiny(.bfloat16).write(to: directory)
        func need(_ precision: Precision = .float32) throws -> Int {
            try MemoryNeed(
                directory: directory.path, length: 1, attention: .plain, precision: precision, weightFormat: format
            ).weightByteCount
        }
        guard format.roundsFloats else {
            #expect(throws: ModelError.self) { try need() }
            return
        }
        let model = try LanguageModel(directory: directory.path, options: LoadOptions(weightFormat: format))
        #expect(try need() == model.weightByteCount)
        #expect(try need(.int8) == model.weightByteCount)
        // Matrices of 64 and 96 columns are whole blocks, and nothing is padded.
        let expected = tiny().tensors().reduce(0) { sum, tensor in
            let isVocabulary = tensor.name.contains("embed_tokens") || tensor.name.contains("lm_head")
            let matrix = isVocabulary && format == .q40 ? WeightFormat.q80 : format
            let bytes = (tensor.shape.count == 1 ? .float32 : matrix).rowByteCount(columnCount: tensor.shape.last ?? 0)
            return sum + bytes * (tensor.shape.count == 1 ? 1 : tensor.shape[0])
        }
        #expect(try need() == expected)
    }

    @Test func tiedCopyIsNotCounted() throws {
        var tied = tiny()
        tied.tiesEmbeddings = true
        var tensors = tied.tensors()
        try tied.write(tensors, to: directory)
        func weights() throws -> Int {
            try MemoryNeed(directory: directory.path, length: 1, attention: .plain).weightByteCount
        }
        let without = try weights()
        tensors.append(
            TinyLlama.Tensor(
                name: "lm_head.weight", shape: [96, 64], values: Array(repeating: 1, count: 96 * 64)))
        try tied.write(tensors, to: directory)
        #expect(try weights() == without)
    }

    @Test("A model that can't be loaded has no need that could be told")
    func missingTensor() throws {
        let tiny = tiny()
        try tiny.write(tiny.tensors().dropLast(), to: directory)
        #expect(
            throws: ModelError.checkpoint(.missingTensor(file: directory.path, tensor: "lm_head.weight"))
        ) { try MemoryNeed(directory: directory.path, length: 1, attention: .plain) }
    }

    @Test("Operations of sliding windows are fewer, until Self-Extend switches the windows off")
    func operationCounts() throws {
        let keys = ["model_type": #""mistral""#, "sliding_window": "16"]
        let full = try configuration([:])
        let sliding = try configuration(keys)
        let extended = AttentionMode.selfExtend(SelfExtend(groupSize: 4, neighborWindow: 16))
        #expect(sliding.operationCount(prefillOf: 16) == full.operationCount(prefillOf: 16))
        // Two layers; a query of 48 components sees 16 keys of the 17th to 100th instead of all before it.
        let missing = (17...100).reduce(0) { $0 + $1 - 16 }
        let difference = full.operationCount(prefillOf: 100) - sliding.operationCount(prefillOf: 100)
        #expect(difference == Double(2 * 4 * 48 * missing))
        #expect(
            sliding.operationCount(prefillOf: 100, attention: extended)
                == full.operationCount(prefillOf: 100, attention: extended))
        #expect(full.operationCount(prefillOf: 100, attention: extended) == full.operationCount(prefillOf: 100))
    }

    @Test func estimate() throws {
        try tiny().write(to: directory)
        let model = try LanguageModel(directory: directory.path)
        let extended = try AttentionMode.recommended(length: 400, trainedContext: 64)
        var done: [Double] = []
        let short = try PrefillEstimate(measuring: model, length: 400, attention: extended, threadCount: 1) {
            done.append($0)
        }
        #expect(short.length == 400 && short.measuredTokenCount == 400)
        #expect(short.measuredSeconds > 0 && short.seconds == short.measuredSeconds)
        #expect(done == [0.5, 1])
        let long = try PrefillEstimate(measuring: model, length: 3000, attention: .plain, threadCount: 1)
        #expect(long.measuredTokenCount == 1024)
        let ratio =
            model.configuration.operationCount(prefillOf: 3000) / model.configuration.operationCount(prefillOf: 1024)
        #expect(abs(long.seconds / long.measuredSeconds - ratio) < 1e-9 && ratio > 3)
    }

    @Test("A measurement can be cancelled")
    func cancellation() async throws {
        try tiny().write(to: directory)
        let model = try LanguageModel(directory: directory.path)
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try PrefillEstimate(measuring: model, length: 400, attention: .plain)
        }
        await #expect(throws: SessionError.cancelled(position: 0)) { try await task.value }
    }
}
