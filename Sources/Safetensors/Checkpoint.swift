/// The weights of a model directory: one `model.safetensors`, or the shards that `model.safetensors.index.json` names.
public struct Checkpoint: Sendable {
    /// The directory, or the single file, as it was given.
    public let path: String
    /// The files, in the order of their names.
    public let files: [SafetensorsFile]
    private let places: [ByteName: Int]

    /// Maps and checks all files of a model directory.
    ///
    /// A `model.safetensors` goes before an index, as in Hugging Face transformers.
    ///
    /// - Throws: ``SafetensorsError`` when there are none, one is not valid, or the index disagrees with its shards.
    public init(directory: String) throws(SafetensorsError) {
        let single = directory + "/model.safetensors"
        let index = directory + "/model.safetensors.index.json"
        if fileExists(single) {
            self.init(path: directory, files: [try SafetensorsFile(path: single)])
        } else if fileExists(index) {
            self.init(path: directory, files: try ShardIndex(path: index).openShards(in: directory))
        } else {
            throw .noCheckpoint(directory: directory)
        }
    }

    /// Maps and checks a single file.
    ///
    /// - Throws: ``SafetensorsError`` when it is not valid.
    public init(file path: String) throws(SafetensorsError) {
        self.init(path: path, files: [try SafetensorsFile(path: path)])
    }

    private init(path: String, files: [SafetensorsFile]) {
        self.path = path
        self.files = files
        var places: [ByteName: Int] = [:]
        for (place, file) in files.enumerated() {
            for name in file.tensorNames { places[ByteName(name)] = place }
        }
        self.places = places
    }

    /// All tensors' names, file by file.
    public var tensorNames: [String] { files.flatMap(\.tensorNames) }

    /// The bytes of all tensors.
    public var byteCount: Int { files.reduce(0) { $0 + $1.tensors.reduce(0) { $0 + $1.byteCount } } }

    /// Whether the checkpoint has a tensor of this name.
    public func contains(_ name: String) -> Bool { places[ByteName(name)] != nil }

    /// A tensor, without copying it.
    ///
    /// - Throws: ``SafetensorsError/missingTensor(file:tensor:)``.
    public func tensor(_ name: String) throws(SafetensorsError) -> TensorView {
        guard let place = places[ByteName(name)] else { throw .missingTensor(file: path, tensor: name) }
        return try files[place].tensor(name)
    }
}

/// A `model.safetensors.index.json`: which shard holds which tensor.
struct ShardIndex {
    private let path: String
    /// The tensors of each shard.
    private var shards: [ByteName: Set<ByteName>] = [:]

    init(path: String) throws(SafetensorsError) {
        self.path = path
        let file = try MappedFile(path: path)
        guard file.bytes.count <= SafetensorsHeader.largestByteCount else {
            throw .malformedIndex(file: path, offset: 0, reason: "more than 100,000,000 bytes")
        }
        guard JSONScanner.isUTF8(file.bytes) else {
            throw .malformedIndex(file: path, offset: 0, reason: "not UTF-8")
        }
        var scanner = JSONScanner(file.bytes)
        var keys: Set<ByteName> = []
        try scanner.object(malformed) { (scanner, key) throws(SafetensorsError) in
            guard keys.insert(ByteName(key)).inserted else { throw .duplicateKey(file: path, key: key) }
            if key == "weight_map" {
                try parseMap(&scanner)
            } else {
                do throws(JSONScanner.Failure) {
                    try scanner.skipValue()
                } catch { throw malformed(error) }
            }
        }
        do throws(JSONScanner.Failure) {
            try scanner.expectEnd()
        } catch { throw malformed(error) }
        guard keys.contains(ByteName("weight_map")) else {
            throw .malformedIndex(file: path, offset: 0, reason: "weight_map is missing")
        }
    }

    private func malformed(_ failure: JSONScanner.Failure) -> SafetensorsError {
        .malformedIndex(file: path, offset: failure.offset, reason: failure.reason)
    }

    private mutating func parseMap(_ scanner: inout JSONScanner) throws(SafetensorsError) {
        var tensors: Set<ByteName> = []
        try scanner.object(malformed) { (scanner, tensor) throws(SafetensorsError) in
            guard tensors.insert(ByteName(tensor)).inserted else { throw .duplicateKey(file: path, key: tensor) }
            let shard: String
            do throws(JSONScanner.Failure) {
                shard = try scanner.string()
            } catch { throw malformed(error) }
            guard Self.isFileName(shard) else { throw .shardOutsideFolder(file: path, shard: shard) }
            shards[ByteName(shard), default: []].insert(ByteName(tensor))
        }
    }

    /// A name that stays in its folder on every system.
    private static func isFileName(_ name: String) -> Bool {
        let forbidden: [UInt8] = [0, UInt8(ascii: "/"), UInt8(ascii: "\\"), UInt8(ascii: ":")]
        return !name.isEmpty && name != "." && name != ".." && !name.utf8.contains { forbidden.contains($0) }
    }

    /// Opens every shard, and checks that index and shards agree on every tensor.
    func openShards(in directory: String) throws(SafetensorsError) -> [SafetensorsFile] {
        var files: [SafetensorsFile] = []
        for (shard, expected) in shards.sorted(by: { $0.key < $1.key }) {
            let name = shard.text
            let file = try SafetensorsFile(path: directory + "/" + name)
            if let tensor = file.tensorNames.first(where: { !expected.contains(ByteName($0)) }) {
                throw .tensorNotInIndex(file: path, tensor: tensor, shard: name)
            }
            // The first by name, so that the same files give the same error.
            if file.tensors.count < expected.count,
                let tensor = expected.filter({ !file.contains($0.text) }).min()
            {
                throw .tensorNotInShard(file: path, tensor: tensor.text, shard: name)
            }
            files.append(file)
        }
        return files
    }
}
