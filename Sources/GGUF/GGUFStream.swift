internal import FileReading

/// A GGUF file that is written piece by piece, for tensors that are never in memory as a whole.
///
/// The file is written under a temporary name in the same folder and takes its place with ``finish()``. What isn't a regular
/// file, such as a pipe, is written to as it is.
public final class GGUFStream {
    private let path: String
    private let file: OutputFile
    /// The bytes of each tensor, the next one last.
    private var sizes: [Int]
    /// The bytes that the tensor at hand still lacks.
    private var missingByteCount = 0

    /// Begins a file.
    ///
    /// - Parameters:
    ///   - path: Where the file goes. It replaces a file that is there already.
    ///   - layout: What it consists of. The tensors' numbers are appended in its order.
    /// - Throws: ``GGUFError/unwritable(file:reason:)``.
    public init(path: String, _ layout: GGUFLayout) throws(GGUFError) {
        self.path = path
        sizes = layout.tensors.reversed().map(\.byteCount)
        do throws(FileError) {
            file = try OutputFile(path: path)
            try layout.header.withUnsafeBufferPointer { [file] (bytes) throws(FileError) in
                try file.write(UnsafeRawBufferPointer(bytes))
            }
        } catch { throw .unwritable(file: error.path, reason: error.reason) }
        startTensor()
    }

    /// Appends numbers, little-endian and row-major, all of one tensor. What the alignment needs after a tensor is added.
    ///
    /// - Throws: ``GGUFError/unwritable(file:reason:)``.
    public func append(_ bytes: UnsafeRawBufferPointer) throws(GGUFError) {
        precondition(bytes.count <= missingByteCount, "the tensor has no more numbers than its shape says")
        if bytes.isEmpty { return }
        missingByteCount -= bytes.count
        try write(bytes)
        guard missingByteCount == 0, let size = sizes.popLast() else { return }
        let padding = [UInt8](repeating: 0, count: GGUFLayout.padding(after: size))
        try padding.withUnsafeBufferPointer { (bytes) throws(GGUFError) in try write(UnsafeRawBufferPointer(bytes)) }
        startTensor()
    }

    /// Puts the file in its place. A stream that ends without this call leaves what was there.
    ///
    /// - Throws: ``GGUFError/unwritable(file:reason:)``.
    public func finish() throws(GGUFError) {
        precondition(sizes.isEmpty, "the tensors have as many numbers as their shapes say")
        do throws(FileError) {
            try file.finish()
        } catch { throw .unwritable(file: error.path, reason: error.reason) }
    }

    /// Goes on to the next tensor that has numbers.
    private func startTensor() {
        while sizes.last == 0 { sizes.removeLast() }
        missingByteCount = sizes.last ?? 0
    }

    private func write(_ bytes: UnsafeRawBufferPointer) throws(GGUFError) {
        do throws(FileError) {
            try file.write(bytes)
        } catch { throw .unwritable(file: error.path, reason: error.reason) }
    }
}
