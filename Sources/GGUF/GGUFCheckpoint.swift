/// A model in GGUF: one file, or all shards of one.
public struct GGUFCheckpoint: Sendable {
    /// The path of the file or of the first shard, as it was given.
    public let path: String
    /// The file, or all shards in their order.
    public let files: [GGUFFile]
    private let places: [[UInt8]: Int]

    /// Maps and checks a file and, if it is the first of several shards, all others. They lie in the same folder, and their
    /// names end with `-00001-of-00003.gguf` and so on.
    ///
    /// - Throws: ``GGUFError`` when a file can't be read or isn't valid, when the file is another shard than the first, and
    ///   when shards disagree.
    public init(path: String) throws(GGUFError) {
        let first = try GGUFFile(path: path)
        var files = [first]
        if let set = try ShardSet(first) {
            for number in 1..<set.count { files.append(try set.open(number)) }
            try set.checkTensorCount(files)
        }
        try self.init(path: path, files)
    }

    /// A checkpoint of one file.
    package init(_ file: GGUFFile) throws(GGUFError) { try self.init(path: file.path, [file]) }

    private init(path: String, _ files: [GGUFFile]) throws(GGUFError) {
        var places: [[UInt8]: Int] = [:]
        for (place, file) in files.enumerated() {
            for tensor in file.tensors where places.updateValue(place, forKey: Array(tensor.name.utf8)) != nil {
                throw .duplicateTensor(file: file.path, tensor: tensor.name)
            }
        }
        self.path = path
        self.files = files
        self.places = places
    }

    /// The keys and values of the file, or of the first shard, which has all that say something of the model.
    public var metadata: GGUFMetadata { files[0].metadata }

    /// All tensors, file by file.
    public var tensors: [GGUFTensorInfo] { files.flatMap(\.tensors) }

    /// How many bytes all tensors take together.
    public var byteCount: Int { files.reduce(0) { $0 + $1.tensors.reduce(0) { $0 + $1.byteCount } } }

    /// Whether the checkpoint has a tensor of this name.
    public func contains(_ name: String) -> Bool { places[Array(name.utf8)] != nil }

    /// A tensor, without copying it.
    ///
    /// - Throws: ``GGUFError/missingTensor(file:tensor:)``.
    public func tensor(_ name: String) throws(GGUFError) -> GGUFTensorView {
        guard let place = places[Array(name.utf8)] else { throw .missingTensor(file: path, tensor: name) }
        return try files[place].tensor(name)
    }
}

/// What the first shard says of all of them.
private struct ShardSet {
    private let path: String
    let count: Int
    private let tensorCount: Int?
    /// The path up to the number of the shard.
    private let stem: String

    /// The set that a file begins; nil for a file that stands alone.
    init?(_ file: GGUFFile) throws(GGUFError) {
        guard let count = try file.metadata.integer("split.count"), count != 1 else { return nil }
        guard (2...99_999).contains(count) else {
            throw .invalidSplit(file: file.path, key: "split.count", reason: "is \(count); it can be 1 to 99,999")
        }
        guard let number = try file.metadata.integer("split.no") else {
            throw .invalidSplit(file: file.path, key: "split.no", reason: "is missing")
        }
        guard (0..<count).contains(number) else {
            throw .invalidSplit(file: file.path, key: "split.no", reason: "is \(number) of \(count) shards")
        }
        self.count = count
        path = file.path
        tensorCount = try file.metadata.integer("split.tensors.count")
        let suffix = Self.suffix(number, of: count)
        guard path.hasSuffix(suffix) else { throw .wrongShardName(file: path, suffix: suffix) }
        stem = String(path.dropLast(suffix.count))
        guard number == 0 else {
            throw .notFirstShard(file: path, number: number + 1, first: stem + Self.suffix(0, of: count))
        }
    }

    private static func suffix(_ number: Int, of count: Int) -> String {
        func digits(_ number: Int) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(5 - digits.count, 0)) + digits
        }
        return "-\(digits(number + 1))-of-\(digits(count)).gguf"
    }

    /// Opens another shard, whose number counts from 0.
    func open(_ number: Int) throws(GGUFError) -> GGUFFile {
        let file = try GGUFFile(path: stem + Self.suffix(number, of: count))
        try expect(number, "split.no", of: file)
        try expect(count, "split.count", of: file)
        if let tensorCount, file.metadata["split.tensors.count"] != nil {
            try expect(tensorCount, "split.tensors.count", of: file)
        }
        return file
    }

    private func expect(_ expected: Int, _ key: String, of file: GGUFFile) throws(GGUFError) {
        let found = try file.metadata.integer(key)
        guard found == expected else {
            throw .shardMismatch(file: file.path, key: key, found: found, expected: expected)
        }
    }

    func checkTensorCount(_ files: [GGUFFile]) throws(GGUFError) {
        let found = files.reduce(0) { $0 + $1.tensors.count }
        guard let tensorCount, tensorCount != found else { return }
        throw .wrongTensorCount(file: path, expected: tensorCount, found: found)
    }
}
