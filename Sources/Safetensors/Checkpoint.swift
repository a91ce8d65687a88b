internal import FileReading
internal import StrictJSON

/// The weights of a model directory: one `model.safetensors`, or the shards that `model.safetensors.index.json` names.
public struct Checkpoint: Sendable {
    /// The directory, or the single file, as it was given.
    public let path: String
    /// The files, in the order of their names.
    public let files: [SafetensorsFile]
    private let places: [ByteName: Int]

    /// Maps and checks all files of a model directory.
    ///
    /// Where there is a `model.safetensors`, an index is not looked at, as in Hugging Face transformers.
    ///
    /// - Throws: ``SafetensorsError`` when there is no file, one isn't valid, or the index and its shards disagree.
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

    /// The names of all tensors, file by file.
    public var tensorNames: [String] { files.flatMap(\.tensorNames) }

    /// How many bytes all tensors take together.
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
        let file = try mapFile(path)
        guard file.bytes.count <= SafetensorsHeader.largestByteCount else {
            throw .malformedIndex(file: path, reason: "has more than 100,000,000 bytes")
        }
        let text = try readText(0..<file.bytes.count, of: file)
        try text.withUnsafeBufferPointer { (bytes) throws(SafetensorsError) in try parse(UnsafeRawBufferPointer(bytes))
        }
    }

    private mutating func parse(_ text: UnsafeRawBufferPointer) throws(SafetensorsError) {
        var reader: JSONReader
        do throws(JSONError) {
            reader = try JSONReader(text)
        } catch { throw translate(error) }
        var hasMap = false
        try reader.object(translate) { (reader, key) throws(SafetensorsError) in
            if key == "weight_map" {
                hasMap = true
                try parseMap(&reader)
            } else {
                do throws(JSONError) {
                    try reader.skipValue()
                } catch { throw translate(error) }
            }
        }
        do throws(JSONError) {
            try reader.expectEnd()
        } catch { throw translate(error) }
        guard hasMap else { throw .malformedIndex(file: path, reason: "weight_map is missing") }
    }

    private func translate(_ error: JSONError) -> SafetensorsError {
        if case .duplicateKey(let key) = error.fault { return .duplicateKey(file: path, key: key) }
        return .malformedIndex(file: path, reason: error.text)
    }

    private mutating func parseMap(_ reader: inout JSONReader) throws(SafetensorsError) {
        try reader.object(translate) { (reader, tensor) throws(SafetensorsError) in
            let shard: String
            do throws(JSONError) {
                shard = try reader.string()
            } catch { throw translate(error) }
            guard Self.isFileName(shard) else { throw .shardOutsideFolder(file: path, shard: shard) }
            shards[ByteName(shard), default: []].insert(ByteName(tensor))
        }
    }

    /// Whether this is a plain file name, which can't lead out of its folder on any system.
    private static func isFileName(_ name: String) -> Bool {
        let forbidden: [UInt8] = [0, UInt8(ascii: "/"), UInt8(ascii: "\\"), UInt8(ascii: ":")]
        return !name.isEmpty && name != "." && name != ".." && !name.utf8.contains { forbidden.contains($0) }
    }

    /// Opens every shard, and checks that index and shards agree about every tensor.
    func openShards(in directory: String) throws(SafetensorsError) -> [SafetensorsFile] {
        var files: [SafetensorsFile] = []
        for (shard, expected) in shards.sorted(by: { $0.key < $1.key }) {
            let name = shard.text
            let file = try SafetensorsFile(path: directory + "/" + name)
            if let tensor = file.tensorNames.first(where: { !expected.contains(ByteName($0)) }) {
                throw .tensorNotInIndex(file: path, tensor: tensor, shard: name)
            }
            // The first by name: the same files must give the same error.
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
