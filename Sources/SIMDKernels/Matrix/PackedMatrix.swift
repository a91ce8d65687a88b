/// How a matrix's numbers are stored. All are widened to 32-bit floats exactly before they are multiplied.
public enum ElementType: String, Sendable, CaseIterable {
    /// IEEE binary32.
    case float32
    /// The upper half of a binary32.
    case bfloat16
    /// IEEE binary16.
    case float16

    /// The size of one number in bytes.
    public var byteCount: Int { self == .float32 ? 4 : 2 }
}

/// A weight matrix [N, K] (one row per output) in the order in which GEMM and GEMV read it.
///
/// Rows are gathered in panels of 32. Within a panel the 32 numbers of one column lie side by side, column after
/// column: `panel[k · 32 + row]`. The last panel is filled up with zeros.
public final class PackedMatrix: Sendable {
    /// Rows of a panel (NR).
    public static let panelWidth = 32

    /// How the numbers are stored.
    public let elementType: ElementType
    /// N, the number of rows: the outputs of a product.
    public let rowCount: Int
    /// K, the number of columns: the inputs of a product.
    public let columnCount: Int
    private let storage: AlignedBuffer

    /// Packs a row-major [rowCount, columnCount] matrix.
    ///
    /// - Parameters:
    ///   - source: The numbers, little-endian, exactly rowCount · columnCount of them; no alignment is needed.
    ///   - elementType: How they are stored, here and in the result.
    ///   - rowCount: N, at least 1.
    ///   - columnCount: K, at least 1.
    public init(
        packing source: UnsafeRawBufferPointer, elementType: ElementType, rowCount: Int, columnCount: Int
    ) {
        precondition(rowCount > 0 && columnCount > 0, "a packed matrix isn't empty")
        precondition(
            source.count == rowCount * columnCount * elementType.byteCount,
            "the source has as many numbers as the matrix")
        self.elementType = elementType
        self.rowCount = rowCount
        self.columnCount = columnCount
        let panelCount = (rowCount + Self.panelWidth - 1) / Self.panelWidth
        storage = AlignedBuffer(
            byteCount: panelCount * Self.panelWidth * columnCount * elementType.byteCount)
        switch elementType {
        case .float32: pack(source, as: UInt32.self)
        case .bfloat16, .float16: pack(source, as: UInt16.self)
        }
    }

    private func pack<Bits: FixedWidthInteger>(_ source: UnsafeRawBufferPointer, as _: Bits.Type) {
        let target = storage.bytes.bindMemory(to: Bits.self, capacity: panelCount * Self.panelWidth * columnCount)
        let size = MemoryLayout<Bits>.size
        for panel in 0..<panelCount {
            let base = target + panel * Self.panelWidth * columnCount
            for lane in 0..<Self.panelWidth {
                let row = panel * Self.panelWidth + lane
                for column in 0..<columnCount {
                    base[column * Self.panelWidth + lane] =
                        row < rowCount
                        ? source.loadUnaligned(fromByteOffset: (row * columnCount + column) * size, as: Bits.self)
                        : 0
                }
            }
        }
    }

    /// The number of panels.
    var panelCount: Int { (rowCount + Self.panelWidth - 1) / Self.panelWidth }

    /// The bytes that the matrix occupies.
    public var byteCount: Int { storage.byteCount }

    /// The first panel.
    var panels: UnsafeRawPointer { UnsafeRawPointer(storage.bytes) }

    /// Writes one row, widened, to `output` [K]: how an embedding is looked up in the matrix that also projects
    /// onto the vocabulary.
    public func copyRow(_ row: Int, to output: UnsafeMutablePointer<Float>) {
        precondition(row >= 0 && row < rowCount, "the row exists")
        let panel = row / Self.panelWidth
        let first = panel * Self.panelWidth * columnCount + row % Self.panelWidth
        switch elementType {
        case .float32:
            let source = panels.assumingMemoryBound(to: Float.self) + first
            for column in 0..<columnCount { output[column] = source[column * Self.panelWidth] }
        case .bfloat16:
            let source = panels.assumingMemoryBound(to: UInt16.self) + first
            for column in 0..<columnCount {
                output[column] = Float(bitPattern: UInt32(source[column * Self.panelWidth]) << 16)
            }
        case .float16:
            let source = panels.assumingMemoryBound(to: UInt16.self) + first
            for column in 0..<columnCount { output[column] = widenHalf(source[column * Self.panelWidth]) }
        }
    }
}

/// One IEEE half-precision number, widened exactly. (`Float16` doesn't exist on every platform.)
private func widenHalf(_ bits: UInt16) -> Float {
    let sign: Float = bits & 0x8000 == 0 ? 1 : -1
    let exponent = Int(bits >> 10) & 31
    let fraction = UInt32(bits & 0x3ff)
    switch exponent {
    case 0: return sign * Float(fraction) * 0x1p-24
    case 31: return Float(bitPattern: UInt32(bits & 0x8000) << 16 | 0x7f80_0000 | fraction << 13)
    default: return sign * Float(bitPattern: UInt32(exponent + 112) << 23 | fraction << 13)
    }
}
