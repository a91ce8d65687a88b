import LongLM

/// Why an evaluation could not be run. (That a model answered wrongly is no error but a result.)
public enum EvaluationError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A file that can't be read or written: its path, and why.
    case file(String, reason: String)
    /// A line that isn't what the file should hold: its path, the number of the line from 1, and why.
    case malformedLine(file: String, line: Int, reason: String)
    /// A setting outside of its range, or one that doesn't suit the model or the text.
    case invalidSetting(String)
    /// Records of two sweeps that differ in more than their rows.
    case differentSweeps(file: String, reason: String)
    /// A session that can't be made, or that was cancelled.
    case session(SessionError)
    /// Tokens that can't be turned into text.
    case tokenizer(TokenizerError)

    /// One line for a person to read.
    public var description: String {
        switch self {
        case .file(let path, let reason): "\(path): \(reason)"
        case .malformedLine(let file, let line, let reason): "\(file):\(line): \(reason)"
        case .invalidSetting(let reason): reason
        case .differentSweeps(let file, let reason): "\(file): \(reason)"
        case .session(let error): "\(error)"
        case .tokenizer(let error): "\(error)"
        }
    }
}
