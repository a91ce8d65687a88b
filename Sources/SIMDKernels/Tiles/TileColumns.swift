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

extension Lanes: TileColumns {
    @inline(always) static var count: Int { laneCount }

    @inline(always)
    init(_ source: UnsafePointer<Float>) { self = source.lanes(at: 0) }

    @inline(always)
    init<Storage: PanelStorage, Widen: Widening>(
        _ block: UnsafePointer<Float>, at offset: Int, column: Int, _: Storage.Type, _: Widen.Type
    ) {
        self = Storage.lanes(block, at: offset, column: column, Widen.self)
    }

    @inline(always)
    func multiplied(by factor: Float) -> Lanes { self * factor }

    @inline(always)
    mutating func add<Products: MultiplyAdd>(_ scalar: Float, _ right: Lanes, _: Products.Type) {
        self = Products.multiplyAdd(Lanes(repeating: scalar), right, self)
    }

    @inline(always)
    mutating func addDots<Codes: CodeProducts>(_ factors: Float, _ codes: Lanes, _: Codes.Type) {
        self = Codes.dot(codes, Lanes(repeating: factors), self)
    }

    @inline(always)
    mutating func addDots<Codes: CodeProducts>(unsigned factors: Float, _ codes: Lanes, _: Codes.Type) {
        self = Codes.dot(Lanes(repeating: factors), codes, self)
    }

    @inline(always)
    mutating func add<Arithmetic: MultiplyAdd>(
        integers: Lanes, scales: Lanes, factor: Float, _: Arithmetic.Type
    ) {
        self = Arithmetic.multiplyAdd(longlm_integers_to_floats(integers), scales * factor, self)
    }

    @inline(always)
    func store(to target: UnsafeMutablePointer<Float>) { target.store(self, at: 0) }

    @inline(always)
    func stream(to target: UnsafeMutablePointer<Float>) { longlm_stream(self, target) }

    @inline(always)
    func add(to target: UnsafeMutablePointer<Float>) { target.store(target.lanes(at: 0) + self, at: 0) }

    @inline(always)
    var lowerHalves: Lanes { longlm_lower_halves(self) }
}

/// 32 neighboring floats or words in two vectors.
struct Lanes32: TileColumns {
    var near: Lanes
    var far: Lanes

    @inline(always) static var count: Int { 2 * laneCount }

    @inline(always)
    init(near: Lanes, far: Lanes) {
        self.near = near
        self.far = far
    }

    @inline(always)
    init(repeating value: Float) { self.init(near: Lanes(repeating: value), far: Lanes(repeating: value)) }

    @inline(always)
    init(_ source: UnsafePointer<Float>) { self.init(near: source.lanes(at: 0), far: source.lanes(at: laneCount)) }

    @inline(always)
    init<Storage: PanelStorage, Widen: Widening>(
        _ block: UnsafePointer<Float>, at offset: Int, column: Int, _: Storage.Type, _: Widen.Type
    ) {
        self.init(
            near: Storage.lanes(block, at: offset, column: column, Widen.self),
            far: Storage.lanes(block, at: offset + laneCount, column: column, Widen.self))
    }

    @inline(always)
    func multiplied(by factor: Float) -> Lanes32 { Lanes32(near: near * factor, far: far * factor) }

    @inline(always)
    mutating func add<Products: MultiplyAdd>(_ scalar: Float, _ right: Lanes32, _: Products.Type) {
        let scalars = Lanes(repeating: scalar)
        near = Products.multiplyAdd(scalars, right.near, near)
        far = Products.multiplyAdd(scalars, right.far, far)
    }

    @inline(always)
    mutating func addDots<Codes: CodeProducts>(_ factors: Float, _ codes: Lanes32, _: Codes.Type) {
        let repeated = Lanes(repeating: factors)
        near = Codes.dot(codes.near, repeated, near)
        far = Codes.dot(codes.far, repeated, far)
    }

    @inline(always)
    mutating func addDots<Codes: CodeProducts>(unsigned factors: Float, _ codes: Lanes32, _: Codes.Type) {
        let repeated = Lanes(repeating: factors)
        near = Codes.dot(repeated, codes.near, near)
        far = Codes.dot(repeated, codes.far, far)
    }

    @inline(always)
    mutating func add<Arithmetic: MultiplyAdd>(
        integers: Lanes32, scales: Lanes32, factor: Float, _: Arithmetic.Type
    ) {
        near.add(integers: integers.near, scales: scales.near, factor: factor, Arithmetic.self)
        far.add(integers: integers.far, scales: scales.far, factor: factor, Arithmetic.self)
    }

    @inline(always)
    func store(to target: UnsafeMutablePointer<Float>) {
        target.store(near, at: 0)
        target.store(far, at: laneCount)
    }

    @inline(always)
    func stream(to target: UnsafeMutablePointer<Float>) {
        longlm_stream(near, target)
        longlm_stream(far, target + laneCount)
    }

    @inline(always)
    func add(to target: UnsafeMutablePointer<Float>) {
        near.add(to: target)
        far.add(to: target + laneCount)
    }

    @inline(always)
    var lowerHalves: Lanes32 { Lanes32(near: near.lowerHalves, far: far.lowerHalves) }
}
