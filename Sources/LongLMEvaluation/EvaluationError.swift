import LongLM

/// Why an evaluation can't be run. A wrong answer of a model is a result, not an error.
public enum EvaluationError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A file that can't be read or written: its path, and why.
    case file(String, reason: String)
    /// A line that doesn't belong in its file: the file's path, the line's number from 1, and why.
    case malformedLine(file: String, line: Int, reason: String)
    /// A setting that is out of its range, or one that doesn't suit the model or the text.
    case invalidSetting(String)
    /// A file that belongs to another sweep: its path, and in what the two differ.
    case differentSweeps(file: String, reason: String)
    /// A model and a reference whose vocabularies have different numbers of tokens.
    case differentVocabularies(Int, reference: Int)
    /// A session that can't be made, or a task that was cancelled.
    case session(SessionError)
    /// An answer that can't be generated.
    case generation(GenerationError)
    /// Tokens that can't be turned into text.
    case tokenizer(TokenizerError)

    /// One line for a person to read.
    public var description: String {
        switch self {
        case .file(let path, let reason): "\(path): \(reason)"
        case .malformedLine(let file, let line, let reason): "\(file):\(line): \(reason)"
        case .invalidSetting(let reason): reason
        case .differentSweeps(let file, let reason): "\(file): \(reason)"
        case .differentVocabularies(let size, let referenceSize):
            "the model has a vocabulary of \(size) tokens and the reference one of \(referenceSize); they must be the same"
        case .session(let error): "\(error)"
        case .generation(let error): "\(error)"
        case .tokenizer(let error): "\(error)"
        }
    }
}
