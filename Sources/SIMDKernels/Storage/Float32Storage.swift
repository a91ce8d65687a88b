import CLongLM

/// 32-bit floats, one per word.
enum Float32Storage: PanelStorage {
    @inline(always) static var readsWidened: Bool { true }
    @inline(always) static var blockLength: Int { 1 }
    @inline(always) static var blockWordCount: Int { PackedMatrix.panelWidth }

    @inline(always)
    static func lanes<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, column: Int, _: Widen.Type
    ) -> Lanes { block.lanes(at: row) }
}

extension Float32Storage: WeightStorage {
    static func rowByteCount(columnCount: Int) -> Int { columnCount * 4 }

    @inline(always)
    static func pack(
        _ rows: UnsafeRawPointer, rowCount: Int, columnCount: Int, into panel: UnsafeMutablePointer<Float>
    ) {
        WordPanel.packWords(
            rows, rowByteCount: columnCount * 4, rowCount: rowCount, wordCount: columnCount, into: panel
        ) { row, column in
            longlm_load_word(rows + (row * columnCount + column) * 4)
        }
    }

    @inline(always) static var roundsFloats: Bool { true }

    @inline(always)
    static func packRounded(
        _ rows: UnsafePointer<Float>, rowCount: Int, columnCount: Int, into panel: UnsafeMutablePointer<Float>
    ) {
        pack(UnsafeRawPointer(rows), rowCount: rowCount, columnCount: columnCount, into: panel)
    }

    static func widen(_ row: UnsafeRawPointer, columnCount: Int, into output: UnsafeMutablePointer<Float>) {
        for column in 0..<columnCount {
            output[column] = row.loadUnaligned(fromByteOffset: column * 4, as: Float.self)
        }
    }

    static func copyRow(
        _ row: Int, of panel: UnsafePointer<Float>, columnCount: Int, to output: UnsafeMutablePointer<Float>
    ) {
        for column in 0..<columnCount { output[column] = panel[column * PackedMatrix.panelWidth + row] }
    }
}

extension Float32Storage: CacheStorage {
    typealias Keys = Float32Storage
    typealias Values = Float32Storage

    static func encode(_ numbers: UnsafePointer<Float>, headDimension: Int, to bytes: UnsafeMutableRawPointer) {
        for d in 0..<headDimension {
            bytes.storeBytes(of: numbers[d].bitPattern.littleEndian, toByteOffset: 4 * d, as: UInt32.self)
        }
    }

    static func decode(_ bytes: UnsafeRawPointer, headDimension: Int, to numbers: UnsafeMutablePointer<Float>) {
        for d in 0..<headDimension {
            numbers[d] = Float(
                bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * d, as: UInt32.self)))
        }
    }

    @inline(always)
    static func valueOffset(position: Int, stride: Int) -> Int { position * stride }

    static func keyPanelWordCount(headDimension: Int) -> Int { headDimension * AttentionShape.panelLength }

    static func valueWordCount(count: Int, stride: Int) -> Int { count * stride }

    static func storeKey(
        _ key: UnsafePointer<Float>, headDimension: Int, in panel: UnsafeMutablePointer<Float>, place: Int
    ) {
        for d in 0..<headDimension { panel[d * AttentionShape.panelLength + place] = key[d] }
    }

    static func loadKey(
        _ key: UnsafeMutablePointer<Float>, headDimension: Int, from panel: UnsafePointer<Float>, place: Int
    ) {
        for d in 0..<headDimension { key[d] = panel[d * AttentionShape.panelLength + place] }
    }

    static func storeValue(
        _ value: UnsafePointer<Float>, headDimension: Int, in values: UnsafeMutablePointer<Float>, place: Int,
        stride: Int
    ) {
        let target = values + place * stride
        target.update(from: value, count: headDimension)
        (target + headDimension).update(repeating: 0, count: stride - headDimension)
    }

    static func loadValue(
        _ value: UnsafeMutablePointer<Float>, headDimension: Int, from values: UnsafePointer<Float>, place: Int,
        stride: Int
    ) {
        value.update(from: values + place * stride, count: headDimension)
    }
}
