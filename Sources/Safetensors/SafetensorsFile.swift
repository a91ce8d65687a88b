internal import FileReading

/// One safetensors file, mapped into memory and checked against every rule of the format.
///
/// Format: https://github.com/huggingface/safetensors#format
public final class SafetensorsFile: Sendable {
    /// The path, as it was given.
    public let path: String
    /// The file's own remarks (`__metadata__`); empty when it has none. A file with two keys here that differ only in
    /// Unicode normalisation is refused, because this dictionary could keep only one of them.
    public let metadata: [String: String]
    /// All tensors, in the order of their bytes.
    public let tensors: [TensorInfo]
    private let mapping: MappedFile
    private let dataOffset: Int
    private let indices: [ByteName: Int]

    /// Maps and checks a file.
    ///
    /// - Throws: ``SafetensorsError`` when the file can't be read or breaks a rule of the format.
    public convenience init(path: String) throws(SafetensorsError) {
        try self.init(mapFile(path), path: path)
    }

    /// Checks a file's contents.
    ///
    /// - Parameters:
    ///   - bytes: The contents.
    ///   - name: What errors call the file.
    /// - Throws: ``SafetensorsError`` when they break a rule of the format.
    public convenience init(bytes: [UInt8], name: String) throws(SafetensorsError) {
        try self.init(MappedFile(copying: bytes), path: name)
    }

    private init(_ mapping: MappedFile, path: String) throws(SafetensorsError) {
        let header = try SafetensorsHeader(mapping, file: path)
        self.path = path
        self.mapping = mapping
        metadata = header.metadata
        tensors = header.tensors
        dataOffset = header.dataOffset
        indices = Dictionary(
            uniqueKeysWithValues: header.tensors.enumerated().map { (ByteName($0.element.name), $0.offset) })
    }

    /// The tensors' names, in the order of their bytes.
    public var tensorNames: [String] { tensors.map(\.name) }

    /// Whether the file has a tensor of this name.
    public func contains(_ name: String) -> Bool { indices[ByteName(name)] != nil }

    /// A tensor, without copying it.
    ///
    /// - Throws: ``SafetensorsError/missingTensor(file:tensor:)``.
    public func tensor(_ name: String) throws(SafetensorsError) -> TensorView {
        guard let index = indices[ByteName(name)] else { throw .missingTensor(file: path, tensor: name) }
        let info = tensors[index]
        let range = (dataOffset + info.byteRange.lowerBound)..<(dataOffset + info.byteRange.upperBound)
        return TensorView(info: info, path: path, mapping: mapping, range: range)
    }
}

/// Copies bytes of a file, with this module's error.
func read(_ range: Range<Int>, of mapping: MappedFile) throws(SafetensorsError) -> [UInt8] {
    do throws(FileError) {
        return try mapping.read(range)
    } catch { throw .unreadable(file: error.path, reason: error.reason) }
}

/// Copies JSON text of a file: all of it, or the part up to a NUL, at which no reader gets past. So a file of holes, which can
/// claim any size, takes little memory.
func readText(_ range: Range<Int>, of mapping: MappedFile) throws(SafetensorsError) -> [UInt8] {
    var text: [UInt8] = []
    while text.count < range.count {
        let first = range.lowerBound + text.count
        let piece = try read(first..<min(first + 1 << 20, range.upperBound), of: mapping)
        text += piece
        if piece.contains(0) { break }
    }
    return text
}

/// Maps a file, with this module's error.
func mapFile(_ path: String) throws(SafetensorsError) -> MappedFile {
    do throws(FileError) {
        return try MappedFile(path: path)
    } catch { throw .unreadable(file: error.path, reason: error.reason) }
}
