import SIMDKernels

/// The form of compressed-tensors: integers packed along K (`P.weight_packed`), integers of 8 bits (`P.weight`, I8), or
/// 8-bit floats (`P.weight`, F8_E4M3), with `P.weight_scale` for groups of columns, rows, blocks or the whole matrix. A
/// weight is (code − zero) · scale.
///
/// Codes and zero points of packed integers have half of their range added. Scales of activations are left out: the
/// engine doesn't round activations as such a file asks for.
struct CompressedTensors: QuantizationForm {
    /// What a group of modules in the configuration says of their weights.
    struct Scheme: Equatable, Sendable {
        enum Strategy: Equatable, Sendable {
            case tensor
            case channel
            case group(length: Int)
            case block(rows: Int, columns: Int)
        }

        var bitCount: Int
        var isFloat: Bool
        var isSymmetric: Bool
        var strategy: Strategy
        /// Whether columns may be in any group (`actorder`).
        var hasListedGroups = false
    }

    private let schemes: [Scheme]

    /// Reads `quantization_config` of config.json.
    ///
    /// - Throws: ``CheckpointError`` when it isn't of a form that is read.
    init(_ reader: QuantizationReader) throws(CheckpointError) {
        try Self.checkFormat(reader)
        if let sparsity = try reader.object("sparsity_config"), let format = try sparsity.string("format"),
            format != "dense"
        {
            throw reader.unsupported("compressed-tensors with sparse weights (\(format))", "which aren't read")
        }
        guard try reader.isEmpty("transform_config") else {
            throw reader.unsupported("compressed-tensors with rotations (transform_config)", "which aren't applied")
        }
        guard try reader.isEmpty("kv_cache_scheme") else {
            throw reader.unsupported("compressed-tensors with a quantised cache (kv_cache_scheme)", "which isn't read")
        }
        guard let groups = try reader.object("config_groups"), !groups.keys.isEmpty else {
            throw reader.invalid("has no config_groups")
        }
        var schemes: [Scheme] = []
        for name in groups.keys {
            guard let group = try groups.object(name), let weights = try group.object("weights") else {
                throw reader.invalid("has a group \(name) of config_groups that says nothing of weights")
            }
            try Self.checkFormat(group)
            schemes.append(try Self.scheme(weights))
        }
        self.schemes = schemes
    }

    private static func checkFormat(_ reader: QuantizationReader) throws(CheckpointError) {
        let known = [
            "pack-quantized", "int-quantized", "float-quantized", "naive-quantized", "dense", "mixed-precision",
        ]
        guard let format = try reader.string("format"), !known.contains(format) else { return }
        throw reader.unsupported(
            "compressed-tensors in the form \(format)", "and pack-quantized, int-quantized and float-quantized are read"
        )
    }

    private static func scheme(_ reader: QuantizationReader) throws(CheckpointError) -> Scheme {
        let bitCount = try reader.requiredInteger("num_bits")
        let type = try reader.string("type") ?? "int"
        guard type == "int" && (bitCount == 4 || bitCount == 8) || type == "float" && bitCount == 8 else {
            throw reader.unsupported(
                "compressed-tensors with weights of the type \(type) and \(bitCount) bits",
                "and integers of 4 or 8 bits and floats of 8 bits are read")
        }
        let isSymmetric = try reader.bool("symmetric") ?? true
        guard type == "int" || isSymmetric else { throw reader.unsupported("FP8 with zero points", "which isn't read") }
        // As the library does where the file says nothing.
        let length = try reader.integer("group_size")
        let inferred = (length ?? 0) > 0 ? "group" : length == -1 ? "channel" : "tensor"
        let strategy: Scheme.Strategy
        switch try reader.string("strategy") ?? inferred {
        case "tensor": strategy = .tensor
        case "channel": strategy = .channel
        case "group":
            guard let length, length > 0 else { throw reader.invalid("has the strategy group without a group_size") }
            strategy = .group(length: length)
        case "block":
            guard let sizes = try reader.integers("block_structure"), sizes.count == 2,
                sizes.allSatisfy({ (1...(1 << 24)).contains($0) })
            else { throw reader.invalid("has the strategy block without a block_structure of two sizes") }
            strategy = .block(rows: sizes[0], columns: sizes[1])
        case let other:
            throw reader.unsupported(
                "compressed-tensors with the strategy \(other)", "and tensor, channel, group and block are read")
        }
        return Scheme(
            bitCount: bitCount, isFloat: type == "float", isSymmetric: isSymmetric, strategy: strategy,
            hasListedGroups: try hasListedGroups(reader))
    }

    /// The other orders, `weight` and `static`, leave groups as they are.
    private static func hasListedGroups(_ reader: QuantizationReader) throws(CheckpointError) -> Bool {
        if let bool = reader.boolIfAny("actorder") { return bool }
        guard let order = try reader.string("actorder")?.lowercased() else { return false }
        switch order {
        case "group", "dynamic": return true
        case "weight", "static": return false
        default: throw reader.unsupported("compressed-tensors with the actorder \(order)", "which isn't read")
        }
    }

    func matrix(of name: String, in source: SafetensorsSource) throws(CheckpointError) -> QuantizedMatrix? {
        if let module = name.removing(suffix: ".weight_packed") {
            return try packedIntegers(module, QuantizedPart(name, in: source), source)
        }
        guard let module = name.removing(suffix: ".weight"),
            let scales = QuantizedPart(optional: module + ".weight_scale", in: source)
        else { return nil }
        let codes = try QuantizedPart(name, in: source)
        guard codes.tensor.typeName != "I8" else { return try integers(module, codes, source) }
        let shape = try codes.matrixShape(types: ["F8_E4M3", "I8"])
        let scheme = try scheme(of: codes, shape, scales: scales) { $0.isFloat }
        let block = Self.block(scheme, shape)
        return try Float8Parts.matrix(
            name, codes: codes, scales: scales, block: block, form: "FP8 of compressed-tensors",
            others: Self.activations.map { module + $0 }, in: source)
    }

    /// Tensors that say how activations are rounded.
    private static let activations = [".input_scale", ".input_zero_point", ".output_scale", ".output_zero_point"]

    /// The scheme that a matrix has: the first one that its parts fit.
    private func scheme(
        of codes: QuantizedPart, _ shape: (rows: Int, columns: Int), scales: QuantizedPart, where fits: (Scheme) -> Bool
    ) throws(CheckpointError) -> Scheme {
        _ = try scales.scaleFormat()
        let scheme = schemes.first { scheme in
            let block = Self.block(scheme, shape)
            let counts = [(shape.rows - 1) / block.rows + 1, (shape.columns - 1) / block.columns + 1]
            return fits(scheme) && scales.hasCount(of: counts)
        }
        guard let scheme else {
            throw codes.malformed(
                "and the scales beside it, of shape \(scales.shape), are of none of the config_groups")
        }
        return scheme
    }

    /// The rows and columns that share a scale.
    private static func block(_ scheme: Scheme, _ shape: (rows: Int, columns: Int)) -> (rows: Int, columns: Int) {
        switch scheme.strategy {
        case .tensor: shape
        case .channel: (1, shape.columns)
        case .group(let length): (1, length)
        case .block(let rows, let columns): (rows, columns)
        }
    }

    // MARK: Integers

    private func packedIntegers(
        _ module: String, _ codes: QuantizedPart, _ source: SafetensorsSource
    ) throws(CheckpointError) -> QuantizedMatrix {
        let (rowCount, wordCount) = try codes.matrixShape(types: ["I32"])
        let scales = try QuantizedPart(module + ".weight_scale", in: source)
        let zeros = QuantizedPart(optional: module + ".weight_zero_point", in: source)
        let size = try QuantizedPart(module + ".weight_shape", in: source)
        try size.expect(types: ["I64", "I32"])
        try size.expect(shape: [2], by: "a matrix")
        let shape = try size.integers()
        guard shape.count == 2, shape[0] == rowCount, shape[1] > 0, shape[1] <= wordCount * 32 else {
            throw size.malformed("is \(shape), but \(codes.tensor.name) has shape \(codes.shape)")
        }
        let columnCount = shape[1]
        let scheme = try scheme(of: codes, (rowCount, columnCount), scales: scales) { scheme in
            !scheme.isFloat && scheme.isSymmetric == (zeros == nil)
                && wordCount == (columnCount * scheme.bitCount + 31) / 32
        }
        return try matrix(
            module, scheme, (rowCount, columnCount),
            Integers(codes: codes, scales: scales, zeros: zeros, others: [size], isPacked: true), source)
    }

    private func integers(
        _ module: String, _ codes: QuantizedPart, _ source: SafetensorsSource
    ) throws(CheckpointError) -> QuantizedMatrix {
        let shape = try codes.matrixShape(types: ["I8"])
        let scales = try QuantizedPart(module + ".weight_scale", in: source)
        let zeros = QuantizedPart(optional: module + ".weight_zero_point", in: source)
        // Symmetric files of older versions have zero points as well, all of them 0.
        var scheme = try scheme(of: codes, shape, scales: scales) { scheme in
            !scheme.isFloat && (scheme.isSymmetric || zeros != nil)
        }
        // A code takes a byte, whatever its range.
        scheme.bitCount = 8
        scheme.isSymmetric = zeros == nil
        return try matrix(
            module, scheme, shape, Integers(codes: codes, scales: scales, zeros: zeros, others: [], isPacked: false),
            source)
    }

    /// The parts of a matrix of integers.
    private struct Integers {
        let codes: QuantizedPart
        let scales: QuantizedPart
        let zeros: QuantizedPart?
        let others: [QuantizedPart]
        let isPacked: Bool
    }

    private func matrix(
        _ module: String, _ scheme: Scheme, _ shape: (rows: Int, columns: Int), _ integers: Integers,
        _ source: SafetensorsSource
    ) throws(CheckpointError) -> QuantizedMatrix {
        let block = Self.block(scheme, shape)
        let groupCount = (shape.columns - 1) / block.columns + 1
        let scaleType = try integers.scales.scaleFormat()
        let indices = QuantizedPart(optional: module + ".weight_g_idx", in: source)
        let groups =
            try indices?.groups(columnCount: shape.columns, length: block.columns, groupCount: groupCount)
            ?? .neighboring(length: block.columns)
        guard indices != nil || !scheme.hasListedGroups || groupCount == 1 else {
            throw integers.codes.malformed("needs a weight_g_idx beside it, as actorder says")
        }
        let rowGroupCount = (shape.rows - 1) / block.rows + 1
        if let zeros = integers.zeros {
            try zeros.expect(types: [integers.isPacked ? "I32" : "I8"])
            let perWord = 32 / scheme.bitCount
            let expected = [integers.isPacked ? (rowGroupCount - 1) / perWord + 1 : rowGroupCount, groupCount]
            try zeros.expect(countOf: expected, by: integers.codes.tensor.name)
        }
        let parts = IntegerParts(
            codes: integers.codes, zeros: integers.zeros,
            scales: BlockScales(part: integers.scales, rowLength: block.rows, groupCount: groupCount),
            bitCount: scheme.bitCount, columnCount: shape.columns, isPacked: integers.isPacked)
        let all = [integers.codes, integers.scales] + [integers.zeros, indices].compactMap { $0 } + integers.others
        return QuantizedMatrix(
            name: module + ".weight", form: "\(scheme.bitCount)-bit compressed-tensors", shape: shape,
            bitCount: scheme.bitCount, scaleType: scaleType,
            formula: scheme.isSymmetric ? .symmetric(UInt8(1 << (scheme.bitCount - 1))) : .zeroPoints, groups: groups,
            groupCount: groupCount,
            stored: all.map(\.tensor) + Self.activations.compactMap { source.tensor(module + $0) }, parts: parts)
    }

    private struct IntegerParts: QuantizedParts {
        let codes: QuantizedPart
        let zeros: QuantizedPart?
        let scales: BlockScales
        let bitCount: Int
        let columnCount: Int
        let isPacked: Bool

        func readCodes(_ rows: Range<Int>, into target: UnsafeMutableBufferPointer<UInt8>) throws(CheckpointError) {
            if isPacked {
                return try codes.unpackRows(rows, bitCount: bitCount, columnCount: columnCount, into: target)
            }
            let bytes = try codes.bytes(rows: rows)
            for (index, byte) in bytes.enumerated() { target[index] = byte ^ 0x80 }
        }

        func scales(_ rows: Range<Int>) throws(CheckpointError) -> QuantizedScales {
            QuantizedScales(scales: try scales.floats(rows), offsets: try zeroPoints(rows))
        }

        /// The zero points of some rows, with half of the range added, [rows, groups].
        private func zeroPoints(_ rows: Range<Int>) throws(CheckpointError) -> [Float] {
            guard let zeros else { return [] }
            let (length, groupCount) = (scales.rowLength, scales.groupCount)
            let first = rows.lowerBound / length
            let last = (rows.upperBound - 1) / length
            let perWord = isPacked ? 32 / bitCount : 1
            let (firstWord, lastWord) = (first / perWord, last / perWord)
            let size = isPacked ? 4 : 1
            let bytes = try zeros.bytes(
                from: firstWord * groupCount * size, count: (lastWord + 1 - firstWord) * groupCount * size)
            var floats: [Float] = []
            floats.reserveCapacity(rows.count * groupCount)
            for row in rows {
                let place = row / length
                for group in 0..<groupCount {
                    let index = (place / perWord - firstWord) * groupCount + group
                    guard isPacked else {
                        floats.append(Float(bytes[index] ^ 0x80))
                        continue
                    }
                    // A code doesn't cross bytes.
                    let (byte, shift) = (place % perWord * bitCount).quotientAndRemainder(dividingBy: 8)
                    floats.append(Float(bytes[4 * index + byte] >> UInt8(shift) & UInt8((1 << bitCount) - 1)))
                }
            }
            return floats
        }
    }
}
