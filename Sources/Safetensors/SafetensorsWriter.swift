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

        func withUnsafeBytes(
            _ body: (UnsafeRawBufferPointer) throws(SafetensorsError) -> Void
        ) throws(SafetensorsError) {
            func pass(_ numbers: [some Any]) throws(SafetensorsError) {
                try numbers.withUnsafeBufferPointer { (buffer) throws(SafetensorsError) in
                    try body(UnsafeRawBufferPointer(buffer))
                }
            }
            switch self {
            case .bytes(let bytes): try pass(bytes)
            case .floats(let floats): try pass(floats)
            case .produced(let bytes): try pass(bytes())
            }
        }
    }

    private struct Entry {
        let info: WrittenTensor
        let payload: Payload
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
        let info = try WrittenTensor(name: name, dtype: dtype, shape: shape)
        if let byteCount, info.byteCount != byteCount {
            throw .inconsistentTensor(tensor: name, expected: info.byteCount, found: byteCount)
        }
        names.insert(ByteName(name))
        entries.append(Entry(info: info, payload: payload))
    }

    /// Writes the file under a temporary name in the same folder and then renames it. So a reader sees either the whole
    /// file or what was there before. What isn't a regular file, such as a pipe, is written to as it is.
    ///
    /// - Parameter path: Where the file goes. It replaces a file that is there already, or that a link there leads to.
    /// - Throws: ``SafetensorsError/unwritable(file:reason:)``, or ``SafetensorsError/headerTooLarge(file:byteCount:)``
    ///   when names and metadata take more bytes than a reader accepts.
    public func write(to path: String) throws(SafetensorsError) {
        let ordered = entries.sorted { $0.info.precedes($1.info) }
        let stream = try SafetensorsStream(path: path, ordered.map(\.info), metadata: metadata)
        for entry in ordered {
            try entry.payload.withUnsafeBytes { (bytes) throws(SafetensorsError) in
                precondition(
                    bytes.count == entry.info.byteCount,
                    "a tensor was produced with more or fewer bytes than its shape needs")
                try stream.append(bytes)
            }
        }
        try stream.finish()
    }
}
