internal import FileReading
internal import StrictJSON

/// The validated header of a safetensors file.
///
/// Format: https://github.com/huggingface/safetensors#format
struct SafetensorsHeader {
    /// The reference implementation refuses headers of more bytes, and so does this one.
    static let largestByteCount: UInt64 = 100_000_000

    /// The tensors, in the order of their bytes.
    let tensors: [TensorInfo]
    let metadata: [String: String]
    /// Where the data begins in the file.
    let dataOffset: Int

    /// Checks every rule of the format.
    init(_ mapping: MappedFile, file: String) throws(SafetensorsError) {
        let fileByteCount = mapping.bytes.count
        guard fileByteCount >= 8 else { throw .tooShort(file: file, byteCount: fileByteCount) }
        let claimed = try read(0..<8, of: mapping).reversed().reduce(0) { $0 << 8 | UInt64($1) }
        guard claimed <= Self.largestByteCount else { throw .headerTooLarge(file: file, byteCount: claimed) }
        let headerByteCount = Int(claimed)
        guard headerByteCount <= fileByteCount - 8 else {
            throw .headerBeyondFile(file: file, headerByteCount: headerByteCount, fileByteCount: fileByteCount)
        }
        let header = try readText(8..<(8 + headerByteCount), of: mapping)
        guard header.first == UInt8(ascii: "{") else { throw .headerNotAnObject(file: file) }

        var parser = HeaderParser(file: file)
        try header.withUnsafeBufferPointer { (bytes) throws(SafetensorsError) in
            try parser.parse(UnsafeRawBufferPointer(bytes))
        }
        metadata = parser.metadata
        dataOffset = 8 + headerByteCount
        tensors = try Self.inOrder(parser.tensors, dataByteCount: fileByteCount - dataOffset, file: file)
    }

    /// Puts tensors in the order of their bytes, and checks that these fill the data: no overlap, no hole, nothing left.
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

    private func translate(_ error: JSONError) -> SafetensorsError {
        switch error.fault {
        case .notUTF8: .headerNotUTF8(file: file)
        case .malformed(let reason): .malformedHeader(file: file, offset: error.offset, reason: reason)
        case .duplicateKey(let path): .duplicateKey(file: file, key: path)
        }
    }

    mutating func parse(_ header: UnsafeRawBufferPointer) throws(SafetensorsError) {
        var reader: JSONReader
        do throws(JSONError) {
            reader = try JSONReader(header)
        } catch { throw translate(error) }
        try reader.object(translate) { (reader, name) throws(SafetensorsError) in
            if name == "__metadata__" {
                try parseMetadata(&reader)
            } else {
                tensors.append(try parseTensor(&reader, name))
            }
        }
        do throws(JSONError) {
            try reader.expectEnd()
        } catch { throw translate(error) }
    }

    private mutating func parseMetadata(_ reader: inout JSONReader) throws(SafetensorsError) {
        try reader.object(translate) { (reader, key) throws(SafetensorsError) in
            // The dictionary takes two keys for one that differ only in Unicode normalisation. Neither may get lost.
            guard metadata[key] == nil else { throw .duplicateKey(file: file, key: key) }
            do throws(JSONError) {
                metadata[key] = try reader.string()
            } catch { throw translate(error) }
        }
    }

    private func parseTensor(_ reader: inout JSONReader, _ name: String) throws(SafetensorsError) -> TensorInfo {
        func translateField(_ error: JSONError) -> SafetensorsError {
            if case .duplicateKey(let field) = error.fault {
                return .duplicateKey(file: file, key: "\(name).\(field)")
            }
            return translate(error)
        }
        var type: String?
        var shape: [Int]?
        var offsets: [Int]?
        try reader.object(translateField) { (reader, field) throws(SafetensorsError) in
            guard ["dtype", "shape", "data_offsets"].contains(field) else {
                throw .unknownField(file: file, tensor: name, field: field)
            }
            do throws(JSONError) {
                switch field {
                case "dtype": type = try reader.string()
                case "shape": shape = try reader.naturalNumbers()
                default: offsets = try reader.naturalNumbers()
                }
            } catch { throw translate(error) }
        }
        guard let type else { throw .missingField(file: file, tensor: name, field: "dtype") }
        guard let shape else { throw .missingField(file: file, tensor: name, field: "shape") }
        guard let offsets else { throw .missingField(file: file, tensor: name, field: "data_offsets") }
        guard let dtype = DType(rawValue: type) else { throw .unknownDType(file: file, tensor: name, name: type) }
        return try check(name, dtype, shape, offsets, at: reader.offset)
    }

    private func check(
        _ name: String, _ dtype: DType, _ shape: [Int], _ offsets: [Int], at offset: Int
    ) throws(SafetensorsError) -> TensorInfo {
        guard offsets.count == 2 else {
            throw .malformedHeader(
                file: file, offset: offset, reason: "tensor \(name): data_offsets must be two numbers")
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
