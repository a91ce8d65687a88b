/// The arithmetic of products.
public enum Precision: String, Sendable, CaseIterable {
    /// 32-bit fused multiply-adds. Numbers stored in fewer bits are widened exactly. Results have the same bits on
    /// every instruction set that has a fused multiply-add.
    case float32
    /// Both factors are rounded to bfloat16, and two products at a time are added to a 32-bit sum (AVX-512 BF16's
    /// `VDPBF16PS`). Results have about three significant digits. They are the same for every number of threads and
    /// every division of the rows.
    case bfloat16
    /// Products with quantised weights in integers. Activations are quantised too: of every 32, the greatest magnitude
    /// becomes 127, and each is rounded to the nearest integer, ties to even. The products of a group of columns are added
    /// exactly. Times the scales of both factors they are added to a 32-bit sum, group after group. Results have the same
    /// bits on every instruction set that has a fused multiply-add. Weights that aren't quantised, or are floats of 8
    /// bits, are multiplied as in ``float32``.
    case int8
}

extension Precision {
    /// Whether its products read weights of a format.
    public func reads(_ format: WeightFormat) -> Bool {
        switch self {
        case .float32: true
        case .bfloat16: format == .bfloat16
        case .int8: format.hasIntegerCodes
        }
    }

    /// Whether its products read a cache of a format.
    public func reads(_ format: CacheFormat) -> Bool {
        switch self {
        case .float32: true
        case .bfloat16: format == .bfloat16
        case .int8: format == .int8
        }
    }

    /// The format that a cache has by default.
    public var defaultCacheFormat: CacheFormat {
        switch self {
        case .float32, .int8: .float32
        case .bfloat16: .bfloat16
        }
    }

    /// How many products one step of a chain adds.
    var productsPerStep: Int {
        switch self {
        case .float32: 1
        case .bfloat16: 2
        case .int8: 4
        }
    }

    /// The precision of products with weights of a format: in ``int8``, those whose codes are no integers, or that
    /// aren't quantised, are multiplied as floats.
    public func precision(for format: WeightFormat) -> Precision {
        self == .int8 && !format.hasIntegerCodes ? .float32 : self
    }
}
