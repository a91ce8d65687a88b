import Safetensors

/// A file of tensors: its header, and the numbers of every tensor.
enum SafetensorsTarget {
    static func run(_ input: [UInt8]) {
        do throws(SafetensorsError) {
            let checkpoint = try Checkpoint(file: Input.file(input, extension: "safetensors"))
            for name in checkpoint.tensorNames {
                let tensor = try checkpoint.tensor(name)
                let bytes = try tensor.bytes()
                precondition(bytes.count == tensor.info.byteCount)
                // Each throws for types of the other kind.
                _ = try? tensor.floats()
                _ = try? tensor.integers()
            }
        } catch {
            precondition(!error.description.isEmpty)
        }
    }
}
