/// What a safetensors header says of one tensor.
public struct TensorInfo: Sendable, Equatable {
    /// Its name.
    public let name: String
    /// The type of its numbers.
    public let dtype: DType
    /// Its dimensions, outermost first; none for a scalar.
    public let shape: [Int]
    /// Where its bytes lie, counted from the end of the header.
    public let byteRange: Range<Int>

    /// How many numbers it has.
    public var elementCount: Int {
        // A dimension of zero first: the product of the others may overflow.
        shape.contains(0) ? 0 : shape.reduce(1, *)
    }
    /// How many bytes they take.
    public var byteCount: Int { byteRange.count }

    /// The bits that `shape` numbers of `dtype` take; nil when their count overflows. The dimensions aren't negative.
    static func bitCount(dtype: DType, shape: [Int]) -> Int? {
        // A dimension of zero makes the tensor empty, whatever the others would overflow to.
        if shape.contains(0) { return 0 }
        var bits = dtype.bitWidth
        for dimension in shape {
            let (product, overflow) = bits.multipliedReportingOverflow(by: dimension)
            if overflow { return nil }
            bits = product
        }
        return bits
    }
}

/// A string that is compared by its bytes: Swift takes two strings for equal when they differ only in Unicode
/// normalisation, the format doesn't.
struct ByteName: Hashable, Comparable {
    private let bytes: [UInt8]

    init(_ name: String) { bytes = Array(name.utf8) }

    var text: String { String(decoding: bytes, as: UTF8.self) }

    static func < (left: ByteName, right: ByteName) -> Bool { left.bytes.lexicographicallyPrecedes(right.bytes) }
}
