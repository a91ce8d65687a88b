/// What a forward pass computes: some rows of any number of sequences, run by run.
///
/// A prompt's chunk and another text's next token stand in one pass as two runs. Each sequence gets the bits of a pass of
/// its own, whatever runs beside it.
struct Pass {
    /// In the order of their rows. Each is of another sequence.
    private(set) var runs: [PassRun] = []
    /// The token of each row.
    private(set) var tokens: [Int] = []
    /// The rows whose logits are wanted, ascending.
    private(set) var logitRows: [Int] = []
    /// The index of each row's run.
    private var runIndices: [Int] = []

    var rowCount: Int { tokens.count }

    /// Adds a sequence's next rows.
    ///
    /// - Parameters:
    ///   - sequence: A sequence that has no run yet, with room in its cache for the rows.
    ///   - tokens: One for each row.
    ///   - firstPosition: The position of the first row: how many tokens the sequence has processed.
    ///   - logitRows: The rows of this run whose logits are wanted, counted from 0. The pass's logits are one matrix
    ///     [number of all wanted rows, V], in the order of the runs.
    mutating func add(
        _ sequence: SequenceState, tokens: some Collection<Int>, firstPosition: Int, logitRows: Range<Int>
    ) {
        let first = rowCount
        let rows = first..<(first + tokens.count)
        self.tokens.append(contentsOf: tokens)
        for _ in rows { runIndices.append(runs.count) }
        for row in logitRows { self.logitRows.append(first + row) }
        runs.append(PassRun(sequence: sequence, rows: rows, firstPosition: firstPosition))
    }

    /// Removes all runs and keeps the lists' memory.
    mutating func removeAll() {
        runs.removeAll(keepingCapacity: true)
        tokens.removeAll(keepingCapacity: true)
        logitRows.removeAll(keepingCapacity: true)
        runIndices.removeAll(keepingCapacity: true)
    }

    /// The run that a row belongs to.
    func run(ofRow row: Int) -> PassRun { runs[runIndices[row]] }
}

/// One sequence's rows in a pass.
struct PassRun {
    let sequence: SequenceState
    /// Its rows of the pass.
    let rows: Range<Int>
    /// The position of its first row.
    let firstPosition: Int

    /// The position of one of its rows.
    func position(ofRow row: Int) -> Int { firstPosition + row - rows.lowerBound }
}
