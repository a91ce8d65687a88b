/// The number types of the safetensors format.
public enum DType: String, Sendable, CaseIterable {
    /// A truth value in one byte, 0 or 1.
    case bool = "BOOL"
    /// A float of 4 bits: 2 of exponent, 1 of mantissa. Two share a byte.
    case float4 = "F4"
    /// A float of 6 bits: 2 of exponent, 3 of mantissa.
    case float6E2M3 = "F6_E2M3"
    /// A float of 6 bits: 3 of exponent, 2 of mantissa.
    case float6E3M2 = "F6_E3M2"
    /// An unsigned integer of 8 bits.
    case uint8 = "U8"
    /// A signed integer of 8 bits.
    case int8 = "I8"
    /// A float of 8 bits: 5 of exponent, 2 of mantissa.
    case float8E5M2 = "F8_E5M2"
    /// A float of 8 bits: 4 of exponent, 3 of mantissa, without infinities.
    case float8E4M3 = "F8_E4M3"
    /// A power of two in 8 bits, all of them exponent: the scale of a block of small numbers.
    case float8E8M0 = "F8_E8M0"
    /// A float of 8 bits: 4 of exponent, 3 of mantissa, without infinities and negative zero.
    case float8E4M3FNUZ = "F8_E4M3FNUZ"
    /// A float of 8 bits: 5 of exponent, 2 of mantissa, without infinities and negative zero.
    case float8E5M2FNUZ = "F8_E5M2FNUZ"
    /// A signed integer of 16 bits.
    case int16 = "I16"
    /// An unsigned integer of 16 bits.
    case uint16 = "U16"
    /// An IEEE 754 half-precision float: 5 bits of exponent, 10 of mantissa.
    case float16 = "F16"
    /// The upper half of a 32-bit float: 8 bits of exponent, 7 of mantissa.
    case bfloat16 = "BF16"
    /// A signed integer of 32 bits.
    case int32 = "I32"
    /// An unsigned integer of 32 bits.
    case uint32 = "U32"
    /// An IEEE 754 single-precision float.
    case float32 = "F32"
    /// A complex number of two 32-bit floats, the real part first.
    case complex64 = "C64"
    /// An IEEE 754 double-precision float.
    case float64 = "F64"
    /// A signed integer of 64 bits.
    case int64 = "I64"
    /// An unsigned integer of 64 bits.
    case uint64 = "U64"

    /// The size of one number in bits.
    public var bitWidth: Int {
        switch self {
        case .float4: 4
        case .float6E2M3, .float6E3M2: 6
        case .bool, .uint8, .int8, .float8E5M2, .float8E4M3, .float8E8M0, .float8E4M3FNUZ, .float8E5M2FNUZ: 8
        case .int16, .uint16, .float16, .bfloat16: 16
        case .int32, .uint32, .float32: 32
        case .complex64, .float64, .int64, .uint64: 64
        }
    }
}
