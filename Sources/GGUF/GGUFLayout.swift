/// Where everything lies in a file of version 3 that is going to be written. It is known from the metadata and the tensors'
/// types and shapes alone.
public struct GGUFLayout: Sendable {
    /// A tensor's name, type and shape. The outermost dimension comes first, as everywhere but in the file.
    public typealias Tensor = (name: String, type: GGUFTensorType, shape: [Int])

    /// Of what the offsets of all tensors are multiples, in bytes. It is what readers assume of a file that has no
    /// `general.alignment`.
    static let alignment = 32

    /// The tensors and where they lie.
    public let tensors: [GGUFTensorInfo]
    /// All that comes before the data, filled up to a multiple of the alignment.
    public let header: [UInt8]

    /// Lays a file out.
    ///
    /// - Parameters:
    ///   - file: What errors call the file.
    ///   - entries: The metadata, without `general.alignment`.
    ///   - tensors: The tensors in the file's order.
    /// - Throws: ``GGUFError`` for what a reader would refuse: a key or a name that occurs twice or is too long, or a tensor
    ///   whose rows aren't whole blocks of its type.
    public init(file: String, entries: GGUFEntries, tensors: [Tensor]) throws(GGUFError) {
        var known: Set<[UInt8]> = []
        for key in entries.keys {
            guard (1...65_535).contains(key.utf8.count) else {
                throw .invalidKey(file: file, place: key, byteCount: key.utf8.count)
            }
            guard known.insert(Array(key.utf8)).inserted else { throw .duplicateKey(file: file, key: key) }
        }
        var header = Array("GGUF".utf8)
        header.append(littleEndian: 3 as UInt32)
        header.append(littleEndian: UInt64(tensors.count))
        header.append(littleEndian: UInt64(entries.keys.count))
        header += entries.bytes
        var infos: [GGUFTensorInfo] = []
        var (offset, names) = (0, Set<[UInt8]>())
        for tensor in tensors {
            let name = Array(tensor.name.utf8)
            guard (1...64).contains(name.count) else {
                throw .invalidTensorName(file: file, place: tensor.name, byteCount: name.count)
            }
            guard names.insert(name).inserted else { throw .duplicateTensor(file: file, tensor: tensor.name) }
            let byteCount = try Self.byteCount(tensor, file: file)
            infos.append(
                GGUFTensorInfo(
                    name: tensor.name, type: tensor.type, shape: tensor.shape, byteRange: offset..<(offset + byteCount))
            )
            header.append(text: tensor.name)
            header.append(littleEndian: UInt32(tensor.shape.count))
            for dimension in tensor.shape.reversed() { header.append(littleEndian: UInt64(dimension)) }
            header.append(littleEndian: tensor.type.rawValue)
            header.append(littleEndian: UInt64(offset))
            offset += byteCount + Self.padding(after: byteCount)
        }
        header += [UInt8](repeating: 0, count: Self.padding(after: header.count))
        self.tensors = infos
        self.header = header
    }

    /// The bytes of the whole file.
    public var byteCount: Int {
        header.count + tensors.reduce(0) { $0 + $1.byteCount + Self.padding(after: $1.byteCount) }
    }

    /// How many zeros bring a size to a multiple of the alignment.
    static func padding(after byteCount: Int) -> Int { (alignment - byteCount % alignment) % alignment }

    private static func byteCount(_ tensor: Tensor, file: String) throws(GGUFError) -> Int {
        let (shape, type) = (tensor.shape, tensor.type)
        precondition(shape.allSatisfy { $0 >= 0 }, "a dimension isn't negative")
        guard shape.count <= 4 else {
            throw .tooManyDimensions(file: file, tensor: tensor.name, count: UInt32(clamping: shape.count))
        }
        let rowLength = shape.last ?? 1
        guard rowLength % type.blockLength == 0 else {
            throw .partialBlock(file: file, tensor: tensor.name, type: type, rowLength: rowLength)
        }
        var byteCount = rowLength / type.blockLength
        for factor in shape.dropLast() + [type.blockByteCount] {
            let (product, overflows) = byteCount.multipliedReportingOverflow(by: factor)
            guard !overflows else {
                throw .sizeOverflow(file: file, tensor: tensor.name, shape: shape.map { UInt64($0) })
            }
            byteCount = product
        }
        return byteCount
    }
}
