import SIMDKernels
import Testing

@Suite("Shares of rows")
struct RowShareTests {
    private static let workerCounts = Array(1...17) + [24, 31, 32, 48, 63, 64]
    /// From this many rows for each worker on, a worker owns its rows.
    private static let leastOwnedRows = 48

    /// What is wrong with the shares of a team; nil: nothing.
    private func fault(_ team: [Worker], _ rowCount: Int) -> String? {
        let shares = team.map { $0.rows(of: rowCount) }
        // All workers must agree on it, or some would wait at a barrier for others that don't come.
        let isOwned = team.count == 1 || rowCount >= Self.leastOwnedRows * team.count
        guard shares.allSatisfy({ $0.isOwned == isOwned }) else { return "isOwned" }

        let ranges = shares.flatMap { [$0.ranges.0, $0.ranges.1] }
        guard ranges.allSatisfy({ $0.lowerBound >= 0 && $0.upperBound <= rowCount }) else { return "bounds" }
        let present = ranges.filter { !$0.isEmpty }.sorted { $0.lowerBound < $1.lowerBound }
        var end = 0
        for range in present {
            guard range.lowerBound == end else { return "gap or overlap at \(end)" }
            end = range.upperBound
        }
        guard end == rowCount else { return "rows from \(end) on are nobody's" }
        for share in shares {
            var rows: [Int] = []
            share.forEachRow { rows.append($0) }
            guard rows == Array(share.ranges.0) + Array(share.ranges.1) else { return "forEachRow" }
        }
        if team.count == 1 { return nil }

        let sizes = shares.map { $0.ranges.0.count + $0.ranges.1.count }
        guard isOwned else {
            guard (sizes.max() ?? 0) - (sizes.min() ?? 0) <= 1 else { return "sizes \(sizes)" }
            return shares.allSatisfy { $0.ranges.1.isEmpty } ? nil : "two ranges of few rows"
        }
        guard present.allSatisfy({ $0.upperBound % 4 == 0 || $0.upperBound == rowCount }) else { return "granularity" }
        // Row r attends to r + 1 keys. Cut at i · n / 2w, the first part and the last would together have exactly
        // n · (n + 1) / 2w of them, and so would every other pair. A pair has four boundaries, whose places add up to
        // 2n. Each is less than 4 rows off, because they are rounded down to multiples of 4, of a length that is
        // rounded up to one; moving a boundary from b by δ moves δ · (b + ½) + δ² / 2 keys. In all: less than
        // 4 · (2n + 2) + 4 · 8.
        let (rows, workers) = (Double(rowCount), Double(team.count))
        for share in shares {
            var work = 0.0
            share.forEachRow { work += Double($0 + 1) }
            guard abs(work - rows * (rows + 1) / (2 * workers)) < 8 * rows + 40 else { return "work \(work)" }
        }
        return nil
    }

    @Test("Workers' rows are disjoint, complete and balanced", arguments: workerCounts)
    func shares(_ workerCount: Int) {
        let team = workers(workerCount)
        #expect(team.map(\.index) == Array(0..<workerCount) && team.allSatisfy { $0.count == workerCount })
        // Every number of rows up to a few more than a prefill's step has, and up to where the largest teams own rows.
        var rowCounts = Array(0...600)
        rowCounts += stride(from: 601, to: 1100, by: 7)
        let owned = Self.leastOwnedRows * workerCount
        rowCounts += (owned - 5)...(owned + 5)
        rowCounts += [1100, 2 * owned + 3, 4095, 4096]
        for rowCount in rowCounts {
            #expect(fault(team, rowCount) == nil, "\(rowCount) rows")
        }
    }
}
