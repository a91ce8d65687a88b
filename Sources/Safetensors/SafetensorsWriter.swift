#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Writes a safetensors file: the header first, then the tensors one after another, so that no more than one tensor
/// has to be in memory.
///
/// Tensors are laid out as the reference serialiser does, the widest numbers first and then by name, and the header is
/// filled up with spaces to a multiple of 8 bytes, so that every number is aligned.
public struct SafetensorsWriter {
    private enum Payload {
        case bytes([UInt8])
        case floats([Float])

        func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
            switch self {
            case .bytes(let bytes): bytes.withUnsafeBytes(body)
            case .floats(let floats): floats.withUnsafeBytes(body)
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
    /// - Parameter metadata: The file's own remarks.
    public init(metadata: [String: String] = [:]) {
        self.metadata = metadata
    }

    /// Adds a tensor.
    ///
    /// - Parameters:
    ///   - bytes: Its numbers, little-endian and row-major.
    /// - Throws: ``SafetensorsError`` when the name is taken, or the bytes don't match the shape and type.
    public mutating func add(
        _ name: String, dtype: DType, shape: [Int], bytes: [UInt8]
    ) throws(SafetensorsError) {
        try add(name, dtype, shape, .bytes(bytes))
    }

    /// Adds a tensor of 32-bit floats.
    ///
    /// - Throws: ``SafetensorsError`` when the name is taken, or the shape has not as many numbers.
    public mutating func add(_ name: String, shape: [Int], floats: [Float]) throws(SafetensorsError) {
        try add(name, .float32, shape, .floats(floats))
    }

    private mutating func add(
        _ name: String, _ dtype: DType, _ shape: [Int], _ payload: Payload
    ) throws(SafetensorsError) {
        guard !names.contains(ByteName(name)) else { throw .invalidName(tensor: name) }
        let byteCount = payload.withUnsafeBytes(\.count)
        guard !shape.contains(where: { $0 < 0 }), let bits = TensorInfo.bitCount(dtype: dtype, shape: shape),
            bits % 8 == 0
        else { throw .invalidShape(tensor: name, dtype: dtype, shape: shape) }
        guard bits / 8 == byteCount else {
            throw .inconsistentTensor(tensor: name, expected: bits / 8, found: byteCount)
        }
        names.insert(ByteName(name))
        entries.append(Entry(name: name, dtype: dtype, shape: shape, payload: payload, byteCount: byteCount))
    }

    /// Writes the file under a temporary name in the same folder and then renames it, so that a reader sees all of it
    /// or what was there before.
    ///
    /// - Throws: ``SafetensorsError/unwritable(file:reason:)``.
    public func write(to path: String) throws(SafetensorsError) {
        let temporary = path + ".\(getpid()).partial"
        guard let stream = fopen(temporary, "wbx") else { throw .unwritable(file: path, reason: systemReason()) }
        let ordered = entries.sorted {
            $0.dtype.bitWidth != $1.dtype.bitWidth
                ? $0.dtype.bitWidth > $1.dtype.bitWidth
                : $0.name.utf8.lexicographicallyPrecedes($1.name.utf8)
        }
        var isComplete = headerBytes(ordered).withUnsafeBytes { append($0, to: stream) }
        for entry in ordered where isComplete {
            isComplete = entry.payload.withUnsafeBytes { append($0, to: stream) }
        }
        // Closing writes what is still buffered, so its failure counts as well.
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

    private func headerBytes(_ ordered: [Entry]) -> [UInt8] {
        var members: [String] = []
        if !metadata.isEmpty {
            let pairs = metadata.sorted { $0.key < $1.key }.map { quoted($0.key) + ":" + quoted($0.value) }
            members.append("\"__metadata__\":{" + pairs.joined(separator: ",") + "}")
        }
        var offset = 0
        for entry in ordered {
            let shape = entry.shape.map(String.init).joined(separator: ",")
            members.append(
                quoted(entry.name) + ":{\"dtype\":\"\(entry.dtype.rawValue)\",\"shape\":[\(shape)],"
                    + "\"data_offsets\":[\(offset),\(offset + entry.byteCount)]}")
            offset += entry.byteCount
        }
        var header = Array(("{" + members.joined(separator: ",") + "}").utf8)
        header.append(contentsOf: repeatElement(UInt8(ascii: " "), count: (8 - header.count % 8) % 8))
        return withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) } + header
    }

    /// A JSON string.
    private func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\0"..<" ":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
