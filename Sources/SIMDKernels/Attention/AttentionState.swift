/// The state of an online softmax for some rows: per row the greatest score so far (in units of ln 2), the sum of
/// exponentials, and the sum of values weighted by them (all relative to that greatest score).
///
/// Rows are kept in groups of one register tile, whose maxima and sums fill one vector each.
struct AttentionState {
    let maxima: UnsafeMutablePointer<Float>
    let sums: UnsafeMutablePointer<Float>
    let values: UnsafeMutablePointer<Float>
    let valueStride: Int

    /// A tile has at least two rows.
    @inline(always)
    private static func groupCount(rows: Int) -> Int { (rows + 1) / 2 }

    /// The floats of a state for `rows` rows.
    @inline(always)
    static func floatCount(rows: Int, valueStride: Int) -> Int {
        groupCount(rows: rows) * 2 * laneCount + (rows + 12) * valueStride
    }

    @inline(always)
    init(_ memory: UnsafeMutablePointer<Float>, rows: Int, valueStride: Int) {
        let groups = Self.groupCount(rows: rows)
        maxima = memory
        sums = memory + groups * laneCount
        values = memory + groups * 2 * laneCount
        self.valueStride = valueStride
    }

    /// No key seen yet.
    @inline(always)
    func reset(tileCount: Int, tileRows: Int) {
        maxima.fill(-.infinity, count: tileCount * laneCount)
        sums.fill(0, count: tileCount * laneCount)
        values.fill(0, count: tileCount * tileRows * valueStride)
    }

    /// Takes up what `later` saw: keys of higher positions.
    @inline(always)
    func merge<Arithmetic: MultiplyAdd>(_ later: AttentionState, tileCount: Int, tileRows: Int, _: Arithmetic.Type) {
        for tile in 0..<tileCount {
            let ours = maxima.lanes(at: tile * laneCount)
            let theirs = later.maxima.lanes(at: tile * laneCount)
            let maximum = ours.maximum(theirs)
            let reference = maximum.finiteReference
            let ourFactors = Exponential.exp2(nonPositive: ours - reference, Arithmetic.self)
            let theirFactors = Exponential.exp2(nonPositive: theirs - reference, Arithmetic.self)
            let total = Arithmetic.multiplyAdd(
                later.sums.lanes(at: tile * laneCount), theirFactors, sums.lanes(at: tile * laneCount) * ourFactors)
            maxima.store(maximum, at: tile * laneCount)
            sums.store(total, at: tile * laneCount)
            for row in 0..<tileRows {
                let first = (tile * tileRows + row) * valueStride
                for offset in Steps(from: first, to: first + valueStride, by: laneCount) {
                    let merged = Arithmetic.multiplyAdd(
                        later.values.lanes(at: offset), Lanes(repeating: theirFactors[row]),
                        values.lanes(at: offset) * ourFactors[row])
                    values.store(merged, at: offset)
                }
            }
        }
    }

    /// Writes the rows' results, weighted values over sums, to the output.
    @inline(always)
    func finish(_ arguments: AttentionArguments, tileRows: Int) {
        let dimension = arguments.shape.headDimension
        for row in Steps(from: arguments.rows.lowerBound, to: arguments.rows.upperBound, by: 1) {
            let place = row - arguments.rows.lowerBound
            let output = arguments.input.output + arguments.offset(ofRow: row)
            let factor = 1 / sums[place / tileRows * laneCount + place % tileRows]
            let source = values + place * valueStride
            for d in Steps(from: 0, to: dimension, by: 1) { output[d] = source[d] * factor }
        }
    }
}

extension Lanes {
    /// Itself, and 0 where it is −∞ (a row that has seen no key), so that differences to it are never NaN.
    @inline(always)
    var finiteReference: Lanes {
        replacing(with: 0, where: self .== Lanes(repeating: -.infinity))
    }
}
