import Foundation
import LongLM
import ModelTwins
import Safetensors
import SIMDKernels
import Testing
import TestSupport

/// Checkpoints whose tensors are of different types: `up_proj` in bfloat16 beside a `gate_proj` in 32-bit floats, for instance.
@Suite struct MixedTypeTests {
    /// How many random checkpoints are tried.
    private static let count = ProcessInfo.processInfo.environment["LONGLM_FUZZ_COUNT"].flatMap { Int($0) } ?? 150

    private let folder: TemporaryDirectory
    private let tiny: TinyLlama
    private let tensors: [TinyLlama.Tensor]
    private let tokens: [Int]

    init() throws {
        folder = try TemporaryDirectory()
        var tiny = TinyLlama()
        // Whole groups of 32, so that weights may be rounded to integers, and numbers that all three types represent.
        (tiny.hiddenSize, tiny.intermediateSize) = (64, 96)
        self.tiny = tiny
        tensors = tiny.tensors().map { tensor in
            TinyLlama.Tensor(
                name: tensor.name, shape: tensor.shape, values: tensor.values.map { ($0 * 16).rounded() / 16 })
        }
        var generator = SeededGenerator(seed: 77)
        tokens = generator.tokens(9, below: tiny.vocabularySize)
    }

    /// Writes the model with a type for each tensor.
    private func write(_ type: (String) -> DType) throws {
        try folder.write(jsonObject(tiny.configuration), to: "config.json")
        var writer = SafetensorsWriter()
        for tensor in tensors {
            let dtype = type(tensor.name)
            let storage = TinyLlama.Storage.allCases.first { $0.dtype == dtype }
            // What no engine computes with holds any bytes.
            let bytes =
                storage.map { tensor.values.flatMap($0.bytes) }
                ?? [UInt8](repeating: 1, count: tensor.values.count * dtype.bitWidth / 8)
            try writer.add(tensor.name, dtype: dtype, shape: tensor.shape, bytes: bytes)
        }
        try writer.write(to: folder.file("model.safetensors"))
    }

    private func logits(_ options: LoadOptions = LoadOptions()) throws -> [UInt32] {
        let model = try LanguageModel(directory: folder.path, options: options)
        let session = try Session(model: model, options: SessionOptions(capacity: tokens.count + 1))
        var logits = try session.prefillAllLogits(tokens)
        try session.decode(tokens[0])
        logits += session.logits
        return logits.map(\.bitPattern)
    }

    /// Every mixture has the bits of the same numbers in 32-bit floats.
    @Test func sameNumbersSameBits() throws {
        try write { _ in .float32 }
        let expected = try logits()
        var generator = SeededGenerator(seed: 78)
        for name in tensors.map(\.name) {
            for dtype in [DType.bfloat16, .float16] {
                try write { $0 == name ? dtype : .float32 }
                #expect(try logits() == expected, "\(name) in \(dtype)")
            }
        }
        for _ in 0..<20 {
            let types = tensors.map {
                ($0.name, [DType.float32, .bfloat16, .float16].randomElement(using: &generator))
            }
            let named = Dictionary(uniqueKeysWithValues: types)
            try write { (named[$0] ?? nil) ?? .float32 }
            #expect(try logits() == expected, "\(named)")
        }
    }

    /// Any mixture, with any options, either runs or is refused with an error that names a tensor or an option.
    @Test func anyMixture() throws {
        var generator = SeededGenerator(seed: 79)
        let common: [DType] = [.float32, .bfloat16, .float16]
        let rare: [DType] = [.float64, .int64, .uint8, .int8, .bool, .int32]
        var (runCount, refusedCount) = (0, 0)
        for _ in 0..<Self.count {
            let rareness = Double.random(in: 0...0.1, using: &generator)
            var types: [String: DType] = [:]
            for tensor in tensors {
                let isRare = Double.random(in: 0..<1, using: &generator) < rareness
                types[tensor.name] = (isRare ? rare : common).randomElement(using: &generator)
            }
            try write { types[$0] ?? .float32 }
            let options = LoadOptions(
                precision: Precision.allCases.randomElement(using: &generator) ?? .float32,
                weightFormat: ([nil] + WeightFormat.allCases).randomElement(using: &generator) ?? nil)
            do {
                _ = try logits(options)
                runCount += 1
            } catch let error as ModelError {
                refusedCount += 1
                switch error {
                case .checkpoint(.unsupportedTensorType(_, let tensor, _)):
                    #expect(types[tensor].map { rare.contains($0) } == true)
                case .invalidOption, .unsupportedPrecision: break
                default: Issue.record("\(error)")
                }
            }
        }
        #expect(runCount > 0 && refusedCount > 0)
    }
}
