/// The file of a sweep over tasks.
public typealias TaskFile = SweepFile<TaskHeader>
/// The contents of a task sweep's file.
public typealias TaskLog = SweepLog<TaskHeader>

extension SweepFile where Header == TaskHeader {
    /// Opens a file for a sweep.
    ///
    /// - Parameters:
    ///   - path: The file's path.
    ///   - header: The sweep's header.
    ///   - sweep: The sweep, whose cells the rows must be.
    ///   - resumes: Whether to keep the rows that the file has. Otherwise a file that isn't empty is refused.
    /// - Throws: ``EvaluationError`` when the file can't be written, is in use, or holds anything but rows of this sweep.
    public convenience init(
        path: String, header: TaskHeader, sweep: TaskSweep, resumes: Bool
    ) throws(EvaluationError) {
        try self.init(path: path, header: header, cells: Set(sweep.keys), resumes: resumes)
    }
}
