import Foundation
import Safetensors

/// A form in which safetensors checkpoints keep quantised matrices, written bit by bit from its description, and the
/// numbers that it defines.
package struct QuantizedLayout: Sendable, CustomStringConvertible {
    /// A stored tensor.
    package struct Part: Sendable {
        package var name: String
        package var dtype: DType
        package var shape: [Int]
        package var bytes: [UInt8]

        package init(_ name: String, _ dtype: DType, _ shape: [Int], _ bytes: [UInt8]) {
            self.name = name
            self.dtype = dtype
            self.shape = shape
            self.bytes = bytes
        }
    }

    /// The parts of a matrix, and its numbers [rows, columns].
    package typealias Packed = (parts: [Part], values: [Float])

    package let description: String
    /// What config.json has besides the model's sizes.
    package var configuration: [String: String]
    /// Other files in the directory.
    package var files: [String: String] = [:]
    /// Whether the embedding and the projection onto the vocabulary are quantised too.
    package var quantizesVocabulary = false
    /// The format that the engine takes a matrix of `columns` columns in, by its raw value.
    package var format: @Sendable (_ columns: Int) -> String
    /// Makes a random matrix: (module, rows, columns).
    package var pack: @Sendable (String, Int, Int, inout SeededGenerator) -> Packed

    package init(
        _ description: String, _ configuration: [String: String], format: @escaping @Sendable (Int) -> String,
        pack: @escaping @Sendable (String, Int, Int, inout SeededGenerator) -> Packed
    ) {
        self.description = description
        self.configuration = configuration
        self.format = format
        self.pack = pack
    }
}

// MARK: Numbers

/// Codes of a few bits one after the other, the first in the lowest bits, filled up to whole words of 32 bits.
package func packedBits(_ codes: [Int], _ bitCount: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: (codes.count * bitCount + 31) / 32 * 4)
    for (index, code) in codes.enumerated() {
        for bit in 0..<bitCount where code >> bit & 1 == 1 {
            let place = index * bitCount + bit
            bytes[place / 8] |= 1 << UInt8(place % 8)
        }
    }
    return bytes
}

/// Rows of 32-bit words as columns.
private func transposedWords(_ rows: [[UInt8]]) -> [UInt8] {
    let wordCount = (rows.first?.count ?? 0) / 4
    return (0..<wordCount).flatMap { word in rows.flatMap { $0[(4 * word)..<(4 * word + 4)] } }
}

private func transposed(_ numbers: [Float], rows: Int, columns: Int) -> [Float] {
    (0..<columns).flatMap { column in (0..<rows).map { numbers[$0 * columns + column] } }
}

extension TinyLlama.Storage {
    fileprivate func bytes(of numbers: [Float]) -> [UInt8] { numbers.flatMap(bytes) }
}

/// The codes and scales of a matrix.
private struct RandomCodes {
    /// [rows, columns]
    let codes: [Int]
    /// [rows or 1, groups]
    let scales: [Float]

    /// - Parameter isSigned: Whether scales may be negative.
    init(
        _ rows: Int, _ columns: Int, bitCount: Int, scaleCount: Int, _ type: TinyLlama.Storage, isSigned: Bool = false,
        using generator: inout SeededGenerator
    ) {
        codes = (0..<(rows * columns)).map { _ in Int.random(in: 0..<(1 << bitCount), using: &generator) }
        let deviation = 1.5 / Float(columns).squareRoot() / (0.3 * Float(1 << bitCount))
        scales = (0..<scaleCount).map { _ in
            let sign: Float = isSigned && Bool.random(using: &generator) ? -1 : 1
            return type.rounded(sign * deviation * Float.random(in: 0.5...1.5, using: &generator))
        }
    }
}

// MARK: MLX

extension QuantizedLayout {
    package static func mlx(
        bits: Int, group: Int, _ type: TinyLlama.Storage, format: @escaping @Sendable (Int) -> String
    ) -> QuantizedLayout {
        let setting = #"{"group_size": \#(group), "bits": \#(bits), "mode": "affine"}"#
        var layout = QuantizedLayout(
            "MLX, \(bits) bits, groups of \(group), \(type)",
            ["quantization": setting, "quantization_config": setting], format: format
        ) { module, rows, columns, generator in
            mlx(module, rows, columns, bits: bits, group: group, type, using: &generator)
        }
        layout.quantizesVocabulary = true
        return layout
    }

    package static func mlx(
        _ module: String, _ rows: Int, _ columns: Int, bits: Int, group: Int, _ type: TinyLlama.Storage,
        using generator: inout SeededGenerator
    ) -> Packed {
        let count = rows * columns / group
        let random = RandomCodes(
            rows, columns, bitCount: bits, scaleCount: count, type, isSigned: true, using: &generator)
        let biases = random.scales.map { scale in
            type.rounded(-scale * Float(1 << (bits - 1)) * Float.random(in: 0.8...1.2, using: &generator))
        }
        var values: [Float] = []
        for (index, code) in random.codes.enumerated() {
            let product = random.scales[index / group] * Float(code)
            values.append(product + biases[index / group])
        }
        let words = (0..<rows).flatMap { packedBits(Array(random.codes[($0 * columns)..<(($0 + 1) * columns)]), bits) }
        return (
            [
                Part(module + ".weight", .uint32, [rows, columns * bits / 32], words),
                Part(module + ".scales", type.dtype, [rows, columns / group], type.bytes(of: random.scales)),
                Part(module + ".biases", type.dtype, [rows, columns / group], type.bytes(of: biases)),
            ], values
        )
    }
}

// MARK: compressed-tensors

extension QuantizedLayout {
    /// Integers of compressed-tensors.
    ///
    /// - Parameters:
    ///   - group: Columns of a group; nil: one scale for each row, or, with `isWhole`, for the matrix.
    ///   - order: The group of each column, instead of neighboring ones.
    package static func compressedIntegers(
        bits: Int, group: Int?, isWhole: Bool = false, isSymmetric: Bool = true, isPacked: Bool = true,
        _ type: TinyLlama.Storage, isShuffled: Bool = false, format: @escaping @Sendable (Int) -> String
    ) -> QuantizedLayout {
        let strategy = group != nil ? "group" : isWhole ? "tensor" : "channel"
        let form = isPacked ? "pack-quantized" : "int-quantized"
        let configuration = """
            {"quant_method": "compressed-tensors", "format": "\(form)", "ignore": ["lm_head"],
            "kv_cache_scheme": null, "config_groups": {"group_0": {"targets": ["Linear"], "input_activations": null,
            "weights": {"num_bits": \(bits), "type": "int", "symmetric": \(isSymmetric), "strategy": "\(strategy)",
            "group_size": \(group.map { "\($0)" } ?? "null"), "actorder": \(isShuffled ? "\"group\"" : "null")}}}}
            """
        return QuantizedLayout(
            "compressed-tensors, \(form), \(bits) bits, \(strategy) \(group ?? 0)"
                + (isSymmetric ? "" : ", zero points") + (isShuffled ? ", shuffled" : "") + ", \(type)",
            ["quantization_config": configuration], format: format
        ) { module, rows, columns, generator in
            let groupCount = columns / (group ?? columns)
            let scaleRows = isWhole ? 1 : rows
            let random = RandomCodes(
                rows, columns, bitCount: bits, scaleCount: scaleRows * groupCount, type, using: &generator)
            let half = 1 << (bits - 1)
            // As they are without half of the range added.
            let zeros = (0..<(scaleRows * groupCount)).map { _ in
                isSymmetric ? 0 : Int.random(in: -half..<half, using: &generator)
            }
            var groups = (0..<columns).map { $0 / (group ?? columns) }
            if isShuffled { groups.shuffle(using: &generator) }
            var values: [Float] = []
            for (index, code) in random.codes.enumerated() {
                let (row, column) = index.quotientAndRemainder(dividingBy: columns)
                let place = (isWhole ? 0 : row) * groupCount + groups[column]
                values.append(Float(code - half - zeros[place]) * random.scales[place])
            }
            var parts = [
                Part(
                    module + ".weight_scale", type.dtype, isWhole ? [1] : [rows, groupCount],
                    type.bytes(of: random.scales))
            ]
            if isPacked {
                let words = (0..<rows).map {
                    packedBits(Array(random.codes[($0 * columns)..<(($0 + 1) * columns)]), bits)
                }
                parts.append(
                    Part(module + ".weight_packed", .int32, [rows, words[0].count / 4], words.flatMap { $0 }))
                let shape = [rows, columns].flatMap { size in (0..<8).map { UInt8(size >> (8 * $0) & 255) } }
                parts.append(Part(module + ".weight_shape", .int64, [2], shape))
            } else {
                let bytes = random.codes.map { UInt8(bitPattern: Int8($0 - half)) }
                parts.append(Part(module + ".weight", .int8, [rows, columns], bytes))
            }
            if !isSymmetric, isPacked {
                let columnsOfZeros = (0..<groupCount).map { group in
                    packedBits((0..<scaleRows).map { zeros[$0 * groupCount + group] + half }, bits)
                }
                parts.append(
                    Part(
                        module + ".weight_zero_point", .int32, [columnsOfZeros[0].count / 4, groupCount],
                        transposedWords(columnsOfZeros)))
            } else if !isSymmetric {
                parts.append(
                    Part(
                        module + ".weight_zero_point", .int8, [rows, groupCount],
                        zeros.map { UInt8(bitPattern: Int8($0)) }))
            }
            if isShuffled {
                let bytes = groups.flatMap { group in (0..<4).map { UInt8(group >> (8 * $0) & 255) } }
                parts.append(Part(module + ".weight_g_idx", .int32, [columns], bytes))
            }
            return (parts, values)
        }
    }
}

// MARK: GPTQ and AWQ

extension QuantizedLayout {
    package static func gptq(
        bits: Int, group: Int?, isSymmetric: Bool, version: Int = 1, isShuffled: Bool = false, isBeside: Bool = false,
        _ type: TinyLlama.Storage = .float16, format: @escaping @Sendable (Int) -> String
    ) -> QuantizedLayout {
        let form = version == 2 ? #""checkpoint_format": "gptq_v2","# : ""
        let configuration = """
            {\(isBeside ? "" : #""quant_method": "gptq","#) \(form) "bits": \(bits), "group_size": \(group ?? -1),
            "desc_act": \(isShuffled), "sym": \(isSymmetric), "damp_percent": 0.01}
            """
        var layout = QuantizedLayout(
            "GPTQ \(version), \(bits) bits, groups of \(group ?? -1), \(type)" + (isSymmetric ? "" : ", zero points")
                + (isShuffled ? ", desc_act" : "") + (isBeside ? ", quantize_config.json" : ""),
            isBeside ? [:] : ["quantization_config": configuration], format: format
        ) { module, rows, columns, generator in
            let length = group ?? columns
            let groupCount = columns / length
            let random = RandomCodes(
                rows, columns, bitCount: bits, scaleCount: rows * groupCount, type, using: &generator)
            // Of version 1, the greatest zero point is one more than the greatest code.
            let range = version == 1 ? 1...(1 << bits) : 0...((1 << bits) - 1)
            let zeros = (0..<(rows * groupCount)).map { index in
                isSymmetric ? 1 << (bits - 1) : index == 5 ? range.upperBound : Int.random(in: range, using: &generator)
            }
            var groups = (0..<columns).map { $0 / length }
            if isShuffled { groups.shuffle(using: &generator) }
            var values: [Float] = []
            for (index, code) in random.codes.enumerated() {
                let (row, column) = index.quotientAndRemainder(dividingBy: columns)
                let place = row * groupCount + groups[column]
                values.append(random.scales[place] * Float(code - zeros[place]))
            }
            let words = (0..<rows).map { packedBits(Array(random.codes[($0 * columns)..<(($0 + 1) * columns)]), bits) }
            let stored = (0..<groupCount).flatMap { group in
                packedBits((0..<rows).map { zeros[$0 * groupCount + group] - (version == 1 ? 1 : 0) }, bits)
            }
            return (
                [
                    Part(module + ".qweight", .int32, [columns * bits / 32, rows], transposedWords(words)),
                    Part(module + ".qzeros", .int32, [groupCount, rows * bits / 32], stored),
                    Part(
                        module + ".scales", type.dtype, [groupCount, rows],
                        type.bytes(of: transposed(random.scales, rows: rows, columns: groupCount))),
                    Part(
                        module + ".g_idx", .int32, [columns],
                        groups.flatMap { group in (0..<4).map { UInt8(group >> (8 * $0) & 255) } }),
                ], values
            )
        }
        if isBeside { layout.files = ["quantize_config.json": configuration] }
        return layout
    }

    package static func awq(
        group: Int, _ type: TinyLlama.Storage = .float16, format: @escaping @Sendable (Int) -> String
    ) -> QuantizedLayout {
        QuantizedLayout(
            "AWQ, groups of \(group), \(type)",
            [
                "quantization_config": """
                {"quant_method": "awq", "bits": 4, "group_size": \(group), "zero_point": true, "version": "gemm",
                "modules_to_not_convert": null}
                """
            ], format: format
        ) { module, rows, columns, generator in
            let groupCount = columns / group
            let random = RandomCodes(
                rows, columns, bitCount: 4, scaleCount: rows * groupCount, type, using: &generator)
            let zeros = (0..<(rows * groupCount)).map { _ in Int.random(in: 0...15, using: &generator) }
            var values: [Float] = []
            for (index, code) in random.codes.enumerated() {
                let (row, column) = index.quotientAndRemainder(dividingBy: columns)
                let place = row * groupCount + column / group
                values.append(Float(code - zeros[place]) * random.scales[place])
            }
            /// Words of eight rows, in AWQ's order.
            func words(_ number: (Int) -> Int) -> [UInt8] {
                let order = [0, 2, 4, 6, 1, 3, 5, 7]
                return (0..<(rows / 8)).flatMap { word in packedBits(order.map { number(8 * word + $0) }, 4) }
            }
            return (
                [
                    Part(
                        module + ".qweight", .int32, [columns, rows / 8],
                        (0..<columns).flatMap { column in words { random.codes[$0 * columns + column] } }),
                    Part(
                        module + ".qzeros", .int32, [groupCount, rows / 8],
                        (0..<groupCount).flatMap { group in words { zeros[$0 * groupCount + group] } }),
                    Part(
                        module + ".scales", type.dtype, [groupCount, rows],
                        type.bytes(of: transposed(random.scales, rows: rows, columns: groupCount))),
                ], values
            )
        }
    }
}

// MARK: FP8

extension QuantizedLayout {
    /// 8-bit floats with a scale for each block.
    ///
    /// - Parameter strategy: `fp8` for the form of that name, or a strategy of compressed-tensors.
    package static func float8(
        _ strategy: String, block: (rows: Int, columns: Int)? = nil, _ type: TinyLlama.Storage = .float32,
        format: @escaping @Sendable (Int) -> String
    ) -> QuantizedLayout {
        let sizes = block.map { "[\($0.rows), \($0.columns)]" } ?? "null"
        let configuration =
            strategy == "fp8"
            ? #"{"quant_method": "fp8", "activation_scheme": "dynamic", "weight_block_size": \#(sizes)}"#
            : """
            {"quant_method": "compressed-tensors", "format": "float-quantized", "config_groups": {"group_0": {
            "targets": ["Linear"], "weights": {"num_bits": 8, "type": "float", "symmetric": true,
            "strategy": "\(strategy)", "block_structure": \(sizes)}}}}
            """
        return QuantizedLayout("FP8, \(strategy), \(type)", ["quantization_config": configuration], format: format) {
            module, rows, columns, generator in
            let block = block ?? (strategy == "tensor" ? rows : 1, columns)
            let (rowCount, columnCount) = ((rows - 1) / block.rows + 1, (columns - 1) / block.columns + 1)
            let codes = (0..<(rows * columns)).map { _ in
                UInt8(Int.random(in: 0..<127, using: &generator) + (Bool.random(using: &generator) ? 128 : 0))
            }
            let scales = (0..<(rowCount * columnCount)).map { _ in
                type.rounded(Float.random(in: 0.5...1.5, using: &generator) / 60 / Float(columns).squareRoot())
            }
            var values: [Float] = []
            for (index, code) in codes.enumerated() {
                let (row, column) = index.quotientAndRemainder(dividingBy: columns)
                values.append(
                    float8(code) * scales[row / block.rows * columnCount + column / block.columns])
            }
            let shape = strategy == "tensor" ? [1] : [rowCount, columnCount]
            let name = module + (strategy == "fp8" ? ".weight_scale_inv" : ".weight_scale")
            return (
                [
                    Part(module + ".weight", .float8E4M3, [rows, columns], codes),
                    Part(name, type.dtype, shape, type.bytes(of: scales)),
                ], values
            )
        }
    }

    /// 4 bits of exponent with a bias of 7, 3 bits of fraction, and numbers below 2⁻⁶ as multiples of 2⁻⁹.
    private static func float8(_ code: UInt8) -> Float {
        let (exponent, fraction) = (Int(code >> 3) & 15, Float(code & 7))
        let magnitude =
            exponent == 0
            ? fraction * 0x1p-9 : Float(sign: .plus, exponent: exponent - 7, significand: 1 + fraction / 8)
        return code & 128 == 0 ? magnitude : -magnitude
    }
}
