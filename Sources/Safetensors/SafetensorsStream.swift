internal import FileReading

/// A safetensors file that is written piece by piece, for tensors that are never in memory as a whole.
///
///     let stream = try SafetensorsStream(path: path, tensors: [("logits", .float32, [rowCount, columnCount])])
///     for row in rows { try row.withUnsafeBytes { try stream.append($0) } }
///     try stream.finish()
///
/// The file is written under a temporary name in the same folder and takes its place with ``finish()``. What isn't a regular
/// file, such as a pipe, is written to as it is.
public final class SafetensorsStream {
    private let path: String
    private let file: OutputFile
    /// The bytes that the tensors still lack.
    private var missingByteCount: Int

    /// Begins a file.
    ///
    /// - Parameters:
    ///   - path: Where the file goes. It replaces a file that is there already.
    ///   - tensors: The tensors in any order. Their numbers are appended by the file's order: the widest numbers first, and by
    ///     name among equals.
    ///   - metadata: The file's own remarks (`__metadata__`).
    /// - Throws: ``SafetensorsError`` when a name occurs twice, a shape has no size, or the file can't be written.
    public convenience init(
        path: String, tensors: [(name: String, dtype: DType, shape: [Int])], metadata: [String: String] = [:]
    ) throws(SafetensorsError) {
        var names: Set<ByteName> = [ByteName("__metadata__")]
        var written: [WrittenTensor] = []
        for tensor in tensors {
            guard names.insert(ByteName(tensor.name)).inserted else { throw .invalidName(tensor: tensor.name) }
            written.append(try WrittenTensor(name: tensor.name, dtype: tensor.dtype, shape: tensor.shape))
        }
        try self.init(path: path, written.sorted { $0.precedes($1) }, metadata: metadata)
    }

    /// - Parameter tensors: In the file's order.
    init(path: String, _ tensors: [WrittenTensor], metadata: [String: String]) throws(SafetensorsError) {
        let header = headerBytes(tensors, metadata)
        guard header.count <= SafetensorsHeader.largestByteCount else {
            throw .headerTooLarge(file: path, byteCount: UInt64(header.count))
        }
        self.path = path
        missingByteCount = 8 + header.count + tensors.reduce(0) { $0 + $1.byteCount }
        do throws(FileError) {
            file = try OutputFile(path: path)
        } catch { throw .unwritable(file: error.path, reason: error.reason) }
        let beginning = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) } + header
        try beginning.withUnsafeBufferPointer { (bytes) throws(SafetensorsError) in
            try append(UnsafeRawBufferPointer(bytes))
        }
    }

    /// Appends numbers, little-endian and row-major. They may end within a tensor or go on with the next one.
    ///
    /// - Throws: ``SafetensorsError/unwritable(file:reason:)``.
    public func append(_ bytes: UnsafeRawBufferPointer) throws(SafetensorsError) {
        precondition(bytes.count <= missingByteCount, "the tensors have no more numbers than their shapes say")
        missingByteCount -= bytes.count
        do throws(FileError) {
            try file.write(bytes)
        } catch { throw .unwritable(file: error.path, reason: error.reason) }
    }

    /// Puts the file in its place. A stream that ends without this call leaves what was there.
    ///
    /// - Throws: ``SafetensorsError/unwritable(file:reason:)``.
    public func finish() throws(SafetensorsError) {
        precondition(missingByteCount == 0, "the tensors have as many numbers as their shapes say")
        do throws(FileError) {
            try file.finish()
        } catch { throw .unwritable(file: error.path, reason: error.reason) }
    }
}

/// A tensor of a file that is being written.
struct WrittenTensor {
    let name: String
    let dtype: DType
    let shape: [Int]
    let byteCount: Int

    init(name: String, dtype: DType, shape: [Int]) throws(SafetensorsError) {
        guard !shape.contains(where: { $0 < 0 }), let bits = TensorInfo.bitCount(dtype: dtype, shape: shape),
            bits % 8 == 0
        else { throw .invalidShape(tensor: name, dtype: dtype, shape: shape) }
        self.name = name
        self.dtype = dtype
        self.shape = shape
        byteCount = bits / 8
    }

    /// Whether it lies before another one: the widest numbers first, and by name among equals.
    func precedes(_ other: WrittenTensor) -> Bool {
        dtype.bitWidth != other.dtype.bitWidth
            ? dtype.bitWidth > other.dtype.bitWidth : name.utf8.lexicographicallyPrecedes(other.name.utf8)
    }
}

/// The JSON of the header, filled up to a multiple of 8 bytes.
private func headerBytes(_ tensors: [WrittenTensor], _ metadata: [String: String]) -> [UInt8] {
    var header = [UInt8(ascii: "{")]
    var separator = ""
    if !metadata.isEmpty {
        header += "\"__metadata__\":{".utf8
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
            header += separator.utf8
            appendQuoted(key, to: &header)
            header.append(UInt8(ascii: ":"))
            appendQuoted(value, to: &header)
            separator = ","
        }
        header.append(UInt8(ascii: "}"))
    }
    var offset = 0
    for tensor in tensors {
        let shape = tensor.shape.map(String.init).joined(separator: ",")
        let end = offset + tensor.byteCount
        header += separator.utf8
        appendQuoted(tensor.name, to: &header)
        header += ":{\"dtype\":\"\(tensor.dtype.rawValue)\",\"shape\":[\(shape)],".utf8
        header += "\"data_offsets\":[\(offset),\(end)]}".utf8
        offset = end
        separator = ","
    }
    header.append(UInt8(ascii: "}"))
    header.append(contentsOf: repeatElement(UInt8(ascii: " "), count: (8 - header.count % 8) % 8))
    return header
}

/// Appends a JSON string.
private func appendQuoted(_ text: String, to header: inout [UInt8]) {
    header.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): header += [UInt8(ascii: "\\"), byte]
        case 0..<0x20:
            let digits = String(byte, radix: 16)
            header += "\\u\(String(repeating: "0", count: 4 - digits.count))\(digits)".utf8
        default: header.append(byte)
        }
    }
    header.append(UInt8(ascii: "\""))
}
