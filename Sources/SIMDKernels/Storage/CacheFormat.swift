/// How cached keys and values are stored.
public enum CacheFormat: String, Sendable, CaseIterable {
    /// IEEE binary32: as they were computed.
    case float32
    /// Rounded to bfloat16, to nearest and ties to even.
    case bfloat16
    /// Signed bytes with a 16-bit scale for every 32 components of a head.
    case int8

    /// The storage as a value, for work that needs no compiled form of its own.
    var storage: CacheStorageFunctions {
        switch self {
        case .float32: CacheStorageFunctions(Float32Storage.self)
        case .bfloat16: CacheStorageFunctions(BFloat16Storage.self)
        case .int8: CacheStorageFunctions(Int8CacheStorage.self)
        }
    }

    /// Calls a kernel's visitor with the format's storage.
    @inline(always)
    func visit<Visitor: CacheVisitor>(_ visitor: Visitor) {
        switch self {
        case .float32: visitor.visit(Float32Storage.self)
        case .bfloat16: visitor.visit(BFloat16Storage.self)
        case .int8: visitor.visit(Int8CacheStorage.self)
        }
    }

    /// Writes a key or value of one head in the little-endian form that files have.
    ///
    /// - Parameters:
    ///   - numbers: [D], as they were loaded from a cache of this format, so that nothing is lost.
    ///   - headDimension: D.
    ///   - bytes: ``byteCount(_:)`` bytes.
    package func encode(_ numbers: UnsafePointer<Float>, headDimension: Int, to bytes: UnsafeMutableRawPointer) {
        storage.encode(numbers, headDimension, bytes)
    }

    /// Reads what ``encode(_:headDimension:to:)`` wrote.
    package func decode(_ bytes: UnsafeRawPointer, headDimension: Int, to numbers: UnsafeMutablePointer<Float>) {
        storage.decode(bytes, headDimension, numbers)
    }

    /// The bytes that `count` numbers of one head take, without what fills up a cache's blocks.
    public func byteCount(_ count: Int) -> Int {
        switch self {
        case .float32: 4 * count
        case .bfloat16: 2 * count
        case .int8: count + (count + Int8CacheStorage.groupLength - 1) / Int8CacheStorage.groupLength * 2
        }
    }
}
