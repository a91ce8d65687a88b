import SIMDKernels

/// A stored tensor that is a part of a quantised matrix.
struct QuantizedPart: Sendable {
    let tensor: StoredTensor
    private let source: SafetensorsSource

    /// The part of a name; nil when there is none.
    init?(optional name: String, in source: SafetensorsSource) {
        guard let tensor = source.tensor(name) else { return nil }
        self.tensor = tensor
        self.source = source
    }

    /// The part of a name.
    ///
    /// - Throws: ``CheckpointError/missingTensor(file:tensor:)``.
    init(_ name: String, in source: SafetensorsSource) throws(CheckpointError) {
        guard let part = QuantizedPart(optional: name, in: source) else {
            throw .missingTensor(file: source.path, tensor: name)
        }
        self = part
    }

    var shape: [Int] { tensor.shape }

    /// An error about the part.
    func malformed(_ reason: String) -> CheckpointError {
        .malformedTensor(file: tensor.file, tensor: tensor.name, reason: reason)
    }

    /// Checks the type of the numbers.
    func expect(types: [String]) throws(CheckpointError) {
        guard types.contains(tensor.typeName) else {
            throw malformed(
                "is of type \(tensor.typeName), but in this form of quantisation it is "
                    + types.joined(separator: " or "))
        }
    }

    /// Checks the shape.
    ///
    /// - Parameter other: What implies it.
    func expect(shape expected: [Int], by other: String) throws(CheckpointError) {
        guard shape == expected else { throw malformed("has shape \(shape), but \(other) implies \(expected)") }
    }

    /// Whether the shape is this one. Dimensions of 1 may be there or not.
    func hasCount(of expected: [Int]) -> Bool { shape.filter { $0 != 1 } == expected.filter { $0 != 1 } }

    /// Checks the shape, in which dimensions of 1 may be there or not.
    func expect(countOf expected: [Int], by other: String) throws(CheckpointError) {
        guard hasCount(of: expected) else { throw malformed("has shape \(shape), but \(other) implies \(expected)") }
    }

    /// The two dimensions of a matrix, none of which is zero. So neither is larger than the file.
    func matrixShape(types: [String]) throws(CheckpointError) -> (rows: Int, columns: Int) {
        try expect(types: types)
        guard shape.count == 2, shape[0] > 0, shape[1] > 0 else {
            throw malformed("has shape \(shape), but it must be a matrix")
        }
        return (shape[0], shape[1])
    }

    /// The format of scales, which are 16-bit or 32-bit floats.
    func scaleFormat() throws(CheckpointError) -> WeightFormat {
        try expect(types: ["F16", "BF16", "F32"])
        return tensor.format ?? .float32
    }

    /// Bytes of neighboring columns of some rows, row after row.
    ///
    /// - Parameters:
    ///   - rows: Which rows, a row being what the first dimension counts.
    ///   - columns: Which bytes of each row; nil for all.
    func bytes(rows: Range<Int>, columns: Range<Int>? = nil) throws(CheckpointError) -> [UInt8] {
        let rowByteCount = tensor.byteCount / max(shape.first ?? 1, 1)
        guard let columns, columns.count < rowByteCount else {
            return try bytes(from: rows.lowerBound * rowByteCount, count: rows.count * rowByteCount)
        }
        return try bytes(count: rows.count * columns.count) { (target) throws(CheckpointError) in
            for (index, row) in rows.enumerated() {
                let first = row * rowByteCount + columns.lowerBound
                let room = target[(index * columns.count)..<((index + 1) * columns.count)]
                try source.read(
                    first..<(first + columns.count), of: tensor, into: UnsafeMutableRawBufferPointer(rebasing: room))
            }
        }
    }

    /// Bytes that follow each other.
    func bytes(from first: Int, count: Int) throws(CheckpointError) -> [UInt8] {
        try bytes(count: count) { (target) throws(CheckpointError) in
            try source.read(first..<(first + count), of: tensor, into: target)
        }
    }

    private func bytes(
        count: Int, _ read: (UnsafeMutableRawBufferPointer) throws(CheckpointError) -> Void
    ) throws(CheckpointError) -> [UInt8] {
        if count == 0 { return [] }
        var failure: CheckpointError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initializedCount in
            do throws(CheckpointError) {
                try read(UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: buffer[..<count])))
                initializedCount = count
            } catch { failure = error }
        }
        if let failure { throw failure }
        return bytes
    }

    /// Floats of some rows and columns, row after row.
    func floats(rows: Range<Int>, columns: Range<Int>? = nil) throws(CheckpointError) -> [Float] {
        let size = scaleByteCount
        return widened(try bytes(rows: rows, columns: columns.map { ($0.lowerBound * size)..<($0.upperBound * size) }))
    }

    /// Floats that follow each other.
    func numbers(from first: Int, count: Int) throws(CheckpointError) -> [Float] {
        widened(try bytes(from: first * scaleByteCount, count: count * scaleByteCount))
    }

    /// The bytes of a float. ``scaleFormat()`` has been asked for before.
    private var scaleByteCount: Int { tensor.format?.rowByteCount(columnCount: 1) ?? 4 }

    private func widened(_ bytes: [UInt8]) -> [Float] {
        bytes.withUnsafeBytes { (tensor.format ?? .float32).widened($0, count: bytes.count / scaleByteCount) }
    }

    /// 32-bit words of some rows and columns, row after row.
    func words(rows: Range<Int>, columns: Range<Int>? = nil) throws(CheckpointError) -> [UInt32] {
        let bytes = try bytes(rows: rows, columns: columns.map { ($0.lowerBound * 4)..<($0.upperBound * 4) })
        return bytes.withUnsafeBytes { bytes in
            (0..<(bytes.count / 4)).map {
                UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self))
            }
        }
    }

    /// All numbers of a tensor of whole numbers.
    func integers() throws(CheckpointError) -> [Int] { try source.integers(of: tensor) }
}

/// Codes that follow each other bit by bit, the first in the lowest bits.
enum BitStream {
    /// Unpacks one row.
    ///
    /// - Parameters:
    ///   - bytes: As many as the codes take, or more.
    ///   - bitCount: The bits of a code, at most 8.
    ///   - count: How many codes there are.
    ///   - target: Where they go.
    static func unpack(
        _ bytes: UnsafePointer<UInt8>, bitCount: Int, count: Int, into target: UnsafeMutablePointer<UInt8>
    ) {
        switch bitCount {
        case 8: target.update(from: bytes, count: count)
        case 4:
            for index in 0..<(count / 2) {
                target[2 * index] = bytes[index] & 15
                target[2 * index + 1] = bytes[index] >> 4
            }
            if count % 2 == 1 { target[count - 1] = bytes[count / 2] & 15 }
        default:
            let mask = UInt8(truncatingIfNeeded: (1 << bitCount) - 1)
            for index in 0..<count {
                let (byte, shift) = (index * bitCount).quotientAndRemainder(dividingBy: 8)
                var bits = bytes[byte] >> UInt8(shift)
                if shift + bitCount > 8 { bits |= bytes[byte + 1] << UInt8(8 - shift) }
                target[index] = bits & mask
            }
        }
    }
}
