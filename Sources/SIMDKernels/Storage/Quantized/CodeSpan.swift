import CLongLM

/// 32 columns of a panel of quantised weights as code products read them.
///
/// First come the codes: the word of quad q and row r at `span[q · 32 + r]`, with four bytes for four neighboring columns.
/// Every byte is a number between −128 and 127 that has 128 added. Then come the scales of 32 rows, for each half of the
/// columns, and the minima likewise. Where all columns share one scale, only the first half's are there.
enum CodeSpan {
    /// The words of a span.
    @inline(always) static var wordCount: Int { 12 * PackedMatrix.panelWidth }

    /// Words to the scales of a half of the columns.
    @inline(always)
    static func scaleOffset(half: Int) -> Int { (8 + half) * PackedMatrix.panelWidth }

    /// Words to the minima of a half of the columns.
    @inline(always)
    static func minimumOffset(half: Int) -> Int { (10 + half) * PackedMatrix.panelWidth }

    /// Unpacks a span.
    ///
    /// - Parameters:
    ///   - block: The first word of the block that holds it.
    ///   - column: The first column within the block, a multiple of 32.
    @inline(always)
    static func unpack<Storage: QuantizedStorage, Widen: Widening>(
        _ block: UnsafePointer<Float>, from column: Int, into span: UnsafeMutablePointer<Float>, _: Storage.Type,
        _: Widen.Type
    ) {
        let width = PackedMatrix.panelWidth
        for row in Steps(from: 0, to: width, by: laneCount) {
            for quad in Steps(from: 0, to: 8, by: 1) {
                span.store(
                    Storage.raisedCodes(block, at: row, span: column / 32, quad: quad, Widen.self),
                    at: quad * width + row)
            }
            for half in Steps(from: 0, to: 32 / Storage.groupLength, by: 1) {
                let group = column / Storage.groupLength + half
                span.store(
                    Storage.scales(block, at: row, group: group, Widen.self), at: scaleOffset(half: half) + row)
                if Storage.hasMinimum {
                    span.store(
                        Storage.raisedMinima(block, at: row, group: group, Widen.self),
                        at: minimumOffset(half: half) + row)
                }
            }
        }
    }
}
