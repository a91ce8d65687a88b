/// How cached keys and values are stored.
public enum CacheFormat: String, Sendable, CaseIterable {
    /// IEEE binary32: as they were computed.
    case float32
    /// Rounded to bfloat16, to nearest and ties to even.
    case bfloat16

    /// The size of one number in bytes.
    public var byteCount: Int {
        switch self {
        case .float32: 4
        case .bfloat16: 2
        }
    }
}
