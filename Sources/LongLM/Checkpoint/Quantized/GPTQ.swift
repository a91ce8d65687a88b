import SIMDKernels

/// GPTQ's form. `P.qweight` [K · bits / 32, N] holds codes packed along K, `P.qzeros` [K / g, N · bits / 32] zero points
/// packed along N, `P.scales` [K / g, N] the scales, and `P.g_idx` [K] the group of each column. A weight is scale ·
/// (code − zero).
///
/// Files of version 1 hold zero points less 1. Where groups aren't neighboring columns (`desc_act`), the matrix is
/// widened to 32-bit floats: its columns keep their order, and so do the sums.
struct GPTQ: QuantizationForm {
    private let bitCount: Int
    /// g; nil: all columns share a scale.
    private let groupLength: Int?
    private let isSymmetric: Bool
    /// Whether columns may be in any group.
    private let hasListedGroups: Bool
    /// What is added to a stored zero point.
    private let zeroOffset: Int

    /// Reads `quantization_config` of config.json, or quantize_config.json.
    ///
    /// - Throws: ``CheckpointError`` when it isn't of a form that is read.
    init(_ reader: QuantizationReader) throws(CheckpointError) {
        bitCount = try reader.requiredInteger("bits")
        guard bitCount == 4 || bitCount == 8 else {
            throw reader.unsupported("GPTQ with \(bitCount) bits", "and 4 or 8 are read")
        }
        groupLength = try reader.groupLength("group_size")
        isSymmetric = try reader.bool("sym") ?? false
        hasListedGroups = try reader.bool("desc_act") ?? false
        if try reader.bool("is_marlin_format") ?? false {
            throw reader.unsupported("Marlin", "a form for certain processors; take the original GPTQ checkpoint")
        }
        guard try reader.isEmpty("dynamic") else {
            throw reader.unsupported("GPTQ with rules for single modules (dynamic)", "which aren't read")
        }
        let (version, older) = (try reader.string("checkpoint_format"), try reader.string("format"))
        switch (version ?? older ?? "gptq").lowercased() {
        case "gptq": zeroOffset = 1
        case "gptq_v2": zeroOffset = 0
        case let other: throw reader.unsupported("GPTQ in the form \(other)", "and gptq and gptq_v2 are read")
        }
    }

    func matrix(of name: String, in source: SafetensorsSource) throws(CheckpointError) -> QuantizedMatrix? {
        guard let module = name.removing(suffix: ".qweight") else { return nil }
        let codes = try QuantizedPart(name, in: source)
        let zeros = try QuantizedPart(module + ".qzeros", in: source)
        let scales = try QuantizedPart(module + ".scales", in: source)
        let indices = QuantizedPart(optional: module + ".g_idx", in: source)
        let perWord = 32 / bitCount
        let (wordCount, rowCount) = try codes.matrixShape(types: ["I32"])
        let columnCount = wordCount * perWord
        let length = groupLength ?? columnCount
        let groupCount = (columnCount - 1) / length + 1
        guard rowCount % perWord == 0 else {
            throw codes.malformed("has \(rowCount) columns, which are no multiple of \(perWord)")
        }
        let scaleType = try scales.scaleFormat()
        try scales.expect(shape: [groupCount, rowCount], by: name)
        try zeros.expect(types: ["I32"])
        try zeros.expect(shape: [groupCount, rowCount / perWord], by: name)
        let parts = Parts(
            codes: codes, zeros: zeros, scales: scales, bitCount: bitCount, columnCount: columnCount,
            groupCount: groupCount, zeroOffset: zeroOffset)
        let groups = try groups(indices, of: codes, columnCount: columnCount, length: length, groupCount: groupCount)
        let middle = UInt8(1 << (bitCount - 1))
        let hasMiddle = isSymmetric ? try parts.hasOneZero(Int(middle)) : false
        return QuantizedMatrix(
            name: module + ".weight", form: "\(bitCount)-bit GPTQ", shape: (rowCount, columnCount), bitCount: bitCount,
            scaleType: scaleType, formula: hasMiddle ? .symmetric(middle) : .zeroPoints, groups: groups,
            groupCount: groupCount,
            stored: [codes.tensor, zeros.tensor, scales.tensor] + (indices.map { [$0.tensor] } ?? []), parts: parts)
    }

    /// The groups that `g_idx` lists, where they aren't neighboring columns.
    private func groups(
        _ indices: QuantizedPart?, of codes: QuantizedPart, columnCount: Int, length: Int, groupCount: Int
    ) throws(CheckpointError) -> QuantizedMatrix.Groups {
        guard let indices else {
            guard !hasListedGroups || groupCount == 1 else {
                throw codes.malformed("needs a g_idx beside it, since desc_act is true")
            }
            return .neighboring(length: length)
        }
        return try indices.groups(columnCount: columnCount, length: length, groupCount: groupCount)
    }

    private struct Parts: QuantizedParts {
        let codes: QuantizedPart
        let zeros: QuantizedPart
        let scales: QuantizedPart
        let bitCount: Int
        let columnCount: Int
        let groupCount: Int
        let zeroOffset: Int

        private var perWord: Int { 32 / bitCount }
        private var mask: UInt32 { UInt32(1 << bitCount) - 1 }

        func readCodes(_ rows: Range<Int>, into target: UnsafeMutableBufferPointer<UInt8>) throws(CheckpointError) {
            let words = try codes.words(rows: 0..<(columnCount / perWord), columns: rows)
            guard let target = target.baseAddress else { return }
            words.withUnsafeBufferPointer { words in
                for row in 0..<rows.count {
                    var place = target + row * columnCount
                    for index in stride(from: row, to: words.count, by: rows.count) {
                        var word = words[index]
                        for _ in 0..<perWord {
                            place.pointee = UInt8(truncatingIfNeeded: word & mask)
                            word >>= UInt32(bitCount)
                            place += 1
                        }
                    }
                }
            }
        }

        func scales(_ rows: Range<Int>) throws(CheckpointError) -> QuantizedScales {
            let scales = try scales.floats(rows: 0..<groupCount, columns: rows)
            let first = rows.lowerBound / perWord
            let last = (rows.upperBound - 1) / perWord
            let words = try zeros.words(rows: 0..<groupCount, columns: first..<(last + 1))
            var transposed = QuantizedScales(scales: [], offsets: [])
            for row in rows {
                for group in 0..<groupCount {
                    transposed.scales.append(scales[group * rows.count + row - rows.lowerBound])
                    let word = words[group * (last - first + 1) + row / perWord - first]
                    let zero = Int(word >> UInt32(row % perWord * bitCount) & mask) + zeroOffset
                    transposed.offsets.append(Float(zero))
                }
            }
            return transposed
        }

        /// Whether every zero point is the same number.
        func hasOneZero(_ zero: Int) throws(CheckpointError) -> Bool {
            let stored = UInt32(zero - zeroOffset)
            let word = (0..<perWord).reduce(0) { $0 | stored << UInt32($1 * bitCount) }
            for group in 0..<groupCount {
                guard try zeros.words(rows: group..<(group + 1)).allSatisfy({ $0 == word }) else { return false }
            }
            return true
        }
    }
}

extension QuantizedPart {
    /// The groups that a tensor [K] lists, where they aren't neighboring columns.
    func groups(columnCount: Int, length: Int, groupCount: Int) throws(CheckpointError) -> QuantizedMatrix.Groups {
        try expect(types: ["I32", "I64"])
        try expect(shape: [columnCount], by: "the packed matrix")
        let groups = try integers()
        let isNeighboring = groups.enumerated().allSatisfy { $0.element == $0.offset / length }
        // Some writers fill an unused list with −1.
        if isNeighboring || groups.allSatisfy({ $0 == -1 }) { return .neighboring(length: length) }
        guard let least = groups.min(), let greatest = groups.max(), least >= 0, greatest < groupCount else {
            throw malformed("lists groups outside of 0 to \(groupCount - 1)")
        }
        return .listed(groups.map { Int32(truncatingIfNeeded: $0) })
    }
}
