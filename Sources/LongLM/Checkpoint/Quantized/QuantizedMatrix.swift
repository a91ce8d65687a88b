import SIMDKernels

/// A quantised matrix of a safetensors checkpoint, and the format in which the engine takes it.
///
/// The format holds the numbers that the form defines, exactly: those that its formula gives in 32-bit floats, each
/// operation rounded.
struct QuantizedMatrix: Sendable {
    /// What the number d of a scale and the code c stand for.
    enum Formula: Equatable, Sendable {
        /// d · (c − z), with one whole number z for the whole matrix.
        case symmetric(UInt8)
        /// d · (c − z), with a whole number z for every scale.
        case zeroPoints
        /// d · c + m, with a number m for every scale.
        case minima
        /// d times the E4M3 number of the code's bits.
        case float8
    }

    /// Which scale a column has.
    enum Groups: Equatable, Sendable {
        /// That of the group `column / length`.
        case neighboring(length: Int)
        /// That of the group that is listed for it.
        case listed([Int32])
    }

    let tensor: StoredTensor
    let format: WeightFormat
    let rowCount: Int
    let columnCount: Int
    private let groupCount: Int
    private let formula: Formula
    private let groups: Groups
    private let parts: any QuantizedParts

    /// - Parameters:
    ///   - name: The matrix's name, unquantised.
    ///   - form: What people call the form, such as `4-bit GPTQ`.
    ///   - shape: N and K.
    ///   - bitCount: The bits of a code.
    ///   - scaleType: The type of scales, and of minima.
    ///   - formula: What codes stand for.
    ///   - groups: Which scale a column has.
    ///   - groupCount: How many scales a row has.
    ///   - stored: The stored tensors that it consists of, the codes first.
    ///   - parts: What reads them.
    init(
        name: String, form: String, shape: (rows: Int, columns: Int), bitCount: Int, scaleType: WeightFormat,
        formula: Formula, groups: Groups, groupCount: Int, stored: [StoredTensor], parts: any QuantizedParts
    ) {
        (rowCount, columnCount) = shape
        self.formula = formula
        self.groups = groups
        self.groupCount = groupCount
        self.parts = parts
        format = Self.format(
            bitCount: bitCount, scaleType: scaleType, formula: formula, groups: groups, columnCount: shape.columns)
        tensor = StoredTensor(
            name: name, file: stored.first?.file ?? "", shape: [shape.rows, shape.columns], typeName: form,
            format: format, byteCount: shape.rows * format.rowByteCount(columnCount: shape.columns),
            partNames: stored.map(\.name))
    }

    /// The smallest format that holds the numbers exactly.
    private static func format(
        bitCount: Int, scaleType: WeightFormat, formula: Formula, groups: Groups, columnCount: Int
    ) -> WeightFormat {
        guard case .neighboring(let length) = groups else { return .float32 }
        /// Whether all of so many neighboring columns have one scale.
        func isWhole(_ blockLength: Int) -> Bool {
            columnCount % blockLength == 0 && (length % blockLength == 0 || length >= columnCount)
        }
        guard isWhole(32) else { return .float32 }
        let affine = bitCount <= 4 && isWhole(64) ? WeightFormat.affine4 : .affine8
        switch (formula, scaleType) {
        case (.float8, _): return .float8
        case (.symmetric(8), .float16) where bitCount == 4: return .q40
        case (.symmetric(128), .float16) where bitCount == 8: return .q80
        // A power of two times a scale is exact, and so is a 16-bit scale times a zero point.
        case (.symmetric, _): return affine
        case (_, .float32): return .float32
        case (.minima, .float16) where bitCount <= 4: return .q41
        case (.minima, .float16) where bitCount == 5: return .q51
        default: return affine
        }
    }

    /// Writes rows in the matrix's format.
    ///
    /// - Throws: ``CheckpointError`` when the parts can't be read, or a number isn't one.
    func readRows(_ rows: Range<Int>, into target: UnsafeMutableRawBufferPointer) throws(CheckpointError) {
        guard !rows.isEmpty, let start = target.baseAddress else { return }
        let scales = try parts.scales(rows)
        // Then no product overflows.
        guard (scales.scales + scales.offsets).allSatisfy({ $0.magnitude <= 0x1p100 }) else {
            throw .malformedTensor(
                file: tensor.file, tensor: tensor.name,
                reason: "has scales that are infinite, no numbers or above 2^100")
        }
        let storage = AlignedBuffer(byteCount: rows.count * columnCount)
        let codes = UnsafeMutableBufferPointer(
            start: storage.bytes.assumingMemoryBound(to: UInt8.self), count: rows.count * columnCount)
        try parts.readCodes(rows, into: codes)
        if formula == .float8, codes.contains(where: { $0 & 0x7f == 0x7f }) {
            throw .malformedTensor(file: tensor.file, tensor: tensor.name, reason: "has codes that are no numbers")
        }
        guard let first = codes.baseAddress else { return }
        let rowByteCount = format.rowByteCount(columnCount: columnCount)
        for row in 0..<rows.count {
            let writer = QuantizedRowWriter(
                codes: first + row * columnCount, columnCount: columnCount, target: start + row * rowByteCount)
            write(writer, scales, from: row * groupCount)
        }
    }

    private func write(_ writer: QuantizedRowWriter, _ scales: QuantizedScales, from first: Int) {
        func offset(_ group: Int) -> Float { scales.offsets.isEmpty ? 0 : scales.offsets[first + group] }
        switch groups {
        case .listed(let groups):
            writer.writeFloats(formula) { (scales.scales[first + Int(groups[$0])], offset(Int(groups[$0]))) }
        case .neighboring(let length) where format == .float32:
            writer.writeFloats(formula) { (scales.scales[first + $0 / length], offset($0 / length)) }
        case .neighboring(let length):
            for column in stride(from: 0, to: columnCount, by: format.columnMultiple) {
                let group = column / length
                let scale = scales.scales[first + group]
                let minimum: Float
                switch formula {
                case .symmetric(let zero): minimum = -(scale * Float(zero))
                case .zeroPoints: minimum = -(scale * offset(group))
                case .minima: minimum = offset(group)
                case .float8: minimum = 0
                }
                writer.writeBlock(format, column: column, scale: scale, minimum: minimum)
            }
        }
    }
}

/// Writes the codes of one row in a format of the engine.
struct QuantizedRowWriter {
    let codes: UnsafePointer<UInt8>
    let columnCount: Int
    /// Where the row begins.
    let target: UnsafeMutableRawPointer

    /// Writes 32-bit floats.
    ///
    /// - Parameter numbers: The scale of a column, and its zero point or minimum.
    func writeFloats(_ formula: QuantizedMatrix.Formula, _ numbers: (Int) -> (scale: Float, offset: Float)) {
        for column in 0..<columnCount {
            let (scale, offset) = numbers(column)
            let code = codes[column]
            let value: Float
            switch formula {
            case .symmetric(let zero): value = scale * Float(Int(code) - Int(zero))
            case .zeroPoints: value = scale * (Float(code) - offset)
            case .minima: value = scale * Float(code) + offset
            case .float8: value = scale * Self.float8(code)
            }
            target.storeBytes(of: value.bitPattern.littleEndian, toByteOffset: 4 * column, as: UInt32.self)
        }
    }

    /// The E4M3 number of a code: an exponent with a bias of 7 and 3 bits of fraction.
    private static func float8(_ code: UInt8) -> Float {
        let magnitude = Float(bitPattern: UInt32(code & 0x7f) << 20) * 0x1p120
        return code & 0x80 == 0 ? magnitude : -magnitude
    }

    /// Writes a block, which has one scale.
    func writeBlock(_ format: WeightFormat, column: Int, scale: Float, minimum: Float) {
        let block = target + column / format.columnMultiple * format.rowByteCount(columnCount: format.columnMultiple)
        let codes = codes + column
        switch format {
        case .q40:
            store(Self.halfBits(scale), block)
            storeNibbles(codes, block + 2)
        case .q41:
            store(Self.halfBits(scale), block)
            store(Self.halfBits(minimum), block + 2)
            storeNibbles(codes, block + 4)
        case .q51:
            store(Self.halfBits(scale), block)
            store(Self.halfBits(minimum), block + 2)
            var fifth: UInt32 = 0
            for index in 0..<32 { fifth |= UInt32(codes[index] >> 4 & 1) << UInt32(index) }
            store(fifth, block + 4)
            storeNibbles(codes, block + 8)
        case .q80:
            store(Self.halfBits(scale), block)
            for index in 0..<32 { block.storeBytes(of: codes[index] ^ 0x80, toByteOffset: 2 + index, as: UInt8.self) }
        case .affine4:
            store(scale.bitPattern, block)
            store(minimum.bitPattern, block + 4)
            storeNibbles(codes, block + 8)
            storeNibbles(codes + 32, block + 24)
        case .affine8:
            store(scale.bitPattern, block)
            store(minimum.bitPattern, block + 4)
            (block + 8).copyMemory(from: codes, byteCount: 32)
        case .float8:
            store((scale * 256).bitPattern, block)
            (block + 4).copyMemory(from: codes, byteCount: 32)
        default: preconditionFailure("no quantised matrix is stored as \(format.rawValue)")
        }
    }

    private func store<Bits: FixedWidthInteger>(_ bits: Bits, _ place: UnsafeMutableRawPointer) {
        place.storeBytes(of: bits.littleEndian, as: Bits.self)
    }

    /// 32 codes as GGUF's formats have them: the first sixteen in the lower halves of the bytes.
    private func storeNibbles(_ codes: UnsafePointer<UInt8>, _ place: UnsafeMutableRawPointer) {
        for index in 0..<16 {
            place.storeBytes(
                of: codes[index] & 15 | codes[index + 16] << 4, toByteOffset: index, as: UInt8.self)
        }
    }

    /// The half-precision number of a float that was one.
    private static func halfBits(_ value: Float) -> UInt16 {
        let sign = UInt16(truncatingIfNeeded: value.bitPattern >> 16 & 0x8000)
        let fraction = UInt16(truncatingIfNeeded: value.bitPattern >> 13 & 0x3ff)
        if !value.isFinite { return sign | 0x7c00 | (value.isNaN ? fraction | 0x200 : 0) }
        if value.magnitude < 0x1p-14 { return sign | UInt16(value.magnitude * 0x1p24) }
        return sign | UInt16(truncatingIfNeeded: (value.bitPattern >> 13 & 0x3ffff) - (112 << 10))
    }
}
