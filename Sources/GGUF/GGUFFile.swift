internal import FileReading

/// One GGUF file of version 2 or 3, mapped into memory and checked against every rule of the format. It may be a shard of a
/// checkpoint; ``GGUFCheckpoint`` opens all of them.
///
/// Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
public final class GGUFFile: Sendable {
    /// The path, as it was given.
    public let path: String
    /// The version of the format.
    public let version: Int
    /// Of what the offsets of all tensors are multiples, in bytes: `general.alignment`, or 32.
    public let alignment: Int
    /// The keys and their values.
    public let metadata: GGUFMetadata
    /// All tensors, in the order of the header.
    public let tensors: [GGUFTensorInfo]
    private let mapping: MappedFile
    private let dataOffset: Int
    private let places: [[UInt8]: Int]

    /// Maps and checks a file.
    ///
    /// - Throws: ``GGUFError`` when the file can't be read or breaks a rule of the format.
    public convenience init(path: String) throws(GGUFError) {
        let mapping: MappedFile
        do throws(FileError) {
            mapping = try MappedFile(path: path)
        } catch { throw .unreadable(file: error.path, reason: error.reason) }
        try self.init(mapping, path: path)
    }

    /// Checks a file's contents.
    ///
    /// - Parameters:
    ///   - bytes: The contents.
    ///   - name: What errors call the file.
    /// - Throws: ``GGUFError`` when they break a rule of the format.
    public convenience init(bytes: [UInt8], name: String) throws(GGUFError) {
        try self.init(MappedFile(copying: bytes), path: name)
    }

    private init(_ mapping: MappedFile, path: String) throws(GGUFError) {
        let header = try GGUFHeader.read(mapping, file: path)
        self.path = path
        self.mapping = mapping
        version = header.version
        alignment = header.alignment
        metadata = GGUFMetadata(file: path, entries: header.entries)
        tensors = header.tensors
        dataOffset = header.dataOffset
        places = header.tensorPlaces
    }

    /// Whether the file has a tensor of this name.
    public func contains(_ name: String) -> Bool { places[Array(name.utf8)] != nil }

    /// A tensor, without copying it.
    ///
    /// - Throws: ``GGUFError/missingTensor(file:tensor:)``.
    public func tensor(_ name: String) throws(GGUFError) -> GGUFTensorView {
        guard let place = places[Array(name.utf8)] else { throw .missingTensor(file: path, tensor: name) }
        let info = tensors[place]
        // An empty tensor may lie where the data would begin in a file that has none.
        let range =
            info.byteRange.isEmpty
            ? 0..<0 : (dataOffset + info.byteRange.lowerBound)..<(dataOffset + info.byteRange.upperBound)
        return GGUFTensorView(info: info, path: path, mapping: mapping, range: range)
    }
}
