import Safetensors

/// Why a session could not be saved or restored. The session is then unchanged, and so is a file that was to be
/// replaced.
public enum SessionFileError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A file that can't be read or written, or is no valid safetensors file.
    case safetensors(SafetensorsError)
    /// A safetensors file that isn't a saved session of a known version, and what is wrong with it.
    case notASession(file: String, reason: String)
    /// A session of another model: the fingerprints of the file's model and of this one.
    case otherModel(file: String, saved: String, expected: String)
    /// A session with another setting. Its keys are already rotated, so they can't be adapted. `name` is the setting,
    /// followed by its value in the file and its value in this session.
    case otherSetting(file: String, name: String, saved: String, expected: String)
    /// A part of the file has a wrong checksum: it was damaged after it was written.
    case damaged(file: String, part: String)
    /// The session itself can't do it: it is empty, at work, or has too little capacity for the file's tokens.
    case session(SessionError)

    /// One line for a person to read.
    public var description: String {
        switch self {
        case .safetensors(let error): "\(error)"
        case .notASession(let file, let reason): "\(file): not a saved session: \(reason)"
        case .otherModel(let file, let saved, let expected):
            "\(file): saved with another model, of fingerprint \(saved) and not \(expected)"
        case .otherSetting(let file, let name, let saved, let expected):
            "\(file): saved with \(name) \(saved), but this session has \(expected); its keys are rotated for the former, "
                + "so prefill the tokens again"
        case .damaged(let file, let part): "\(file): \(part) is damaged"
        case .session(let error): "\(error)"
        }
    }
}
