import SIMDKernels

/// MLX's affine form: `P.weight` [N, K · bits / 32] holds codes row by row, the first in the lowest bits, and `P.scales`
/// and `P.biases` [N, K / g] what goes with them. A weight is scale · code + bias.
struct MLXAffine: QuantizationForm {
    /// How a module is quantised.
    struct Setting: Equatable, Sendable {
        var bitCount: Int
        var groupLength: Int
    }

    private let setting: Setting
    /// Modules that are quantised in another way. A module that isn't quantised has no scales.
    private let others: [String: Setting]

    /// Reads `quantization` of config.json.
    ///
    /// - Throws: ``CheckpointError`` when it isn't of this form.
    init(_ reader: QuantizationReader) throws(CheckpointError) {
        setting = try Self.setting(reader, default: nil)
        var others: [String: Setting] = [:]
        for key in reader.keys where !["group_size", "bits", "mode", "quant_method"].contains(key) {
            if let module = try reader.objectOrBool(key) {
                others[key] = try Self.setting(module, default: setting)
            }
        }
        self.others = others
    }

    private static func setting(
        _ reader: QuantizationReader, default other: Setting?
    ) throws(CheckpointError) -> Setting {
        let mode = try reader.string("mode") ?? "affine"
        guard mode == "affine" else {
            throw reader.unsupported("MLX's \(mode)", "and of MLX's forms only affine is read")
        }
        let bitCount = try reader.integer("bits") ?? other?.bitCount
        let groupLength = try reader.integer("group_size") ?? other?.groupLength
        guard let bitCount, let groupLength else { throw reader.invalid("says nothing of bits or group_size") }
        guard [2, 3, 4, 5, 6, 8].contains(bitCount) else {
            throw reader.unsupported("MLX with \(bitCount) bits", "and 2, 3, 4, 5, 6 or 8 are read")
        }
        guard [32, 64, 128].contains(groupLength) else {
            throw reader.unsupported("MLX with groups of \(groupLength)", "and groups of 32, 64 or 128 are read")
        }
        return Setting(bitCount: bitCount, groupLength: groupLength)
    }

    func matrix(of name: String, in source: SafetensorsSource) throws(CheckpointError) -> QuantizedMatrix? {
        guard let module = name.removing(suffix: ".weight"),
            let scales = QuantizedPart(optional: module + ".scales", in: source)
        else { return nil }
        let setting = others[module] ?? setting
        let codes = try QuantizedPart(name, in: source)
        let biases = try QuantizedPart(module + ".biases", in: source)
        let (rowCount, wordCount) = try codes.matrixShape(types: ["U32"])
        let scaleType = try scales.scaleFormat()
        try biases.expect(types: [scales.tensor.typeName])
        let (columnCount, rest) = (wordCount * 32).quotientAndRemainder(dividingBy: setting.bitCount)
        guard rest == 0, columnCount % setting.groupLength == 0 else {
            throw codes.malformed(
                "has rows of \(wordCount) words, which are no whole groups of \(setting.groupLength) codes of "
                    + "\(setting.bitCount) bits")
        }
        let groupCount = columnCount / setting.groupLength
        try scales.expect(shape: [rowCount, groupCount], by: name)
        try biases.expect(shape: [rowCount, groupCount], by: name)
        return QuantizedMatrix(
            name: name, form: "\(setting.bitCount)-bit MLX", shape: (rowCount, columnCount), bitCount: setting.bitCount,
            scaleType: scaleType, formula: .minima, groups: .neighboring(length: setting.groupLength),
            groupCount: groupCount, stored: [codes.tensor, scales.tensor, biases.tensor],
            parts: Parts(
                codes: codes, scales: scales, biases: biases, bitCount: setting.bitCount, columnCount: columnCount))
    }

    private struct Parts: QuantizedParts {
        let codes: QuantizedPart
        let scales: QuantizedPart
        let biases: QuantizedPart
        let bitCount: Int
        let columnCount: Int

        func readCodes(_ rows: Range<Int>, into target: UnsafeMutableBufferPointer<UInt8>) throws(CheckpointError) {
            try codes.unpackRows(rows, bitCount: bitCount, columnCount: columnCount, into: target)
        }

        func scales(_ rows: Range<Int>) throws(CheckpointError) -> QuantizedScales {
            QuantizedScales(scales: try scales.floats(rows: rows), offsets: try biases.floats(rows: rows))
        }
    }
}

extension QuantizedPart {
    /// Unpacks rows whose codes follow each other bit by bit.
    func unpackRows(
        _ rows: Range<Int>, bitCount: Int, columnCount: Int, into target: UnsafeMutableBufferPointer<UInt8>
    ) throws(CheckpointError) {
        let bytes = try bytes(rows: rows)
        let rowByteCount = bytes.count / rows.count
        bytes.withUnsafeBufferPointer { bytes in
            guard let source = bytes.baseAddress, let target = target.baseAddress else { return }
            for row in 0..<rows.count {
                BitStream.unpack(
                    source + row * rowByteCount, bitCount: bitCount, count: columnCount,
                    into: target + row * columnCount)
            }
        }
    }
}

extension String {
    /// What stands before a suffix; nil without it.
    func removing(suffix: String) -> String? { hasSuffix(suffix) ? String(dropLast(suffix.count)) : nil }
}
