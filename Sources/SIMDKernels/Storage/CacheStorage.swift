/// How a kernel reads the keys and values of one head from a segment of a cache; see ``AttentionShape`` for the order.
protocol CacheReading {
    /// Panels of 32 keys; k runs over the components of a head.
    associatedtype Keys: PanelStorage
    /// Values; k runs over positions, and rows are the components of a head.
    associatedtype Values: PanelStorage

    /// Words from the first value of a segment to the block of a position.
    ///
    /// - Parameters:
    ///   - position: The position within the segment, a multiple of a block's length.
    ///   - stride: ``CacheLayout/valueStride``.
    static func valueOffset(position: Int, stride: Int) -> Int

    /// Words from one block of values to the next; `stride` is ``CacheLayout/valueStride``.
    static func valueBlockWordCount(stride: Int) -> Int

    /// Whether few rows ask memory for the next block while they compute one, because they are done with it before memory
    /// has brought the next: the processor doesn't read far enough ahead by itself.
    static var isPrefetched: Bool { get }
}

extension CacheReading {
    /// One word a component.
    @inline(always)
    static func valueBlockWordCount(stride: Int) -> Int { stride }

    @inline(always) static var isPrefetched: Bool { false }
}

/// How keys and values are stored in the segments of a cache.
///
/// A format is one conformance in a file of its own. It also needs a case and two lines in ``CacheFormat``.
protocol CacheStorage: CacheReading {
    /// The words of a panel of 32 keys of one head.
    static func keyPanelWordCount(headDimension: Int) -> Int

    /// The words of one head's values in a segment of `count` positions.
    static func valueWordCount(count: Int, stride: Int) -> Int

    /// Stores the key of one head.
    ///
    /// - Parameters:
    ///   - key: [D].
    ///   - panel: The head's panel.
    ///   - place: The position within the panel.
    static func storeKey(
        _ key: UnsafePointer<Float>, headDimension: Int, in panel: UnsafeMutablePointer<Float>, place: Int)

    /// Copies the key of one head out of its panel, as it was stored.
    static func loadKey(
        _ key: UnsafeMutablePointer<Float>, headDimension: Int, from panel: UnsafePointer<Float>, place: Int)

    /// Stores the value of one head, followed by zeros up to the stride.
    ///
    /// - Parameters:
    ///   - value: [D].
    ///   - values: The head's values in the segment.
    ///   - place: The position within the segment.
    ///   - stride: ``CacheLayout/valueStride``, at least D.
    static func storeValue(
        _ value: UnsafePointer<Float>, headDimension: Int, in values: UnsafeMutablePointer<Float>, place: Int,
        stride: Int)

    /// Writes a key or value of one head, as it was loaded, in the little-endian form that files have.
    ///
    /// - Parameters:
    ///   - numbers: [D].
    ///   - bytes: As many as ``CacheFormat/byteCount(_:)`` says.
    static func encode(_ numbers: UnsafePointer<Float>, headDimension: Int, to bytes: UnsafeMutableRawPointer)

    /// Reads what ``encode(_:headDimension:to:)`` wrote.
    static func decode(_ bytes: UnsafeRawPointer, headDimension: Int, to numbers: UnsafeMutablePointer<Float>)

    /// Copies the value of one head out of a segment, as it was stored.
    static func loadValue(
        _ value: UnsafeMutablePointer<Float>, headDimension: Int, from values: UnsafePointer<Float>, place: Int,
        stride: Int)
}

/// What a kernel does for the storage that a cache format selects.
protocol CacheVisitor {
    func visit<Cache: CacheReading>(_: Cache.Type)
}

/// A storage as a value, for work outside of kernels; see ``WeightStorageFunctions``.
struct CacheStorageFunctions {
    /// (head dimension)
    let keyPanelWordCount: (Int) -> Int
    /// (count, stride)
    let valueWordCount: (Int, Int) -> Int
    /// (key, head dimension, panel, place)
    let storeKey: (UnsafePointer<Float>, Int, UnsafeMutablePointer<Float>, Int) -> Void
    /// (key, head dimension, panel, place)
    let loadKey: (UnsafeMutablePointer<Float>, Int, UnsafePointer<Float>, Int) -> Void
    /// (value, head dimension, values, place, stride)
    let storeValue: (UnsafePointer<Float>, Int, UnsafeMutablePointer<Float>, Int, Int) -> Void
    /// (value, head dimension, values, place, stride)
    let loadValue: (UnsafeMutablePointer<Float>, Int, UnsafePointer<Float>, Int, Int) -> Void
    /// (numbers, head dimension, bytes)
    let encode: (UnsafePointer<Float>, Int, UnsafeMutableRawPointer) -> Void
    /// (bytes, head dimension, numbers)
    let decode: (UnsafeRawPointer, Int, UnsafeMutablePointer<Float>) -> Void

    @inline(always)
    init<Storage: CacheStorage>(_: Storage.Type) {
        keyPanelWordCount = { Storage.keyPanelWordCount(headDimension: $0) }
        valueWordCount = { Storage.valueWordCount(count: $0, stride: $1) }
        storeKey = { Storage.storeKey($0, headDimension: $1, in: $2, place: $3) }
        loadKey = { Storage.loadKey($0, headDimension: $1, from: $2, place: $3) }
        storeValue = { Storage.storeValue($0, headDimension: $1, in: $2, place: $3, stride: $4) }
        encode = { Storage.encode($0, headDimension: $1, to: $2) }
        decode = { Storage.decode($0, headDimension: $1, to: $2) }
        loadValue = { Storage.loadValue($0, headDimension: $1, from: $2, place: $3, stride: $4) }
    }
}
