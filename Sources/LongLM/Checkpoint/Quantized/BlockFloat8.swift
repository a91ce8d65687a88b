import SIMDKernels

/// The form `fp8`: `P.weight` [N, K] holds 8-bit floats (E4M3), and `P.weight_scale_inv` a scale for every block of rows
/// and columns. A weight is the product of the two.
struct BlockFloat8: QuantizationForm {
    private let block: (rows: Int, columns: Int)

    /// Reads `quantization_config` of config.json.
    ///
    /// - Throws: ``CheckpointError`` when it isn't of a form that is read.
    init(_ reader: QuantizationReader) throws(CheckpointError) {
        guard let sizes = try reader.integers("weight_block_size") else {
            throw reader.unsupported("FP8 without blocks", "and FP8 with weight_block_size is read")
        }
        guard sizes.count == 2, sizes.allSatisfy({ (1...(1 << 24)).contains($0) }) else {
            throw reader.invalid("has a weight_block_size of \(sizes), which must be two sizes")
        }
        block = (sizes[0], sizes[1])
        let type = try reader.string("fmt") ?? "e4m3"
        guard type == "e4m3" else { throw reader.unsupported("FP8 of the type \(type)", "and e4m3 is read") }
    }

    func matrix(of name: String, in source: SafetensorsSource) throws(CheckpointError) -> QuantizedMatrix? {
        guard let module = name.removing(suffix: ".weight"),
            let scales = QuantizedPart(optional: name + "_scale_inv", in: source)
        else { return nil }
        let codes = try QuantizedPart(name, in: source)
        return try Float8Parts.matrix(
            name, codes: codes, scales: scales, block: block, form: "FP8",
            others: [module + ".input_scale", module + ".activation_scale"], in: source)
    }
}

/// 8-bit floats and the scales of their blocks.
struct Float8Parts: QuantizedParts {
    private let codes: QuantizedPart
    private let scales: BlockScales

    /// The matrix of 8-bit floats.
    ///
    /// - Parameters:
    ///   - block: The rows and columns that share a scale.
    ///   - others: Names of tensors that belong to the matrix and change nothing, if they are there.
    static func matrix(
        _ name: String, codes: QuantizedPart, scales: QuantizedPart, block: (rows: Int, columns: Int), form: String,
        others: [String], in source: SafetensorsSource
    ) throws(CheckpointError) -> QuantizedMatrix {
        let shape = try codes.matrixShape(types: ["F8_E4M3"])
        let scaleType = try scales.scaleFormat()
        let rowGroupCount = (shape.rows - 1) / block.rows + 1
        let groupCount = (shape.columns - 1) / block.columns + 1
        try scales.expect(countOf: [rowGroupCount, groupCount], by: name)
        let parts = Float8Parts(
            codes: codes, scales: BlockScales(part: scales, rowLength: block.rows, groupCount: groupCount))
        return QuantizedMatrix(
            name: name, form: form, shape: shape, bitCount: 8, scaleType: scaleType, formula: .float8,
            groups: .neighboring(length: block.columns), groupCount: groupCount,
            stored: [codes.tensor, scales.tensor] + others.compactMap(source.tensor), parts: parts)
    }

    func readCodes(_ rows: Range<Int>, into target: UnsafeMutableBufferPointer<UInt8>) throws(CheckpointError) {
        let bytes = try codes.bytes(rows: rows)
        _ = target.update(from: bytes)
    }

    func scales(_ rows: Range<Int>) throws(CheckpointError) -> QuantizedScales {
        QuantizedScales(scales: try scales.floats(rows))
    }
}

/// Numbers [⌈N / length⌉, groups], of which neighboring rows share those of one row.
struct BlockScales: Sendable {
    let part: QuantizedPart
    /// How many rows share them.
    let rowLength: Int
    let groupCount: Int

    /// Those of some rows, [rows, groups].
    func floats(_ rows: Range<Int>) throws(CheckpointError) -> [Float] {
        let first = rows.lowerBound / rowLength
        let last = (rows.upperBound - 1) / rowLength
        // Numbers of a scalar, or of a vector for rows or groups, lie as those of a matrix.
        let numbers = try part.numbers(from: first * groupCount, count: (last + 1 - first) * groupCount)
        return rows.flatMap { row in
            let start = (row / rowLength - first) * groupCount
            return numbers[start..<(start + groupCount)]
        }
    }
}
