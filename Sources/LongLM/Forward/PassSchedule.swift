import SIMDKernels

/// How the rows of a pass are shared out among a team's workers, and where workers wait for each other.
///
/// Every worker calls the same steps in the same order and does its share of each. The steps ask the schedule for that
/// share and tell it when they end; they know nothing else about threads.
struct PassSchedule {
    /// Who computes what.
    enum Division {
        /// Very few rows: as ``shared``, but each worker does the short steps between two products for all rows, in
        /// memory of its own. That takes less time than to wait for another worker.
        case `private`
        /// Few rows: workers share out the columns of a product and the rows of a short step, and meet at a barrier after
        /// each.
        case shared
        /// Many rows: a worker has the same rows in every step. It reads what it wrote itself, and waits for the others only
        /// where it needs their keys and values.
        case owned
    }

    /// The most rows that every worker normalises and packs for itself.
    static let maximumPrivateRowCount = 4

    let worker: Worker
    let rowCount: Int
    let division: Division
    /// This worker's rows. Where they are owned, the same in every step.
    let rows: RowShare

    init(rowCount: Int, worker: Worker) {
        self.worker = worker
        self.rowCount = rowCount
        rows = worker.rows(of: rowCount)
        division = rowCount <= Self.maximumPrivateRowCount ? .private : rows.isOwned ? .owned : .shared
    }

    /// Who does a short step, such as a normalisation: this worker for its share, or for all rows.
    var shortStepWorker: Worker { division == .private ? worker.alone : worker }

    /// Ends a short step, whose output is read by the same rows' next step.
    func endShortStep() { if division == .shared { worker.barrier() } }

    /// Ends a product, whose output is read by the same rows' next step.
    func endStep() { if division != .owned { worker.barrier() } }

    /// Ends a step whose output is read across rows: waits for all workers.
    func endStepForAllRows() { worker.barrier() }

    /// Calls `body` with this worker's part of a step whose rows consist of heads: with all heads of its own rows, or with
    /// some heads of all rows, since few rows have more heads than rows to share out.
    func forEachRow(of headCount: Int, _ body: (_ row: Int, _ heads: Range<Int>) -> Void) {
        if division == .owned {
            rows.forEachRow { body($0, 0..<headCount) }
        } else {
            let heads = worker.share(of: headCount)
            for row in 0..<rowCount { body(row, heads) }
        }
    }
}
