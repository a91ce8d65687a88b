/// The rows of a batch of activations that one worker takes in every step of a forward pass.
///
/// With many rows, each worker owns some of them from the first step to the last. It reads what it has written itself,
/// from its own caches, and it never waits for other workers. With few rows, workers divide the columns of a product
/// instead and meet at a barrier between steps.
public struct RowShare: Sendable {
    /// The rows: two ranges, of which the second may be empty.
    public let ranges: (Range<Int>, Range<Int>)
    /// Whether products are divided in the same way, so that a step that needs only the worker's own rows needs no
    /// barrier.
    public let isOwned: Bool

    /// Workers own their rows if each gets at least this many. With fewer, too many tiles would be incomplete.
    private static let leastOwnedRows = 48

    /// Boundaries are multiples of this, the number of rows from which the remainders of all tiles are built.
    private static let granularity = 4

    /// The share of one of `workerCount` workers.
    init(rowCount: Int, workerIndex: Int, workerCount: Int) {
        if workerCount == 1 {
            ranges = (0..<rowCount, rowCount..<rowCount)
            isOwned = true
        } else if rowCount >= Self.leastOwnedRows * workerCount {
            // Later rows attend to more keys. So the rows are cut into twice as many parts as there are workers. A
            // worker takes one part from the beginning and the matching one from the end.
            let units = (rowCount + Self.granularity - 1) / Self.granularity
            let partCount = 2 * workerCount
            func part(_ index: Int) -> Range<Int> {
                min(
                    units * index / partCount * Self.granularity, rowCount)..<min(
                        units * (index + 1) / partCount * Self.granularity, rowCount)
            }
            ranges = (part(workerIndex), part(partCount - 1 - workerIndex))
            isOwned = true
        } else {
            let start = rowCount * workerIndex / workerCount
            let end = rowCount * (workerIndex + 1) / workerCount
            ranges = (start..<end, end..<end)
            isOwned = false
        }
    }

    /// Calls `body` with each range that isn't empty.
    package func forEachRange(_ body: (Range<Int>) -> Void) {
        if !ranges.0.isEmpty { body(ranges.0) }
        if !ranges.1.isEmpty { body(ranges.1) }
    }

    /// Calls `body` with each row.
    public func forEachRow(_ body: (Int) -> Void) {
        forEachRange { for row in $0 { body(row) } }
    }
}

extension Worker {
    /// This worker's rows of a batch.
    public func rows(of rowCount: Int) -> RowShare {
        RowShare(rowCount: rowCount, workerIndex: index, workerCount: count)
    }
}
