/// The validated header of a safetensors file.
///
/// Format: https://github.com/huggingface/safetensors#format
struct SafetensorsHeader {
    /// Headers of more bytes are refused, as the reference implementation does.
    static let largestByteCount: UInt64 = 100_000_000

    /// In the order of their bytes.
    let tensors: [TensorInfo]
    let metadata: [String: String]
    /// Where the data begins in the file.
    let dataOffset: Int

    /// Checks every rule of the format.
    init(_ bytes: UnsafeRawBufferPointer, file: String) throws(SafetensorsError) {
        guard bytes.count >= 8 else { throw .tooShort(file: file, byteCount: bytes.count) }
        let claimed = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
        guard claimed <= Self.largestByteCount else { throw .headerTooLarge(file: file, byteCount: claimed) }
        let headerByteCount = Int(claimed)
        guard headerByteCount <= bytes.count - 8 else {
            throw .headerBeyondFile(file: file, headerByteCount: headerByteCount, fileByteCount: bytes.count)
        }
        let header = UnsafeRawBufferPointer(rebasing: bytes[8..<(8 + headerByteCount)])
        guard header.first == UInt8(ascii: "{") else { throw .headerNotAnObject(file: file) }
        guard JSONScanner.isUTF8(header) else { throw .headerNotUTF8(file: file) }

        var parser = HeaderParser(file: file)
        try parser.parse(header)
        metadata = parser.metadata
        dataOffset = 8 + headerByteCount
        tensors = try Self.inOrder(parser.tensors, dataByteCount: bytes.count - dataOffset, file: file)
    }

    /// Orders tensors by their bytes, and checks that these fill the data without overlap, hole or rest.
    private static func inOrder(
        _ tensors: [TensorInfo], dataByteCount: Int, file: String
    ) throws(SafetensorsError) -> [TensorInfo] {
        let ordered = tensors.sorted {
            ($0.byteRange.lowerBound, $0.byteRange.upperBound) < ($1.byteRange.lowerBound, $1.byteRange.upperBound)
        }
        var end = 0
        for tensor in ordered {
            let begin = tensor.byteRange.lowerBound
            guard tensor.byteRange.upperBound <= dataByteCount else {
                throw .tensorBeyondFile(
                    file: file, tensor: tensor.name, end: tensor.byteRange.upperBound, dataByteCount: dataByteCount)
            }
            guard begin >= end else {
                throw .overlap(file: file, tensor: tensor.name, begin: begin, previousEnd: end)
            }
            guard begin == end else { throw .hole(file: file, tensor: tensor.name, begin: begin, previousEnd: end) }
            end = tensor.byteRange.upperBound
        }
        guard end == dataByteCount else { throw .trailingBytes(file: file, byteCount: dataByteCount - end) }
        return ordered
    }
}

/// Reads the JSON of a header.
private struct HeaderParser {
    let file: String
    var tensors: [TensorInfo] = []
    var metadata: [String: String] = [:]

    init(file: String) { self.file = file }

    private func malformed(_ failure: JSONScanner.Failure) -> SafetensorsError {
        .malformedHeader(file: file, offset: failure.offset, reason: failure.reason)
    }

    mutating func parse(_ header: UnsafeRawBufferPointer) throws(SafetensorsError) {
        var scanner = JSONScanner(header)
        var names: Set<ByteName> = []
        try scanner.object(malformed) { (scanner, name) throws(SafetensorsError) in
            guard names.insert(ByteName(name)).inserted else { throw .duplicateKey(file: file, key: name) }
            if name == "__metadata__" {
                try parseMetadata(&scanner)
            } else {
                tensors.append(try parseTensor(&scanner, name))
            }
        }
        do throws(JSONScanner.Failure) {
            try scanner.expectEnd()
        } catch { throw malformed(error) }
    }

    private mutating func parseMetadata(_ scanner: inout JSONScanner) throws(SafetensorsError) {
        try scanner.object(malformed) { (scanner, key) throws(SafetensorsError) in
            // The dictionary takes keys for one that differ only in Unicode normalisation. None may get lost in silence.
            guard metadata[key] == nil else { throw .duplicateKey(file: file, key: key) }
            do throws(JSONScanner.Failure) {
                metadata[key] = try scanner.string()
            } catch { throw malformed(error) }
        }
    }

    private func parseTensor(_ scanner: inout JSONScanner, _ name: String) throws(SafetensorsError) -> TensorInfo {
        var fields: Set<String> = []
        var type: String?
        var shape: [Int]?
        var offsets: [Int]?
        try scanner.object(malformed) { (scanner, field) throws(SafetensorsError) in
            guard fields.insert(field).inserted else { throw .duplicateKey(file: file, key: "\(name).\(field)") }
            guard ["dtype", "shape", "data_offsets"].contains(field) else {
                throw .unknownField(file: file, tensor: name, field: field)
            }
            do throws(JSONScanner.Failure) {
                switch field {
                case "dtype": type = try scanner.string()
                case "shape": shape = try scanner.integers()
                default: offsets = try scanner.integers()
                }
            } catch { throw malformed(error) }
        }
        guard let type else { throw .missingField(file: file, tensor: name, field: "dtype") }
        guard let shape else { throw .missingField(file: file, tensor: name, field: "shape") }
        guard let offsets else { throw .missingField(file: file, tensor: name, field: "data_offsets") }
        guard let dtype = DType(rawValue: type) else { throw .unknownDType(file: file, tensor: name, name: type) }
        return try check(name, dtype, shape, offsets, at: scanner.offset)
    }

    private func check(
        _ name: String, _ dtype: DType, _ shape: [Int], _ offsets: [Int], at offset: Int
    ) throws(SafetensorsError) -> TensorInfo {
        guard offsets.count == 2 else {
            throw .malformedHeader(file: file, offset: offset, reason: "tensor \(name): data_offsets are not two")
        }
        let (begin, end) = (offsets[0], offsets[1])
        guard begin <= end else { throw .reversedOffsets(file: file, tensor: name, begin: begin, end: end) }
        guard let bits = TensorInfo.bitCount(dtype: dtype, shape: shape) else {
            throw .sizeOverflow(file: file, tensor: name, shape: shape)
        }
        guard bits % 8 == 0 else { throw .unalignedSize(file: file, tensor: name, shape: shape) }
        guard bits / 8 == end - begin else {
            throw .wrongByteCount(file: file, tensor: name, expected: bits / 8, found: end - begin)
        }
        return TensorInfo(name: name, dtype: dtype, shape: shape, byteRange: begin..<end)
    }
}
