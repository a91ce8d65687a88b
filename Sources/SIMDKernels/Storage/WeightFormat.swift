/// How a weight matrix's numbers are stored.
public enum WeightFormat: String, Sendable, CaseIterable {
    /// IEEE binary32.
    case float32
    /// The upper half of a binary32.
    case bfloat16
    /// IEEE binary16.
    case float16

    /// The size of one number in bytes.
    public var byteCount: Int {
        switch self {
        case .float32: 4
        case .bfloat16, .float16: 2
        }
    }
}
