/// The types of numbers that ggml has. Most store a row in blocks: some numbers share a scale.
public enum GGUFTensorType: UInt32, Sendable, CaseIterable {
    /// An IEEE 754 single-precision float.
    case float32 = 0
    /// An IEEE 754 half-precision float.
    case float16 = 1
    /// 4 bits, with a scale for 32 numbers.
    case q40 = 2
    /// 4 bits, with a scale and a minimum for 32 numbers.
    case q41 = 3
    /// 5 bits, with a scale for 32 numbers.
    case q50 = 6
    /// 5 bits, with a scale and a minimum for 32 numbers.
    case q51 = 7
    /// 8 bits, with a scale for 32 numbers.
    case q80 = 8
    /// 8 bits, with a scale and a sum for 32 numbers. ggml computes with it and stores no weights in it.
    case q81 = 9
    /// 2 bits, with quantised scales and minima in blocks of 256.
    case q2K = 10
    /// 3 bits, with quantised scales in blocks of 256.
    case q3K = 11
    /// 4 bits, with quantised scales and minima in blocks of 256.
    case q4K = 12
    /// 5 bits, with quantised scales and minima in blocks of 256.
    case q5K = 13
    /// 6 bits, with quantised scales in blocks of 256.
    case q6K = 14
    /// 8 bits, with a scale for 256 numbers. ggml computes with it and stores no weights in it.
    case q8K = 15
    /// About 2.1 bits: indices into a table.
    case iq2XXS = 16
    /// About 2.3 bits: indices into a table.
    case iq2XS = 17
    /// About 3.1 bits: indices into a table.
    case iq3XXS = 18
    /// About 1.6 bits: indices into a table.
    case iq1S = 19
    /// 4 bits: indices into a table of 16 numbers, with a scale for 32 of them.
    case iq4NL = 20
    /// About 3.4 bits: indices into a table.
    case iq3S = 21
    /// About 2.6 bits: indices into a table.
    case iq2S = 22
    /// 4 bits: indices into a table of 16 numbers, with quantised scales in blocks of 256.
    case iq4XS = 23
    /// A signed integer of 8 bits.
    case int8 = 24
    /// A signed integer of 16 bits.
    case int16 = 25
    /// A signed integer of 32 bits.
    case int32 = 26
    /// A signed integer of 64 bits.
    case int64 = 27
    /// An IEEE 754 double-precision float.
    case float64 = 28
    /// About 1.8 bits: indices into a table.
    case iq1M = 29
    /// The upper half of a 32-bit float.
    case bfloat16 = 30
    /// −1, 0 or 1, five of them in a byte.
    case tq10 = 34
    /// −1, 0 or 1, four of them in a byte.
    case tq20 = 35
    /// Floats of 4 bits, with a power of two for 32 numbers.
    case mxfp4 = 39
    /// Floats of 4 bits, with a float of 8 bits for 16 numbers.
    case nvfp4 = 40
    /// −1 or 1, with a scale for 128 numbers.
    case q10 = 41
    /// 2 bits, with a scale for 64 numbers.
    case q20 = 42

    /// What ggml calls the type, such as `Q4_K`.
    public var name: String { layout.name }

    /// How many numbers a block has; 1 for plain numbers.
    public var blockLength: Int { layout.length }

    /// How many bytes a block takes.
    public var blockByteCount: Int { layout.byteCount }

    /// The bits that a number takes, its share of scales included.
    public var bitsPerNumber: Double { Double(8 * blockByteCount) / Double(blockLength) }

    private var layout: (name: String, length: Int, byteCount: Int) {
        switch self {
        case .float32: ("F32", 1, 4)
        case .float16: ("F16", 1, 2)
        case .q40: ("Q4_0", 32, 18)
        case .q41: ("Q4_1", 32, 20)
        case .q50: ("Q5_0", 32, 22)
        case .q51: ("Q5_1", 32, 24)
        case .q80: ("Q8_0", 32, 34)
        case .q81: ("Q8_1", 32, 36)
        case .q2K: ("Q2_K", 256, 84)
        case .q3K: ("Q3_K", 256, 110)
        case .q4K: ("Q4_K", 256, 144)
        case .q5K: ("Q5_K", 256, 176)
        case .q6K: ("Q6_K", 256, 210)
        case .q8K: ("Q8_K", 256, 292)
        case .iq2XXS: ("IQ2_XXS", 256, 66)
        case .iq2XS: ("IQ2_XS", 256, 74)
        case .iq3XXS: ("IQ3_XXS", 256, 98)
        case .iq1S: ("IQ1_S", 256, 50)
        case .iq4NL: ("IQ4_NL", 32, 18)
        case .iq3S: ("IQ3_S", 256, 110)
        case .iq2S: ("IQ2_S", 256, 82)
        case .iq4XS: ("IQ4_XS", 256, 136)
        case .int8: ("I8", 1, 1)
        case .int16: ("I16", 1, 2)
        case .int32: ("I32", 1, 4)
        case .int64: ("I64", 1, 8)
        case .float64: ("F64", 1, 8)
        case .iq1M: ("IQ1_M", 256, 56)
        case .bfloat16: ("BF16", 1, 2)
        case .tq10: ("TQ1_0", 256, 54)
        case .tq20: ("TQ2_0", 256, 66)
        case .mxfp4: ("MXFP4", 32, 17)
        case .nvfp4: ("NVFP4", 64, 36)
        case .q10: ("Q1_0", 128, 18)
        case .q20: ("Q2_0", 64, 18)
        }
    }

    /// What number `type` was called, if ggml once had such a type and has removed it.
    static func removedName(_ type: UInt32) -> String? {
        switch type {
        case 4: "Q4_2"
        case 5: "Q4_3"
        case 31: "Q4_0_4_4"
        case 32: "Q4_0_4_8"
        case 33: "Q4_0_8_8"
        case 36: "IQ4_NL_4_4"
        case 37: "IQ4_NL_4_8"
        case 38: "IQ4_NL_8_8"
        default: nil
        }
    }
}
