import Safetensors

/// Why a session could not be saved or restored. The session is then as before, and so is a file that was to be replaced.
public enum SessionFileError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A file that can't be read or written, or is no valid safetensors file.
    case safetensors(SafetensorsError)
    /// A safetensors file that isn't a saved session of a known version, and what is wrong with it.
    case notASession(file: String, reason: String)
    /// A session of another model: the fingerprints of the file's and of this one.
    case otherModel(file: String, saved: String, expected: String)
    /// A session with other settings, which its rotated keys can't be changed to: the name of the setting, its value in the file
    /// and in this session.
    case otherSetting(file: String, name: String, saved: String, expected: String)
    /// A part of the file whose checksum is wrong: it was damaged after it was written.
    case damaged(file: String, part: String)
    /// A session that can't do it: it is empty, at work, or too short for the file's tokens.
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
