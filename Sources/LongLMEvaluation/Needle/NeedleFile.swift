/// The file of a needle sweep.
public typealias NeedleFile = SweepFile<NeedleHeader>
/// The contents of a needle sweep's file.
public typealias NeedleLog = SweepLog<NeedleHeader>

extension SweepFile where Header == NeedleHeader {
    /// Opens a file for a sweep.
    ///
    /// - Parameters:
    ///   - path: The file's path.
    ///   - header: The sweep's header.
    ///   - sweep: The sweep, whose cells the rows must be.
    ///   - resumes: Whether to keep the rows that the file has. Otherwise a file that isn't empty is refused.
    /// - Throws: ``EvaluationError`` when the file can't be written, is in use, or holds anything but rows of this sweep.
    public convenience init(
        path: String, header: NeedleHeader, sweep: NeedleSweep, resumes: Bool
    ) throws(EvaluationError) {
        try self.init(path: path, header: header, cells: Set(sweep.cells.map(\.key)), resumes: resumes)
    }
}
