/// Why a safetensors file or a shard index was refused, or a file couldn't be written: one case for each kind of failure.
/// `file` is the path as it was given.
public enum SafetensorsError: Error, Equatable, Sendable, CustomStringConvertible {
    // The file.

    /// A file that can't be opened or mapped, with the system's reason.
    case unreadable(file: String, reason: String)
    /// A directory with neither model.safetensors nor model.safetensors.index.json.
    case noCheckpoint(directory: String)
    /// Fewer than the 8 bytes of the header's length.
    case tooShort(file: String, byteCount: Int)
    /// A header of more than 100,000,000 bytes.
    case headerTooLarge(file: String, byteCount: UInt64)
    /// A header that would end after the file does.
    case headerBeyondFile(file: String, headerByteCount: Int, fileByteCount: Int)

    // The header.

    /// A header that isn't UTF-8.
    case headerNotUTF8(file: String)
    /// A header that doesn't begin with `{`.
    case headerNotAnObject(file: String)
    /// A header that isn't JSON, or not of the format's form. `offset` counts bytes from the header's beginning.
    case malformedHeader(file: String, offset: Int, reason: String)
    /// A key that occurs twice in one object of a header or an index.
    case duplicateKey(file: String, key: String)
    /// A number type that the format doesn't have.
    case unknownDType(file: String, tensor: String, name: String)
    /// A tensor that lacks its dtype, its shape or its data_offsets.
    case missingField(file: String, tensor: String, field: String)
    /// A field of a tensor that the format doesn't have.
    case unknownField(file: String, tensor: String, field: String)

    // The tensors.

    /// A shape that needs more bits than a signed 64-bit number can count.
    case sizeOverflow(file: String, tensor: String, shape: [Int])
    /// Numbers narrower than a byte that together don't fill whole bytes.
    case unalignedSize(file: String, tensor: String, shape: [Int])
    /// Offsets whose end is before their beginning.
    case reversedOffsets(file: String, tensor: String, begin: Int, end: Int)
    /// A tensor that would end after the file does.
    case tensorBeyondFile(file: String, tensor: String, end: Int, dataByteCount: Int)
    /// Offsets with more or fewer bytes between them than shape and type need.
    case wrongByteCount(file: String, tensor: String, expected: Int, found: Int)
    /// A tensor that begins before the one in front of it ends.
    case overlap(file: String, tensor: String, begin: Int, previousEnd: Int)
    /// Bytes in front of a tensor that belong to none.
    case hole(file: String, tensor: String, begin: Int, previousEnd: Int)
    /// Bytes after the last tensor.
    case trailingBytes(file: String, byteCount: Int)

    // Use.

    /// A tensor that the checkpoint doesn't have.
    case missingTensor(file: String, tensor: String)
    /// A tensor of another number type than was asked for.
    case wrongDType(file: String, tensor: String, found: DType, expected: [DType])

    // The shard index.

    /// An index that isn't JSON, with the line and column, or not of the expected form.
    case malformedIndex(file: String, reason: String)
    /// A shard whose name isn't a plain file name, and so could lead out of the folder.
    case shardOutsideFolder(file: String, shard: String)
    /// A tensor that the index places in a shard which doesn't have it.
    case tensorNotInShard(file: String, tensor: String, shard: String)
    /// A tensor in a shard where the index doesn't place it.
    case tensorNotInIndex(file: String, tensor: String, shard: String)

    // Writing.

    /// A file that can't be written, with the system's reason.
    case unwritable(file: String, reason: String)
    /// A tensor to be written whose shape has a negative dimension, overflows or doesn't fill whole bytes.
    case invalidShape(tensor: String, dtype: DType, shape: [Int])
    /// A tensor to be written whose bytes don't match its shape and type.
    case inconsistentTensor(tensor: String, expected: Int, found: Int)
    /// A name for a tensor to be written that another tensor has, or `__metadata__`.
    case invalidName(tensor: String)

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
        case .noCheckpoint(let directory):
            "\(directory): holds neither model.safetensors nor model.safetensors.index.json"
        case .tooShort(let file, let count): "\(file): \(count) bytes are too few for a safetensors file"
        case .headerTooLarge(let file, let count): "\(file): the header claims \(count) bytes, more than 100,000,000"
        case .headerBeyondFile(let file, let header, let count):
            "\(file): the header claims \(header) bytes, but the file has \(count)"
        case .headerNotUTF8(let file): "\(file): the header is not UTF-8"
        case .headerNotAnObject(let file): "\(file): the header does not begin with {"
        case .malformedHeader(let file, let offset, let reason): "\(file): header byte \(offset): \(reason)"
        case .duplicateKey(let file, let key): "\(file): the key \(key) occurs twice"
        case .unknownDType(let file, let tensor, let name): "\(file): tensor \(tensor): unknown dtype \(name)"
        case .missingField(let file, let tensor, let field): "\(file): tensor \(tensor): \(field) is missing"
        case .unknownField(let file, let tensor, let field): "\(file): tensor \(tensor): unknown field \(field)"
        case .sizeOverflow(let file, let tensor, let shape): "\(file): tensor \(tensor): shape \(shape) is too large"
        case .unalignedSize(let file, let tensor, let shape):
            "\(file): tensor \(tensor): shape \(shape) does not fill whole bytes"
        case .reversedOffsets(let file, let tensor, let begin, let end):
            "\(file): tensor \(tensor): ends at \(end), before it begins at \(begin)"
        case .tensorBeyondFile(let file, let tensor, let end, let count):
            "\(file): tensor \(tensor): ends at byte \(end) of \(count)"
        case .wrongByteCount(let file, let tensor, let expected, let found):
            "\(file): tensor \(tensor): has \(found) bytes where shape and dtype need \(expected)"
        case .overlap(let file, let tensor, let begin, let end):
            "\(file): tensor \(tensor): begins at \(begin), before the previous one ends at \(end)"
        case .hole(let file, let tensor, let begin, let end):
            "\(file): tensor \(tensor): begins at \(begin), but the previous one ends at \(end)"
        case .trailingBytes(let file, let count): "\(file): \(count) bytes follow the last tensor"
        case .missingTensor(let file, let tensor): "\(file): tensor \(tensor) is missing"
        case .wrongDType(let file, let tensor, let found, let expected):
            "\(file): tensor \(tensor): is \(found.rawValue), not "
                + expected.map(\.rawValue).joined(separator: " or ")
        case .malformedIndex(let file, let reason): "\(file): \(reason)"
        case .shardOutsideFolder(let file, let shard): "\(file): the shard \(shard) is not a file name"
        case .tensorNotInShard(let file, let tensor, let shard): "\(file): \(shard) has no tensor \(tensor)"
        case .tensorNotInIndex(let file, let tensor, let shard):
            "\(file): does not place tensor \(tensor) in \(shard), which holds it"
        case .unwritable(let file, let reason): "\(file): \(reason)"
        case .invalidShape(let tensor, let dtype, let shape):
            "tensor \(tensor): \(dtype.rawValue) numbers of shape \(shape) make no whole number of bytes"
        case .inconsistentTensor(let tensor, let expected, let found):
            "tensor \(tensor): has \(found) bytes where shape and dtype need \(expected)"
        case .invalidName(let tensor): "tensor \(tensor): the name is taken"
        }
    }
}
