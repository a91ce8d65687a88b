/// A tile that multiplies quantised activations with codes of weights.
///
/// It has a 32-bit integer beside each sum. The products of a group of columns are added as integers, which is exact. Then
/// the integer, as a float, times the scales of both factors is added to the sum by a fused multiply-add. So every sum is one
/// chain over the groups, in ascending order.
protocol CodeTile: ResultTile {
    /// Sets the integers to 0, and loads the sums: row r is `source[r · stride …]` times `factors[r]`.
    init(_ source: UnsafePointer<Float>, stride: Int, factors: UnsafePointer<Float>)

    /// Sets the integers of row r to the word `words[r]`.
    mutating func begin(_ words: UnsafePointer<Float>)

    /// Adds products to the integers: of the four bytes of `factors[r]` with the four codes of each column.
    mutating func addDots(_ factors: UnsafePointer<Float>, _ codes: Columns)

    /// Adds products to the integers: of the four bytes of `factors[r · stride]`, which have no sign, with the four bytes of
    /// each column, which have one.
    mutating func addDots(unsigned factors: UnsafePointer<Float>, stride: Int, _ codes: Columns)

    /// Adds integer · (scale · factors[r]) to the sums.
    mutating func end(_ factors: UnsafePointer<Float>, _ scales: Columns)

    /// Adds factors[r] · minimum to the sums.
    mutating func addMinima(_ factors: UnsafePointer<Float>, _ minima: Columns)
}

extension CodeTile {
    @inline(always)
    mutating func accumulate(
        _ left: UnsafePointer<Float>, _ right: UnsafePointer<Float>, at column: Int, steps: Int, _ form: ScaleForm
    ) {
        let width = PackedMatrix.panelWidth
        let rows = Self.rows
        var input = left
        var span = right + column
        for _ in Steps(from: 0, to: steps, by: 1) {
            if form.isHalved {
                for half in 0..<2 {
                    begin(input + (QuantizedInput.halfCorrections + half) * rows)
                    for quad in Steps(from: 4 * half, to: 4 * half + 4, by: 1) {
                        addDots(input + quad * rows, Columns(span + quad * width))
                    }
                    end(input + QuantizedInput.scale * rows, Columns(span + CodeSpan.scaleOffset(half: half)))
                    if form.hasMinimum {
                        addMinima(
                            input + (QuantizedInput.halfSums + half) * rows,
                            Columns(span + CodeSpan.minimumOffset(half: half)))
                    }
                }
            } else {
                begin(input + QuantizedInput.correction * rows)
                for quad in Steps(from: 0, to: 8, by: 1) { addDots(input + quad * rows, Columns(span + quad * width)) }
                end(input + QuantizedInput.scale * rows, Columns(span + CodeSpan.scaleOffset(half: 0)))
                if form.hasMinimum {
                    addMinima(
                        input + QuantizedInput.sum * rows, Columns(span + CodeSpan.minimumOffset(half: 0)))
                }
            }
            input += QuantizedInput.wordCount * rows
            span += CodeSpan.wordCount
        }
    }
}

/// A tile of one row.
struct CodeRow<Columns: TileColumns, Codes: CodeProducts, Arithmetic: MultiplyAdd>: CodeTile {
    private var integers: Columns
    private var sums: Columns

    @inline(always) static var rows: Int { 1 }

    @inline(always)
    init() {
        integers = Columns(repeating: 0)
        sums = Columns(repeating: 0)
    }

    @inline(always)
    init(_ source: UnsafePointer<Float>, stride: Int) {
        integers = Columns(repeating: 0)
        sums = Columns(source)
    }

    @inline(always)
    init(_ source: UnsafePointer<Float>, stride: Int, factors: UnsafePointer<Float>) {
        integers = Columns(repeating: 0)
        sums = Columns(source).multiplied(by: factors[0])
    }

    @inline(always)
    mutating func begin(_ words: UnsafePointer<Float>) { integers = Columns(repeating: words[0]) }

    @inline(always)
    mutating func addDots(_ factors: UnsafePointer<Float>, _ codes: Columns) {
        integers.addDots(factors[0], codes, Codes.self)
    }

    @inline(always)
    mutating func addDots(unsigned factors: UnsafePointer<Float>, stride: Int, _ codes: Columns) {
        integers.addDots(unsigned: factors[0], codes, Codes.self)
    }

    @inline(always)
    mutating func end(_ factors: UnsafePointer<Float>, _ scales: Columns) {
        sums.add(integers: integers, scales: scales, factor: factors[0], Arithmetic.self)
    }

    @inline(always)
    mutating func addMinima(_ factors: UnsafePointer<Float>, _ minima: Columns) {
        sums.add(factors[0], minima, Arithmetic.self)
    }

    @inline(always)
    func store(to target: UnsafeMutablePointer<Float>, stride: Int) { sums.store(to: target) }

    @inline(always)
    func stream(to target: UnsafeMutablePointer<Float>, stride: Int) { sums.stream(to: target) }

    @inline(always)
    func add(to target: UnsafeMutablePointer<Float>, stride: Int) { sums.add(to: target) }
}

extension TileStack: ResultTile, CodeTile where Upper: CodeTile, Lower: CodeTile {
    @inline(always)
    init(_ source: UnsafePointer<Float>, stride: Int, factors: UnsafePointer<Float>) {
        self.init(
            upper: Upper(source, stride: stride, factors: factors),
            lower: Lower(source + Upper.rows * stride, stride: stride, factors: factors + Upper.rows))
    }

    @inline(always)
    mutating func begin(_ words: UnsafePointer<Float>) {
        upper.begin(words)
        lower.begin(words + Upper.rows)
    }

    @inline(always)
    mutating func addDots(_ factors: UnsafePointer<Float>, _ codes: Columns) {
        upper.addDots(factors, codes)
        lower.addDots(factors + Upper.rows, codes)
    }

    @inline(always)
    mutating func addDots(unsigned factors: UnsafePointer<Float>, stride: Int, _ codes: Columns) {
        upper.addDots(unsigned: factors, stride: stride, codes)
        lower.addDots(unsigned: factors + Upper.rows * stride, stride: stride, codes)
    }

    @inline(always)
    mutating func end(_ factors: UnsafePointer<Float>, _ scales: Columns) {
        upper.end(factors, scales)
        lower.end(factors + Upper.rows, scales)
    }

    @inline(always)
    mutating func addMinima(_ factors: UnsafePointer<Float>, _ minima: Columns) {
        upper.addMinima(factors, minima)
        lower.addMinima(factors + Upper.rows, minima)
    }
}

typealias TwoCodeRows<Columns: TileColumns, Codes: CodeProducts, Arithmetic: MultiplyAdd> =
    TileStack<CodeRow<Columns, Codes, Arithmetic>, CodeRow<Columns, Codes, Arithmetic>>
typealias FourCodeRows<Columns: TileColumns, Codes: CodeProducts, Arithmetic: MultiplyAdd> =
    TileStack<TwoCodeRows<Columns, Codes, Arithmetic>, TwoCodeRows<Columns, Codes, Arithmetic>>
typealias SixCodeRows<Columns: TileColumns, Codes: CodeProducts, Arithmetic: MultiplyAdd> =
    TileStack<FourCodeRows<Columns, Codes, Arithmetic>, TwoCodeRows<Columns, Codes, Arithmetic>>
