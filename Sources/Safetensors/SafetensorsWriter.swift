internal import FileReading

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Writes a safetensors file: the header first, then one tensor after another. A tensor can be produced when its turn
/// comes, so that not all of them are in memory together.
///
/// Tensors lie as the reference serialiser lays them: the widest numbers first, and by name among equals. Spaces fill the
/// header up to a multiple of 8 bytes, so that every number is aligned.
public struct SafetensorsWriter {
    private enum Payload {
        case bytes([UInt8])
        case floats([Float])
        case produced(() -> [UInt8])

        func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
            switch self {
            case .bytes(let bytes): bytes.withUnsafeBytes(body)
            case .floats(let floats): floats.withUnsafeBytes(body)
            case .produced(let bytes): bytes().withUnsafeBytes(body)
            }
        }
    }

    private struct Entry {
        let name: String
        let dtype: DType
        let shape: [Int]
        let payload: Payload
        let byteCount: Int
    }

    private var entries: [Entry] = []
    private var names: Set<ByteName> = [ByteName("__metadata__")]
    private let metadata: [String: String]

    /// A file without tensors.
    ///
    /// - Parameter metadata: The file's own remarks (`__metadata__`).
    public init(metadata: [String: String] = [:]) {
        self.metadata = metadata
    }

    /// How many tensors have been added.
    public var tensorCount: Int { entries.count }

    /// Adds a tensor.
    ///
    /// - Parameters:
    ///   - name: Its name, which no other tensor of the file has.
    ///   - dtype: The type of its numbers.
    ///   - shape: Its dimensions, the slowest first; none for a single number.
    ///   - bytes: Its numbers, little-endian and row-major.
    /// - Throws: ``SafetensorsError`` when the name is taken, or the bytes don't match the shape and type.
    public mutating func add(
        _ name: String, dtype: DType, shape: [Int], bytes: [UInt8]
    ) throws(SafetensorsError) {
        try add(name, dtype, shape, .bytes(bytes), byteCount: bytes.count)
    }

    /// Adds a tensor whose numbers are produced when the file is written.
    ///
    /// - Parameters:
    ///   - name: Its name, which no other tensor of the file has.
    ///   - dtype: The type of its numbers.
    ///   - shape: Its dimensions, the slowest first; none for a single number.
    ///   - producing: Returns its numbers, little-endian and row-major, exactly as many as the shape says. Each
    ///     ``write(to:)`` calls it once: after all tensors with wider numbers, and after those with numbers of the same
    ///     width whose names come first.
    /// - Throws: ``SafetensorsError`` when the name is taken, or the shape and type have no size.
    public mutating func add(
        _ name: String, dtype: DType, shape: [Int], producing: @escaping () -> [UInt8]
    ) throws(SafetensorsError) {
        try add(name, dtype, shape, .produced(producing), byteCount: nil)
    }

    /// Adds a tensor of 32-bit floats.
    ///
    /// - Parameters:
    ///   - name: Its name, which no other tensor of the file has.
    ///   - shape: Its dimensions, the slowest first; none for a single number.
    ///   - floats: Its numbers, row-major.
    /// - Throws: ``SafetensorsError`` when the name is taken, or the shape has not as many numbers.
    public mutating func add(_ name: String, shape: [Int], floats: [Float]) throws(SafetensorsError) {
        try add(name, .float32, shape, .floats(floats), byteCount: floats.count * MemoryLayout<Float>.size)
    }

    /// - Parameter byteCount: The payload's size; nil where it is produced later.
    private mutating func add(
        _ name: String, _ dtype: DType, _ shape: [Int], _ payload: Payload, byteCount: Int?
    ) throws(SafetensorsError) {
        guard !names.contains(ByteName(name)) else { throw .invalidName(tensor: name) }
        guard !shape.contains(where: { $0 < 0 }), let bits = TensorInfo.bitCount(dtype: dtype, shape: shape),
            bits % 8 == 0
        else { throw .invalidShape(tensor: name, dtype: dtype, shape: shape) }
        if let byteCount, bits / 8 != byteCount {
            throw .inconsistentTensor(tensor: name, expected: bits / 8, found: byteCount)
        }
        names.insert(ByteName(name))
        entries.append(Entry(name: name, dtype: dtype, shape: shape, payload: payload, byteCount: bits / 8))
    }

    /// Writes the file under a temporary name in the same folder and then renames it. So a reader sees either the whole
    /// file or what was there before.
    ///
    /// - Parameter path: Where the file goes. It replaces a file that is there already.
    /// - Throws: ``SafetensorsError/unwritable(file:reason:)``, or ``SafetensorsError/headerTooLarge(file:byteCount:)``
    ///   when names and metadata take more bytes than a reader accepts.
    public func write(to path: String) throws(SafetensorsError) {
        let ordered = entries.sorted {
            $0.dtype.bitWidth != $1.dtype.bitWidth
                ? $0.dtype.bitWidth > $1.dtype.bitWidth
                : $0.name.utf8.lexicographicallyPrecedes($1.name.utf8)
        }
        let header = headerBytes(ordered)
        guard header.count <= SafetensorsHeader.largestByteCount else {
            throw .headerTooLarge(file: path, byteCount: UInt64(header.count))
        }
        // A random name: neither another writer nor the remains of a killed one can be in the way.
        let temporary = path + ".\(String(UInt64.random(in: 0...UInt64.max), radix: 36)).partial"
        guard let stream = fopen(temporary, "wbx") else { throw .unwritable(file: path, reason: systemReason()) }
        var isComplete = withUnsafeBytes(of: UInt64(header.count).littleEndian) { append($0, to: stream) }
        isComplete = isComplete && header.withUnsafeBytes { append($0, to: stream) }
        for entry in ordered where isComplete {
            isComplete = entry.payload.withUnsafeBytes { bytes in
                precondition(
                    bytes.count == entry.byteCount,
                    "a tensor was produced with more or fewer bytes than its shape needs")
                return append(bytes, to: stream)
            }
        }
        // It must be on the disk before it replaces another file: then a loss of power leaves one of the two.
        isComplete = isComplete && fflush(stream) == 0 && fsync(fileno(stream)) == 0
        let reason = systemReason()
        guard fclose(stream) == 0, isComplete, rename(temporary, path) == 0 else {
            let latest = isComplete ? systemReason() : reason
            unlink(temporary)
            throw .unwritable(file: path, reason: latest)
        }
    }

    private func append(_ bytes: UnsafeRawBufferPointer, to stream: UnsafeMutablePointer<FILE>) -> Bool {
        guard let start = bytes.baseAddress, !bytes.isEmpty else { return true }
        return fwrite(start, 1, bytes.count, stream) == bytes.count
    }

    /// The JSON of the header, filled up to a multiple of 8 bytes.
    private func headerBytes(_ ordered: [Entry]) -> [UInt8] {
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
        for entry in ordered {
            let shape = entry.shape.map(String.init).joined(separator: ",")
            let end = offset + entry.byteCount
            header += separator.utf8
            appendQuoted(entry.name, to: &header)
            header += ":{\"dtype\":\"\(entry.dtype.rawValue)\",\"shape\":[\(shape)],".utf8
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
}
