import SIMDKernels

/// AWQ's form `gemm`. `P.qweight` [K, N / 8] holds 4-bit codes packed along N, `P.qzeros` [K / g, N / 8] zero points
/// likewise, and `P.scales` [K / g, N] the scales. A weight is (code − zero) · scale.
///
/// The eight codes of a word are those of the rows 0, 2, 4, 6, 1, 3, 5 and 7 of eight, from the lowest bits on.
struct AWQ: QuantizationForm {
    /// g; nil: all columns share a scale.
    private let groupLength: Int?

    /// Reads `quantization_config` of config.json.
    ///
    /// - Throws: ``CheckpointError`` when it isn't of a form that is read.
    init(_ reader: QuantizationReader) throws(CheckpointError) {
        let bitCount = try reader.requiredInteger(reader.keys.contains("w_bit") ? "w_bit" : "bits")
        guard bitCount == 4 else { throw reader.unsupported("AWQ with \(bitCount) bits", "and 4 are read") }
        groupLength = try reader.groupLength(reader.keys.contains("q_group_size") ? "q_group_size" : "group_size")
        let version = try reader.string("version") ?? "gemm"
        guard version.lowercased() == "gemm" else {
            throw reader.unsupported("AWQ in the form \(version)", "and gemm is read")
        }
        if let backend = try reader.string("backend"), !["autoawq", "auto-awq"].contains(backend.lowercased()) {
            throw reader.unsupported("AWQ of \(backend)", "and that of AutoAWQ is read")
        }
        guard try reader.bool("zero_point") ?? true else {
            throw reader.unsupported("AWQ without zero points", "which isn't read")
        }
    }

    func matrix(of name: String, in source: SafetensorsSource) throws(CheckpointError) -> QuantizedMatrix? {
        guard let module = name.removing(suffix: ".qweight") else { return nil }
        let codes = try QuantizedPart(name, in: source)
        let zeros = try QuantizedPart(module + ".qzeros", in: source)
        let scales = try QuantizedPart(module + ".scales", in: source)
        let (columnCount, wordCount) = try codes.matrixShape(types: ["I32"])
        let rowCount = wordCount * 8
        let length = groupLength ?? columnCount
        let groupCount = (columnCount - 1) / length + 1
        let scaleType = try scales.scaleFormat()
        try scales.expect(shape: [groupCount, rowCount], by: name)
        try zeros.expect(types: ["I32"])
        try zeros.expect(shape: [groupCount, wordCount], by: name)
        return QuantizedMatrix(
            name: module + ".weight", form: "4-bit AWQ", shape: (rowCount, columnCount), bitCount: 4,
            scaleType: scaleType, formula: .zeroPoints, groups: .neighboring(length: length), groupCount: groupCount,
            stored: [codes.tensor, zeros.tensor, scales.tensor],
            parts: Parts(
                codes: codes, zeros: zeros, scales: scales, columnCount: columnCount, groupCount: groupCount))
    }

    private struct Parts: QuantizedParts {
        let codes: QuantizedPart
        let zeros: QuantizedPart
        let scales: QuantizedPart
        let columnCount: Int
        let groupCount: Int

        /// From which bit of its word on a row's code stands.
        private static func shift(_ row: Int) -> UInt32 { UInt32(row % 2 * 16 + row % 8 / 2 * 4) }

        func readCodes(_ rows: Range<Int>, into target: UnsafeMutableBufferPointer<UInt8>) throws(CheckpointError) {
            guard let target = target.baseAddress else { return }
            let first = rows.lowerBound / 8
            let wordCount = (rows.upperBound - 1) / 8 + 1 - first
            // Some columns at a time, so that what is read and written stays in a cache.
            for start in stride(from: 0, to: columnCount, by: 64) {
                let columns = start..<min(start + 64, columnCount)
                let words = try codes.words(rows: columns, columns: first..<(first + wordCount))
                words.withUnsafeBufferPointer { words in
                    for (index, row) in rows.enumerated() {
                        let (word, shift) = (row / 8 - first, Self.shift(row))
                        let place = target + index * columnCount + start
                        for column in 0..<columns.count {
                            place[column] = UInt8(truncatingIfNeeded: words[column * wordCount + word] >> shift & 15)
                        }
                    }
                }
            }
        }

        func scales(_ rows: Range<Int>) throws(CheckpointError) -> QuantizedScales {
            let scales = try scales.floats(rows: 0..<groupCount, columns: rows)
            let first = rows.lowerBound / 8
            let wordCount = (rows.upperBound - 1) / 8 + 1 - first
            let words = try zeros.words(rows: 0..<groupCount, columns: first..<(first + wordCount))
            var transposed = QuantizedScales(scales: [], offsets: [])
            for row in rows {
                for group in 0..<groupCount {
                    transposed.scales.append(scales[group * rows.count + row - rows.lowerBound])
                    let word = words[group * wordCount + row / 8 - first]
                    transposed.offsets.append(Float(word >> Self.shift(row) & 15))
                }
            }
            return transposed
        }
    }
}
