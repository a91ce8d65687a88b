import CLongLM

/// The numbers that one step of a tile multiplies with, and a row of its accumulators.
protocol TileColumns {
    /// How many numbers there are.
    static var count: Int { get }
    /// The same number everywhere.
    init(repeating value: Float)
    /// Loads the numbers from memory.
    init(_ source: UnsafePointer<Float>)
    /// The stored numbers of one column of a block, for ``count`` rows of the panel from row `offset` on.
    init<Storage: PanelStorage, Widen: Widening>(
        _ block: UnsafePointer<Float>, at offset: Int, column: Int, _: Storage.Type, _: Widen.Type)
    /// Each number times a factor.
    func multiplied(by factor: Float) -> Self
    /// Adds scalar · right.
    mutating func add<Products: MultiplyAdd>(_ scalar: Float, _ right: Self, _: Products.Type)
    /// Adds the products of four codes and four factors to each integer.
    mutating func addDots<Codes: CodeProducts>(_ factors: Float, _ codes: Self, _: Codes.Type)
    /// Adds the products of four factors without sign and four codes with one to each integer.
    mutating func addDots<Codes: CodeProducts>(unsigned factors: Float, _ codes: Self, _: Codes.Type)
    /// Adds integer · (scale · factor).
    mutating func add<Arithmetic: MultiplyAdd>(
        integers: Self, scales: Self, factor: Float, _: Arithmetic.Type)
    /// Writes the numbers.
    func store(to target: UnsafeMutablePointer<Float>)
    /// Writes the numbers past the caches, to an address that is a multiple of 64 bytes.
    func stream(to target: UnsafeMutablePointer<Float>)
    /// Adds the numbers to those in memory.
    func add(to target: UnsafeMutablePointer<Float>)
    /// The words with zeros in their upper halves.
    var lowerHalves: Self { get }
}

extension TileColumns {
    /// Prefetches the numbers that ``init(_:)`` would load from `distance` bytes further on, into the second-level cache:
    /// a core can wait for more lines from memory there than in the first.
    @inline(always)
    static func prefetchFar(_ source: UnsafePointer<Float>, distance: Int) {
        // A cache line has as many floats as a vector has lanes.
        for word in Steps(from: 0, to: count, by: laneCount) { longlm_prefetch_far(source + word, distance) }
    }
}

extension Lanes: TileColumns {
    @_transparent static var count: Int { laneCount }

    @_transparent
    init(_ source: UnsafePointer<Float>) { self = source.lanes(at: 0) }

    @_transparent
    init<Storage: PanelStorage, Widen: Widening>(
        _ block: UnsafePointer<Float>, at offset: Int, column: Int, _: Storage.Type, _: Widen.Type
    ) {
        self = Storage.lanes(block, at: offset, column: column, Widen.self)
    }

    @_transparent
    func multiplied(by factor: Float) -> Lanes { self * factor }

    @_transparent
    mutating func add<Products: MultiplyAdd>(_ scalar: Float, _ right: Lanes, _: Products.Type) {
        self = Products.multiplyAdd(Lanes(repeating: scalar), right, self)
    }

    @_transparent
    mutating func addDots<Codes: CodeProducts>(_ factors: Float, _ codes: Lanes, _: Codes.Type) {
        self = Codes.dot(codes, Lanes(repeating: factors), self)
    }

    @_transparent
    mutating func addDots<Codes: CodeProducts>(unsigned factors: Float, _ codes: Lanes, _: Codes.Type) {
        self = Codes.dot(Lanes(repeating: factors), codes, self)
    }

    @_transparent
    mutating func add<Arithmetic: MultiplyAdd>(
        integers: Lanes, scales: Lanes, factor: Float, _: Arithmetic.Type
    ) {
        self = Arithmetic.multiplyAdd(integers.integersAsFloats, scales * factor, self)
    }

    @_transparent
    func stream(to target: UnsafeMutablePointer<Float>) { longlm_stream(self, target) }

    @_transparent
    func add(to target: UnsafeMutablePointer<Float>) { target.store(target.lanes(at: 0) + self, at: 0) }
}

/// 32 neighboring floats or words in two vectors.
struct Lanes32: TileColumns {
    var near: Lanes
    var far: Lanes

    @_transparent static var count: Int { 2 * laneCount }

    @_transparent
    init(near: Lanes, far: Lanes) {
        self.near = near
        self.far = far
    }

    @_transparent
    init(repeating value: Float) { self.init(near: Lanes(repeating: value), far: Lanes(repeating: value)) }

    @_transparent
    init(_ source: UnsafePointer<Float>) { self.init(near: source.lanes(at: 0), far: source.lanes(at: laneCount)) }

    @_transparent
    init<Storage: PanelStorage, Widen: Widening>(
        _ block: UnsafePointer<Float>, at offset: Int, column: Int, _: Storage.Type, _: Widen.Type
    ) {
        self.init(
            near: Storage.lanes(block, at: offset, column: column, Widen.self),
            far: Storage.lanes(block, at: offset + laneCount, column: column, Widen.self))
    }

    @_transparent
    func multiplied(by factor: Float) -> Lanes32 { Lanes32(near: near * factor, far: far * factor) }

    @_transparent
    mutating func add<Products: MultiplyAdd>(_ scalar: Float, _ right: Lanes32, _: Products.Type) {
        let scalars = Lanes(repeating: scalar)
        near = Products.multiplyAdd(scalars, right.near, near)
        far = Products.multiplyAdd(scalars, right.far, far)
    }

    @_transparent
    mutating func addDots<Codes: CodeProducts>(_ factors: Float, _ codes: Lanes32, _: Codes.Type) {
        let repeated = Lanes(repeating: factors)
        near = Codes.dot(codes.near, repeated, near)
        far = Codes.dot(codes.far, repeated, far)
    }

    @_transparent
    mutating func addDots<Codes: CodeProducts>(unsigned factors: Float, _ codes: Lanes32, _: Codes.Type) {
        let repeated = Lanes(repeating: factors)
        near = Codes.dot(repeated, codes.near, near)
        far = Codes.dot(repeated, codes.far, far)
    }

    @_transparent
    mutating func add<Arithmetic: MultiplyAdd>(
        integers: Lanes32, scales: Lanes32, factor: Float, _: Arithmetic.Type
    ) {
        near.add(integers: integers.near, scales: scales.near, factor: factor, Arithmetic.self)
        far.add(integers: integers.far, scales: scales.far, factor: factor, Arithmetic.self)
    }

    @_transparent
    func store(to target: UnsafeMutablePointer<Float>) {
        target.store(near, at: 0)
        target.store(far, at: laneCount)
    }

    @_transparent
    func stream(to target: UnsafeMutablePointer<Float>) {
        longlm_stream(near, target)
        longlm_stream(far, target + laneCount)
    }

    @_transparent
    func add(to target: UnsafeMutablePointer<Float>) {
        near.add(to: target)
        far.add(to: target + laneCount)
    }

    @_transparent
    var lowerHalves: Lanes32 { Lanes32(near: near.lowerHalves, far: far.lowerHalves) }
}
