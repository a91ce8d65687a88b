import GGUF

/// A GGUF file: its header, its metadata, and the bytes of every tensor.
enum GGUFTarget {
    static func run(_ input: [UInt8]) {
        do throws(GGUFError) {
            let checkpoint = try GGUFCheckpoint(path: Input.file(input, extension: "gguf"))
            for key in checkpoint.metadata.keys {
                guard let array = checkpoint.metadata[key]?.array else { continue }
                precondition(array.elements.count == array.count)
            }
            for tensor in checkpoint.tensors {
                try checkpoint.tensor(tensor.name).withUnsafeBytes { bytes in
                    precondition(bytes.count == tensor.byteCount)
                }
            }
        } catch {
            precondition(!error.description.isEmpty)
        }
    }
}
