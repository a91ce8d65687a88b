/// Why a GGUF file or a set of shards was refused: one case for each kind of failure. `file` is the path as it was given, or
/// follows from one. A `place` is the key or the tensor, by name or by number, or another part of the header.
public enum GGUFError: Error, Equatable, Sendable, CustomStringConvertible {
    // The file.

    /// A file that can't be opened or mapped, with the system's reason.
    case unreadable(file: String, reason: String)
    /// A file that can't be written, with the system's reason.
    case unwritable(file: String, reason: String)
    /// A file that doesn't begin with `GGUF`.
    case notGGUF(file: String)
    /// A version other than 2 and 3.
    case unsupportedVersion(file: String, version: UInt32)
    /// A file for machines of the other byte order.
    case bigEndian(file: String)
    /// A value that needs more bytes than are left in the file.
    case truncated(file: String, place: String, byteCount: UInt64, remaining: Int)
    /// More keys than the bytes that are left could hold.
    case tooManyKeys(file: String, count: UInt64, remaining: Int)
    /// More tensors than the bytes that are left could describe.
    case tooManyTensors(file: String, count: UInt64, remaining: Int)
    /// A text that isn't UTF-8.
    case notUTF8(file: String, place: String)
    /// A header of more bytes than are read.
    case headerTooLarge(file: String, byteCount: Int)

    // The metadata.

    /// A key that is empty, or has more than 65,535 bytes.
    case invalidKey(file: String, place: String, byteCount: Int)
    /// A key that occurs twice.
    case duplicateKey(file: String, key: String)
    /// A type of value that the format doesn't have.
    case unknownValueType(file: String, key: String, type: UInt32)
    /// A truth value that is neither 0 nor 1.
    case invalidBool(file: String, key: String, value: UInt8)
    /// Arrays within arrays, more of them than are read.
    case nestedTooDeeply(file: String, key: String, limit: Int)
    /// A `general.alignment` that isn't a power of two of type u32.
    case invalidAlignment(file: String, value: String)

    // The tensors.

    /// A tensor whose name is empty, or has more than 64 bytes.
    case invalidTensorName(file: String, place: String, byteCount: Int)
    /// A name that two tensors have.
    case duplicateTensor(file: String, tensor: String)
    /// More than four dimensions.
    case tooManyDimensions(file: String, tensor: String, count: UInt32)
    /// A type of numbers that ggml doesn't have.
    case unknownTensorType(file: String, tensor: String, type: UInt32)
    /// A shape that needs more bytes than a signed 64-bit number can count.
    case sizeOverflow(file: String, tensor: String, shape: [UInt64])
    /// Rows that don't consist of whole blocks.
    case partialBlock(file: String, tensor: String, type: GGUFTensorType, rowLength: Int)
    /// A tensor whose offset is no multiple of the alignment.
    case misalignedTensor(file: String, tensor: String, offset: UInt64, alignment: Int)
    /// A tensor that would end after the file does.
    case tensorBeyondFile(file: String, tensor: String, end: Int, dataByteCount: Int)
    /// A tensor that begins before another one ends.
    case overlap(file: String, tensor: String, begin: Int, previous: String, previousEnd: Int)

    // Use.

    /// A tensor that the file or the checkpoint doesn't have.
    case missingTensor(file: String, tensor: String)
    /// A value of another type than was asked for.
    case wrongValueType(file: String, key: String, found: String, expected: String)

    // Shards.

    /// A file that calls itself a shard, but whose name doesn't end with `suffix`.
    case wrongShardName(file: String, suffix: String)
    /// A shard other than the first, in whose place another file must be opened.
    case notFirstShard(file: String, number: Int, first: String)
    /// A number of a shard, or of shards or tensors, that can't be.
    case invalidSplit(file: String, key: String, reason: String)
    /// A shard that says something else of the set than the first one does, or isn't the one that its name says.
    case shardMismatch(file: String, key: String, found: Int?, expected: Int)
    /// More or fewer tensors in all shards than the first one says.
    case wrongTensorCount(file: String, expected: Int, found: Int)

    /// One line for a person to read. Names come from foreign files, so characters that could end the line or steer a
    /// terminal are shown as escapes, and a very long line is cut.
    public var description: String {
        let longest = 2_000
        var line = ""
        for (count, scalar) in text.unicodeScalars.enumerated() {
            if count == longest { return line + "…" }
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator: line += scalar.escaped(asASCII: true)
            default: line.unicodeScalars.append(scalar)
            }
        }
        return line
    }

    private var text: String {
        switch self {
        case .unreadable(let file, let reason): "\(file): \(reason)"
        case .unwritable(let file, let reason): "\(file): can't be written: \(reason)"
        case .notGGUF(let file): "\(file): is no GGUF file"
        case .unsupportedVersion(let file, let version):
            "\(file): is of version \(version) of GGUF; versions 2 and 3 can be read"
        case .bigEndian(let file): "\(file): is a big-endian file; only little-endian ones can be read"
        case .truncated(let file, let place, let count, let remaining):
            "\(file): \(place) needs \(count) bytes, but the file has only \(remaining) more"
        case .tooManyKeys(let file, let count, let remaining):
            "\(file): claims \(count) keys, for which its remaining \(remaining) bytes are too few"
        case .tooManyTensors(let file, let count, let remaining):
            "\(file): claims \(count) tensors, for which its remaining \(remaining) bytes are too few"
        case .headerTooLarge(let file, let byteCount): "\(file): the header has more than \(byteCount) bytes"
        case .notUTF8(let file, let place): "\(file): \(place): a text is not UTF-8"
        case .invalidKey(let file, let place, let count):
            "\(file): \(place) has \(count) bytes; a key has between 1 and 65,535"
        case .duplicateKey(let file, let key): "\(file): the key \(key) occurs twice"
        case .unknownValueType(let file, let key, let type): "\(file): key \(key): unknown type \(type) of value"
        case .invalidBool(let file, let key, let value):
            "\(file): key \(key): the truth value \(value) is neither 0 nor 1"
        case .nestedTooDeeply(let file, let key, let limit):
            "\(file): key \(key): arrays are nested more than \(limit) deep"
        case .invalidAlignment(let file, let value):
            "\(file): general.alignment is \(value); it must be a power of two of type u32"
        case .invalidTensorName(let file, let place, let count):
            "\(file): \(place): its name has \(count) bytes; it must have between 1 and 64"
        case .duplicateTensor(let file, let tensor): "\(file): tensor \(tensor) occurs twice"
        case .tooManyDimensions(let file, let tensor, let count):
            "\(file): tensor \(tensor): has \(count) dimensions, more than 4"
        case .unknownTensorType(let file, let tensor, let type):
            "\(file): tensor \(tensor): unknown type \(type)"
                + (GGUFTensorType.removedName(type).map { " (\($0), which ggml no longer has)" } ?? "")
        case .sizeOverflow(let file, let tensor, let shape): "\(file): tensor \(tensor): shape \(shape) is too large"
        case .partialBlock(let file, let tensor, let type, let length):
            "\(file): tensor \(tensor): a row of \(length) numbers is no whole number of blocks of \(type.name), "
                + "which have \(type.blockLength)"
        case .misalignedTensor(let file, let tensor, let offset, let alignment):
            "\(file): tensor \(tensor): begins at \(offset), which is no multiple of \(alignment)"
        case .tensorBeyondFile(let file, let tensor, let end, let count):
            "\(file): tensor \(tensor): ends at byte \(end) of \(count)"
        case .overlap(let file, let tensor, let begin, let previous, let end):
            "\(file): tensor \(tensor): begins at \(begin), before \(previous) ends at \(end)"
        case .missingTensor(let file, let tensor): "\(file): tensor \(tensor) is missing"
        case .wrongValueType(let file, let key, let found, let expected):
            "\(file): \(key) is of type \(found), not \(expected)"
        case .wrongShardName(let file, let suffix):
            "\(file): is one of several shards, so its name must end with \(suffix)"
        case .notFirstShard(let file, let number, let first):
            "\(file): is shard \(number) of a model; open the first one, \(first)"
        case .invalidSplit(let file, let key, let reason): "\(file): \(key) \(reason)"
        case .shardMismatch(let file, let key, let found, let expected):
            "\(file): \(key) is \(found.map(String.init) ?? "missing"), but it must be \(expected) in this shard"
        case .wrongTensorCount(let file, let expected, let found):
            "\(file): the shards have \(found) tensors, but split.tensors.count is \(expected)"
        }
    }
}
