internal import FileReading

/// The checked contents of a header.
///
/// Nothing is allocated from a size that the file merely claims: a count is compared with the bytes that are left first.
struct GGUFHeader {
    /// The most bytes of a key, the most bytes of a tensor's name and the most dimensions that the format allows.
    private static let (longestKey, longestTensorName, mostDimensions) = (65_535, 64, 4)
    /// How deep arrays may lie within arrays. The format has no bound, and no file that is known nests them at all.
    private static let deepestNesting = 8

    private let file: String
    private let fileByteCount: Int
    private let copy: MappedFile
    private var cursor: GGUFCursor

    private(set) var version = 0
    private(set) var alignment = 32
    private(set) var entries: [(key: String, value: GGUFValue)] = []
    private(set) var tensors: [GGUFTensorInfo] = []
    /// The place of each tensor in ``tensors``, by the bytes of its name.
    private(set) var tensorPlaces: [[UInt8]: Int] = [:]
    /// Where the data begin in the file.
    private(set) var dataOffset = 0

    /// Reads the header of a file.
    static func read(_ mapping: MappedFile, file: String) throws(GGUFError) -> GGUFHeader {
        let fileByteCount = mapping.bytes.count
        var count = min(fileByteCount, firstByteCount)
        while true {
            let copy: MappedFile
            do throws(FileError) {
                copy = MappedFile(copying: try mapping.read(0..<count))
            } catch { throw .unreadable(file: error.path, reason: error.reason) }
            do throws(GGUFError) {
                let header = try GGUFHeader(copy, fileByteCount: fileByteCount, file: file)
                copy.loseArrayPages(min(header.dataOffset, count)..<count)
                return header
            } catch {
                guard error.needsMoreBytes, count < fileByteCount else { throw error }
                guard count < largestByteCount else {
                    throw .headerTooLarge(file: file, byteCount: largestByteCount)
                }
                count = min(4 * count, fileByteCount, largestByteCount)
            }
        }
    }

    /// What is read at first. The vocabularies of most models fit.
    private static let firstByteCount = 16 << 20
    /// The longest header that is read. The longest ones known have some 30 MB.
    private static let largestByteCount = 256 << 20

    /// - Parameters:
    ///   - copy: The first bytes of the file. They are a copy, because a file that another process truncates can't be read
    ///     safely in any other way.
    ///   - fileByteCount: The bytes of the whole file.
    ///   - file: What errors call it.
    private init(_ copy: MappedFile, fileByteCount: Int, file: String) throws(GGUFError) {
        self.file = file
        self.fileByteCount = fileByteCount
        self.copy = copy
        cursor = GGUFCursor(copy.bytes, 0..<copy.bytes.count)
        let (tensorCount, keyCount) = try readBeginning()
        try readMetadata(keyCount)
        try readTensors(tensorCount)
        try checkPlaces()
    }

    // MARK: The parts of a header

    private mutating func readBeginning() throws(GGUFError) -> (tensorCount: UInt64, keyCount: UInt64) {
        guard let magic = cursor.integer(UInt32.self), magic == 0x4655_4747 else { throw .notGGUF(file: file) }
        let version: UInt32 = try integer("the version")
        // A file of the other byte order shows by its version, which is small.
        if version.byteSwapped < 0x1_0000, version > 0xffff { throw .bigEndian(file: file) }
        guard version == 2 || version == 3 else { throw .unsupportedVersion(file: file, version: version) }
        self.version = Int(version)
        let tensorCount: UInt64 = try integer("the number of tensors")
        let keyCount: UInt64 = try integer("the number of keys")
        // A key has at least a length, a type and a value of one byte; a tensor has two more numbers and an offset.
        guard keyCount <= UInt64(cursor.remaining / 13) else {
            throw .tooManyKeys(file: file, count: keyCount, remaining: cursor.remaining)
        }
        guard tensorCount <= UInt64(cursor.remaining / 24) else {
            throw .tooManyTensors(file: file, count: tensorCount, remaining: cursor.remaining)
        }
        return (tensorCount, keyCount)
    }

    private mutating func readMetadata(_ count: UInt64) throws(GGUFError) {
        var known: Set<[UInt8]> = []
        for index in 0..<count {
            let place = "key \(index)"
            let bytes = try text(place)
            guard (1...Self.longestKey).contains(bytes.count) else {
                throw .invalidKey(file: file, place: place, byteCount: bytes.count)
            }
            let key = String(decoding: bytes, as: UTF8.self)
            guard known.insert(Array(bytes)).inserted else { throw .duplicateKey(file: file, key: key) }
            entries.append((key, try value(key)))
        }
        guard let stated = entries.first(where: { $0.key == "general.alignment" })?.value else { return }
        guard case .uint32(let number) = stated, number > 0, number & (number - 1) == 0 else {
            throw .invalidAlignment(file: file, value: stated.integer.map(String.init) ?? "of type \(stated.typeName)")
        }
        alignment = Int(number)
    }

    private mutating func readTensors(_ count: UInt64) throws(GGUFError) {
        for index in 0..<Int(count) {
            let place = "tensor \(index)"
            let bytes = try text(place)
            guard (1...Self.longestTensorName).contains(bytes.count) else {
                throw .invalidTensorName(file: file, place: place, byteCount: bytes.count)
            }
            let name = String(decoding: bytes, as: UTF8.self)
            guard tensorPlaces.updateValue(index, forKey: Array(bytes)) == nil else {
                throw .duplicateTensor(file: file, tensor: name)
            }
            tensors.append(try tensor(name))
        }
    }

    private mutating func tensor(_ name: String) throws(GGUFError) -> GGUFTensorInfo {
        let place = "tensor \(name)"
        let dimensionCount: UInt32 = try integer(place)
        guard dimensionCount <= Self.mostDimensions else {
            throw .tooManyDimensions(file: file, tensor: name, count: dimensionCount)
        }
        var dimensions: [UInt64] = []
        for _ in 0..<dimensionCount { dimensions.append(try integer(place)) }
        let typeNumber: UInt32 = try integer(place)
        guard let type = GGUFTensorType(rawValue: typeNumber) else {
            throw .unknownTensorType(file: file, tensor: name, type: typeNumber)
        }
        let offset: UInt64 = try integer(place)
        guard offset % UInt64(alignment) == 0 else {
            throw .misalignedTensor(file: file, tensor: name, offset: offset, alignment: alignment)
        }
        let shape = dimensions.reversed().map { Int(exactly: $0) ?? -1 }
        guard let elementCount = Self.elementCount(shape) else {
            throw .sizeOverflow(file: file, tensor: name, shape: dimensions.reversed())
        }
        guard (shape.last ?? 1) % type.blockLength == 0 else {
            throw .partialBlock(file: file, tensor: name, type: type, rowLength: shape.last ?? 1)
        }
        let (byteCount, hasTooManyBytes) = (elementCount / type.blockLength)
            .multipliedReportingOverflow(by: type.blockByteCount)
        guard let begin = Int(exactly: offset), !hasTooManyBytes,
            case (let end, false) = begin.addingReportingOverflow(byteCount)
        else { throw .sizeOverflow(file: file, tensor: name, shape: dimensions.reversed()) }
        return GGUFTensorInfo(name: name, type: type, shape: shape, byteRange: begin..<end)
    }

    /// The product of dimensions; nil when it overflows or one of them, given as −1, does. All of them count, so that no part
    /// of the product overflows either.
    private static func elementCount(_ shape: [Int]) -> Int? {
        var count = 1
        for dimension in shape {
            guard dimension >= 0, case (_, false) = count.multipliedReportingOverflow(by: max(dimension, 1)) else {
                return nil
            }
            count *= max(dimension, 1)
        }
        return shape.contains(0) ? 0 : count
    }

    /// Checks that the tensors lie in the data and apart from each other.
    private mutating func checkPlaces() throws(GGUFError) {
        let padding = (alignment - cursor.offset % alignment) % alignment
        let dataByteCount = max(fileByteCount - cursor.offset - padding, 0)
        dataOffset = cursor.offset + padding
        for tensor in tensors where tensor.byteRange.upperBound > dataByteCount {
            throw .tensorBeyondFile(
                file: file, tensor: tensor.name, end: tensor.byteRange.upperBound, dataByteCount: dataByteCount)
        }
        let ordered = tensors.filter { !$0.byteRange.isEmpty }.sorted {
            $0.byteRange.lowerBound < $1.byteRange.lowerBound
        }
        for (previous, tensor) in zip(ordered, ordered.dropFirst())
        where tensor.byteRange.lowerBound < previous.byteRange.upperBound {
            throw .overlap(
                file: file, tensor: tensor.name, begin: tensor.byteRange.lowerBound, previous: previous.name,
                previousEnd: previous.byteRange.upperBound)
        }
    }

    // MARK: Values

    private mutating func integer<Number: FixedWidthInteger>(_ place: String) throws(GGUFError) -> Number {
        guard let number = cursor.integer(Number.self) else {
            throw .truncated(
                file: file, place: place, byteCount: UInt64(MemoryLayout<Number>.size), remaining: cursor.remaining)
        }
        return number
    }

    /// The bytes of a string, which are UTF-8.
    private mutating func text(_ place: String) throws(GGUFError) -> UnsafeRawBufferPointer {
        let count: UInt64 = try integer(place)
        guard let length = Int(exactly: count), let bytes = cursor.take(length) else {
            throw .truncated(file: file, place: place, byteCount: count, remaining: cursor.remaining)
        }
        guard Self.isUTF8(bytes) else { throw .notUTF8(file: file, place: place) }
        return bytes
    }

    private static func isUTF8(_ bytes: UnsafeRawBufferPointer) -> Bool {
        // Nearly all tokens are ASCII, and there are hundreds of thousands of them.
        var union: UInt8 = 0
        for byte in bytes { union |= byte }
        return union < 0x80 || String(validating: bytes.bindMemory(to: UInt8.self), as: UTF8.self) != nil
    }

    private mutating func value(_ key: String) throws(GGUFError) -> GGUFValue {
        let type = try valueType(key)
        let start = cursor
        try check(type, count: 1, depth: 0, key: key)
        var reader = start
        return reader.checkedValue(type, copy)
    }

    private mutating func valueType(_ key: String) throws(GGUFError) -> GGUFValueType {
        let number: UInt32 = try integer("key \(key)")
        guard let type = GGUFValueType(rawValue: number) else {
            throw .unknownValueType(file: file, key: key, type: number)
        }
        return type
    }

    /// Passes over values of one type, and checks them.
    private mutating func check(
        _ type: GGUFValueType, count: UInt64, depth: Int, key: String
    ) throws(GGUFError) {
        guard count <= UInt64(cursor.remaining / type.leastByteCount) else {
            throw .truncated(
                file: file, place: "key \(key)",
                byteCount: count.multipliedReportingOverflow(by: UInt64(type.leastByteCount)).overflow
                    ? .max : count * UInt64(type.leastByteCount), remaining: cursor.remaining)
        }
        switch type {
        case .string:
            let place = "key \(key)"
            for _ in 0..<count { _ = try text(place) }
        case .array:
            guard depth < Self.deepestNesting else {
                throw .nestedTooDeeply(file: file, key: key, limit: Self.deepestNesting)
            }
            for _ in 0..<count {
                let elementType = try valueType(key)
                try check(elementType, count: try integer("key \(key)"), depth: depth + 1, key: key)
            }
        default:
            guard let bytes = cursor.take(Int(count) * type.leastByteCount) else { return }
            if type == .bool, let value = bytes.first(where: { $0 > 1 }) {
                throw .invalidBool(file: file, key: key, value: value)
            }
        }
    }
}

extension GGUFError {
    /// Whether it may be that the part of the file that was read is too short.
    fileprivate var needsMoreBytes: Bool {
        switch self {
        case .truncated, .tooManyKeys, .tooManyTensors: true
        default: false
        }
    }
}
