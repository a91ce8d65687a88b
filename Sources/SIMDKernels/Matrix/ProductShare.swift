/// Which rows and panels of a product one worker computes.
///
/// With many rows, each worker owns some of them, which `RowShare` hands out. With few, this type divides tiles and panels.
struct ProductShare {
    let rows: (Range<Int>, Range<Int>)
    let panels: Range<Int>

    init(rowCount: Int, tileRows: Int, panelCount: Int, worker: Worker) {
        let owned = worker.rows(of: rowCount)
        if owned.isOwned {
            rows = owned.ranges
            panels = 0..<panelCount
            return
        }
        // Each group of workers takes some of the tiles, and each member of a group takes some of the panels. The
        // number of groups is the one that leaves the busiest worker the least to do.
        let tileCount = (rowCount + tileRows - 1) / tileRows
        var groupCount = 1
        var least = Int.max
        for groups in 1...worker.count where worker.count % groups == 0 {
            let members = worker.count / groups
            let most = (tileCount + groups - 1) / groups * ((panelCount + members - 1) / members)
            if most < least { (least, groupCount) = (most, groups) }
        }
        let members = worker.count / groupCount
        let group = worker.index / members
        let member = worker.index % members
        let start = min(tileCount * group / groupCount * tileRows, rowCount)
        let end = min(tileCount * (group + 1) / groupCount * tileRows, rowCount)
        rows = (start..<end, end..<end)
        panels = (panelCount * member / members)..<(panelCount * (member + 1) / members)
    }
}
