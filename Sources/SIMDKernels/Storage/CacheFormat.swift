/// How cached keys and values are stored.
public enum CacheFormat: String, Sendable, CaseIterable {
    /// IEEE binary32: as they were computed.
    case float32
    /// Rounded to bfloat16, to nearest and ties to even.
    case bfloat16

    /// The storage as a value, for work that needs no compiled form of its own.
    var storage: CacheStorageFunctions {
        switch self {
        case .float32: CacheStorageFunctions(Float32Storage.self)
        case .bfloat16: CacheStorageFunctions(BFloat16Storage.self)
        }
    }

    /// Calls a kernel's visitor with the format's storage.
    @inline(always)
    func visit<Visitor: CacheVisitor>(_ visitor: Visitor) {
        switch self {
        case .float32: visitor.visit(Float32Storage.self)
        case .bfloat16: visitor.visit(BFloat16Storage.self)
        }
    }

    /// The size of one number in bytes.
    public var byteCount: Int {
        switch self {
        case .float32: 4
        case .bfloat16: 2
        }
    }
}
