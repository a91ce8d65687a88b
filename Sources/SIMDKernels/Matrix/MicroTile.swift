/// A block of a product's outputs that is held in registers: `rows` × `columns` accumulators.
///
/// The contract of every tile: each accumulator is one chain of multiply-adds, in the order of the calls of
/// `step`. So the tile's shape can't show in a result.
///
/// The accumulators are named stored properties, because the compiler keeps those in registers and spills an
/// array that a loop indexes.
protocol MicroTile {
    /// MR.
    static var rows: Int { get }
    /// NR.
    static var columns: Int { get }

    /// All accumulators 0.
    init()

    /// Accumulators from memory: row r at `source + r · stride`, multiplied by `factors[r]`.
    init(_ source: UnsafePointer<Float>, stride: Int, factors: UnsafePointer<Float>)

    /// Accumulators from memory: row r at `source + r · stride`.
    init(_ source: UnsafePointer<Float>, stride: Int)

    /// Adds left[r · leftStride] · right[c] to every accumulator (r, c).
    mutating func step(_ left: UnsafePointer<Float>, _ leftStride: Int, _ right: UnsafePointer<Float>)

    /// Writes row r to `target + r · stride`.
    func store(to target: UnsafeMutablePointer<Float>, stride: Int)
}

/// 32 neighboring accumulators of one row.
private struct Row32 {
    var left: Lanes
    var right: Lanes

    @inline(always)
    init() {
        left = Lanes(repeating: 0)
        right = Lanes(repeating: 0)
    }

    @inline(always)
    init(_ source: UnsafePointer<Float>) {
        left = source.lanes(at: 0)
        right = source.lanes(at: 16)
    }

    @inline(always)
    init(_ source: UnsafePointer<Float>, factor: Float) {
        left = source.lanes(at: 0) * factor
        right = source.lanes(at: 16) * factor
    }

    @inline(always)
    mutating func add(_ scalar: Float, _ rightLeft: Lanes, _ rightRight: Lanes) {
        let scalars = Lanes(repeating: scalar)
        left = FusedMultiplyAdd.multiplyAdd(scalars, rightLeft, left)
        right = FusedMultiplyAdd.multiplyAdd(scalars, rightRight, right)
    }

    @inline(always)
    func store(to target: UnsafeMutablePointer<Float>) {
        target.store(left, at: 0)
        target.store(right, at: 16)
    }
}

/// 12 × 32 accumulators in 24 of AVX-512's 32 registers.
struct Tile12x32: MicroTile {
    private var r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11: Row32

    @inline(always) static var rows: Int { 12 }
    @inline(always) static var columns: Int { 32 }

    @inline(always)
    init() {
        (r0, r1, r2, r3, r4, r5) = (Row32(), Row32(), Row32(), Row32(), Row32(), Row32())
        (r6, r7, r8, r9, r10, r11) = (Row32(), Row32(), Row32(), Row32(), Row32(), Row32())
    }

    @inline(always)
    init(_ source: UnsafePointer<Float>, stride: Int) {
        r0 = Row32(source)
        r1 = Row32(source + stride)
        r2 = Row32(source + 2 * stride)
        r3 = Row32(source + 3 * stride)
        r4 = Row32(source + 4 * stride)
        r5 = Row32(source + 5 * stride)
        r6 = Row32(source + 6 * stride)
        r7 = Row32(source + 7 * stride)
        r8 = Row32(source + 8 * stride)
        r9 = Row32(source + 9 * stride)
        r10 = Row32(source + 10 * stride)
        r11 = Row32(source + 11 * stride)
    }

    @inline(always)
    init(_ source: UnsafePointer<Float>, stride: Int, factors: UnsafePointer<Float>) {
        r0 = Row32(source, factor: factors[0])
        r1 = Row32(source + stride, factor: factors[1])
        r2 = Row32(source + 2 * stride, factor: factors[2])
        r3 = Row32(source + 3 * stride, factor: factors[3])
        r4 = Row32(source + 4 * stride, factor: factors[4])
        r5 = Row32(source + 5 * stride, factor: factors[5])
        r6 = Row32(source + 6 * stride, factor: factors[6])
        r7 = Row32(source + 7 * stride, factor: factors[7])
        r8 = Row32(source + 8 * stride, factor: factors[8])
        r9 = Row32(source + 9 * stride, factor: factors[9])
        r10 = Row32(source + 10 * stride, factor: factors[10])
        r11 = Row32(source + 11 * stride, factor: factors[11])
    }

    @inline(always)
    mutating func step(_ left: UnsafePointer<Float>, _ leftStride: Int, _ right: UnsafePointer<Float>) {
        let near = right.lanes(at: 0)
        let far = right.lanes(at: 16)
        r0.add(left[0], near, far)
        r1.add(left[leftStride], near, far)
        r2.add(left[2 * leftStride], near, far)
        r3.add(left[3 * leftStride], near, far)
        r4.add(left[4 * leftStride], near, far)
        r5.add(left[5 * leftStride], near, far)
        r6.add(left[6 * leftStride], near, far)
        r7.add(left[7 * leftStride], near, far)
        r8.add(left[8 * leftStride], near, far)
        r9.add(left[9 * leftStride], near, far)
        r10.add(left[10 * leftStride], near, far)
        r11.add(left[11 * leftStride], near, far)
    }

    @inline(always)
    func store(to target: UnsafeMutablePointer<Float>, stride: Int) {
        r0.store(to: target)
        r1.store(to: target + stride)
        r2.store(to: target + 2 * stride)
        r3.store(to: target + 3 * stride)
        r4.store(to: target + 4 * stride)
        r5.store(to: target + 5 * stride)
        r6.store(to: target + 6 * stride)
        r7.store(to: target + 7 * stride)
        r8.store(to: target + 8 * stride)
        r9.store(to: target + 9 * stride)
        r10.store(to: target + 10 * stride)
        r11.store(to: target + 11 * stride)
    }
}

/// 6 × 16 accumulators: 12 of AVX2's 16 registers, 24 of NEON's 32.
struct Tile6x16<Arithmetic: MultiplyAdd>: MicroTile {
    private var r0, r1, r2, r3, r4, r5: Lanes

    @inline(always) static var rows: Int { 6 }
    @inline(always) static var columns: Int { 16 }

    @inline(always)
    init() {
        let zero = Lanes(repeating: 0)
        (r0, r1, r2, r3, r4, r5) = (zero, zero, zero, zero, zero, zero)
    }

    @inline(always)
    init(_ source: UnsafePointer<Float>, stride: Int) {
        r0 = source.lanes(at: 0)
        r1 = source.lanes(at: stride)
        r2 = source.lanes(at: 2 * stride)
        r3 = source.lanes(at: 3 * stride)
        r4 = source.lanes(at: 4 * stride)
        r5 = source.lanes(at: 5 * stride)
    }

    @inline(always)
    init(_ source: UnsafePointer<Float>, stride: Int, factors: UnsafePointer<Float>) {
        r0 = source.lanes(at: 0) * factors[0]
        r1 = source.lanes(at: stride) * factors[1]
        r2 = source.lanes(at: 2 * stride) * factors[2]
        r3 = source.lanes(at: 3 * stride) * factors[3]
        r4 = source.lanes(at: 4 * stride) * factors[4]
        r5 = source.lanes(at: 5 * stride) * factors[5]
    }

    @inline(always)
    mutating func step(_ left: UnsafePointer<Float>, _ leftStride: Int, _ right: UnsafePointer<Float>) {
        let lanes = right.lanes(at: 0)
        r0 = Arithmetic.multiplyAdd(Lanes(repeating: left[0]), lanes, r0)
        r1 = Arithmetic.multiplyAdd(Lanes(repeating: left[leftStride]), lanes, r1)
        r2 = Arithmetic.multiplyAdd(Lanes(repeating: left[2 * leftStride]), lanes, r2)
        r3 = Arithmetic.multiplyAdd(Lanes(repeating: left[3 * leftStride]), lanes, r3)
        r4 = Arithmetic.multiplyAdd(Lanes(repeating: left[4 * leftStride]), lanes, r4)
        r5 = Arithmetic.multiplyAdd(Lanes(repeating: left[5 * leftStride]), lanes, r5)
    }

    @inline(always)
    func store(to target: UnsafeMutablePointer<Float>, stride: Int) {
        target.store(r0, at: 0)
        target.store(r1, at: stride)
        target.store(r2, at: 2 * stride)
        target.store(r3, at: 3 * stride)
        target.store(r4, at: 4 * stride)
        target.store(r5, at: 5 * stride)
    }
}

/// What differs between the instruction sets that a kernel body is compiled for.
protocol KernelTarget {
    /// How it multiplies and adds.
    associatedtype Arithmetic: MultiplyAdd
    /// The register tile that suits its register file.
    associatedtype Tile: MicroTile
}

/// AVX-512: 32 registers of 16 floats.
enum AVX512Target: KernelTarget {
    typealias Arithmetic = FusedMultiplyAdd
    typealias Tile = Tile12x32
}

/// AVX2: 16 registers of 8 floats.
enum AVX2Target: KernelTarget {
    typealias Arithmetic = FusedMultiplyAdd
    typealias Tile = Tile6x16<FusedMultiplyAdd>
}

/// Whatever the compiler assumes: NEON on arm64, SSE2 on x86-64.
enum BaselineTarget: KernelTarget {
    #if arch(x86_64)
        typealias Arithmetic = SeparateMultiplyAdd
    #else
        typealias Arithmetic = FusedMultiplyAdd
    #endif
    typealias Tile = Tile6x16<Arithmetic>
}
