import Foundation
import Safetensors

/// A tiny model whose matrices are quantised in some form, as safetensors, and a checkpoint of the same numbers as 32-bit
/// floats.
package struct QuantizedSafetensors {
    private let folder: TemporaryDirectory
    /// The stored tensors of the quantised checkpoint.
    package private(set) var parts: [QuantizedLayout.Part] = []
    /// The numbers of all tensors.
    package private(set) var tensors: [TinyLlama.Tensor] = []
    private var members: [String: String]

    /// The directory of the quantised checkpoint.
    package var path: String { folder.file("quantized") }
    /// The directory of the checkpoint of floats.
    package var widenedPath: String { folder.file("widened") }

    /// Whole groups of 128, and of 64 in the feed-forward block.
    package static var shape: TinyLlama {
        var tiny = TinyLlama()
        (tiny.hiddenSize, tiny.intermediateSize, tiny.layerCount) = (128, 256, 1)
        return tiny
    }

    package init(_ layout: QuantizedLayout, _ tiny: TinyLlama = shape, seed: UInt64 = 190) throws {
        folder = try TemporaryDirectory()
        members = tiny.configuration.merging(layout.configuration) { $1 }
        var generator = SeededGenerator(seed: seed)
        for tensor in tiny.tensors() {
            let isVocabulary = tensor.name.contains("embed_tokens") || tensor.name.contains("lm_head")
            if tensor.shape.count == 2, layout.quantizesVocabulary || !isVocabulary {
                let module = String(tensor.name.dropLast(".weight".count))
                let (parts, values) = layout.pack(module, tensor.shape[0], tensor.shape[1], &generator)
                self.parts += parts
                tensors.append(TinyLlama.Tensor(name: tensor.name, shape: tensor.shape, values: values))
            } else {
                parts.append(
                    .init(tensor.name, .float32, tensor.shape, tensor.values.flatMap(TinyLlama.Storage.float32.bytes)))
                tensors.append(tensor)
            }
        }
        for name in ["quantized", "widened"] {
            try FileManager.default.createDirectory(atPath: folder.file(name), withIntermediateDirectories: true)
        }
        for (name, text) in layout.files { try folder.write(text, to: "quantized/" + name) }
        try write(parts)
        try folder.write(jsonObject(tiny.configuration), to: "widened/config.json")
        var writer = SafetensorsWriter()
        for tensor in tensors {
            try writer.add(
                tensor.name, dtype: .float32, shape: tensor.shape,
                bytes: tensor.values.flatMap(TinyLlama.Storage.float32.bytes))
        }
        try writer.write(to: widenedPath + "/model.safetensors")
    }

    /// Writes other parts to the quantised checkpoint, or other members of config.json.
    package func write(_ parts: [QuantizedLayout.Part], _ others: [String: String] = [:]) throws {
        try folder.write(jsonObject(members.merging(others) { $1 }), to: "quantized/config.json")
        var writer = SafetensorsWriter()
        for part in parts { try writer.add(part.name, dtype: part.dtype, shape: part.shape, bytes: part.bytes) }
        try writer.write(to: path + "/model.safetensors")
    }

    /// Writes a file of the quantised checkpoint.
    package func write(_ bytes: [UInt8], to name: String) throws { try folder.write(bytes, to: "quantized/" + name) }
}
