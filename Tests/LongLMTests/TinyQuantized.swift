import Foundation
import GGUF
import LongLM
import SIMDKernels
import TestSupport

/// A tiny model in a GGUF file whose matrices are random blocks, and a file with the same numbers as 32-bit floats.
struct TinyQuantized {
    private let folder: TemporaryDirectory
    /// The quantised file.
    var path: String { folder.file("quantized.gguf") }
    /// The file of floats.
    var widenedPath: String { folder.file("widened.gguf") }

    /// Rows of one block of every format. Its last panels are partly empty.
    static var shape: TinyLlama {
        var tiny = TinyLlama()
        (tiny.hiddenSize, tiny.intermediateSize, tiny.layerCount) = (256, 256, 1)
        (tiny.queryHeadCount, tiny.keyValueHeadCount) = (4, 1)
        return tiny
    }

    /// Formats as in llama.cpp's mixtures: the more sensitive matrices have more bits, and some have all.
    static func mixture(_ name: String) -> WeightFormat {
        switch name {
        case "token_embd": .q80
        case "output", "blk.0.attn_v": .q6K
        case "blk.0.attn_q": .q4K
        case "blk.0.attn_k": .q50
        case "blk.0.attn_output": .iq4XS
        // A gate and what it gates, both quantised in the first layer.
        case "blk.0.ffn_gate": .q41
        case "blk.0.ffn_up": .q5K
        case "blk.1.ffn_gate": .float16
        case "blk.1.ffn_up": .q3K
        // Queries, keys and values that are quantised in part.
        case "blk.1.attn_k": .bfloat16
        case "blk.1.attn_v": .float32
        default: .q2K
        }
    }

    /// - Parameters:
    ///   - tiny: Its sizes.
    ///   - formats: The format of the matrix of a name, such as `blk.0.attn_q`.
    init(_ tiny: TinyLlama = shape, formats: (String) -> WeightFormat) throws {
        folder = try TemporaryDirectory()
        try tiny.write(to: folder)
        var writer = try GGUFConversion(directory: folder.path).writer
        var widened = writer
        var numbers: [String: [Float]] = [:]
        var generator = SeededGenerator(seed: 180)
        writer.replace { name, shape in
            guard shape.count == 2 else { return nil }
            let name = String(name.dropLast(".weight".count))
            let format = formats(name)
            let deviation = name == "token_embd" ? 1 : 1.5 / Float(shape[1]).squareRoot()
            let bytes =
                if let storage = TinyLlama.Storage(format) {
                    generator.floats(shape[0] * shape[1], deviation: deviation).flatMap {
                        storage.bytes(storage.rounded($0))
                    }
                } else {
                    format.randomRows(shape[0], columnCount: shape[1], deviation: deviation, using: &generator)
                }
            numbers[name] = format.widened(bytes, count: shape[0] * shape[1])
            return (GGUFTensorType(format), bytes)
        }
        widened.replace { name, _ in
            numbers[String(name.dropLast(".weight".count))].map { floats in
                (.float32, floats.flatMap(TinyLlama.Storage.float32.bytes))
            }
        }
        try folder.write(writer.bytes, to: "quantized.gguf")
        try folder.write(widened.bytes, to: "widened.gguf")
    }

    /// The model as it is stored, or with other options.
    func load(_ options: LoadOptions = LoadOptions()) throws -> LanguageModel {
        try LanguageModel(path: path, options: options)
    }

    /// The model of floats.
    func loadWidened(_ options: LoadOptions = LoadOptions()) throws -> LanguageModel {
        try LanguageModel(path: widenedPath, options: options)
    }
}

extension TinyLlama.Storage {
    /// The storage of a format; nil: its numbers are in blocks.
    fileprivate init?(_ format: WeightFormat) {
        switch format {
        case .float32: self = .float32
        case .bfloat16: self = .bfloat16
        case .float16: self = .float16
        default: return nil
        }
    }
}

extension GGUFTensorType {
    /// The type of a format's numbers.
    init(_ format: WeightFormat) {
        let name: String =
            switch format {
            case .float32: "F32"
            case .bfloat16: "BF16"
            case .float16: "F16"
            default: format.rawValue.uppercased()
            }
        guard let type = GGUFTensorType.allCases.first(where: { $0.name == name }) else {
            preconditionFailure("GGUF has a type of this name")
        }
        self = type
    }
}
