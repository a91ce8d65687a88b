internal import FileReading
import Foundation
import LongLM

/// A file of a model, and what tells it from others.
public struct ModelFile: Sendable, Codable, Equatable {
    /// The file's name without its directory.
    public let name: String
    /// SHA-256 of its bytes, as `sha256sum` prints it.
    public let sha256: String

    /// A file of a name and a hash.
    public init(name: String, sha256: String) {
        self.name = name
        self.sha256 = sha256
    }

    /// Hashes the files of a model's weights: the GGUF files, or those of safetensors. A large model takes a minute.
    ///
    /// - Parameter path: The model's directory or file.
    /// - Throws: ``EvaluationError/file(_:reason:)``.
    public static func weights(ofModel path: String) throws(EvaluationError) -> [ModelFile] {
        var files: [ModelFile] = []
        for file in try paths(path) {
            do throws(FileError) {
                let mapped = try MappedFile(path: file)
                let hash = SHA256.hash(of: mapped.bytes) { mapped.discardResidentPages($0) }
                files.append(ModelFile(name: URL(fileURLWithPath: file).lastPathComponent, sha256: hash))
            } catch { throw .file(error.path, reason: error.reason) }
        }
        return files
    }

    /// The files of weights, in the order of their names.
    private static func paths(_ path: String) throws(EvaluationError) -> [String] {
        let location: ModelLocation
        do throws(CheckpointError) {
            location = try ModelLocation(path)
        } catch { throw .file(path, reason: "\(error)") }
        func names(_ directory: String) -> [String] {
            ((try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []).sorted()
        }
        switch location {
        case .huggingFace(let directory):
            let weights = names(directory).filter { $0.hasPrefix("model") && $0.hasSuffix(".safetensors") }
            return weights.isEmpty ? [directory] : weights.map { directory + "/" + $0 }
        case .gguf(let file):
            // The first of several shards stands for all.
            let url = URL(fileURLWithPath: file)
            guard let match = url.lastPathComponent.wholeMatch(of: /(.*)-\d{5}(-of-\d{5}\.gguf)/) else { return [file] }
            let directory = url.deletingLastPathComponent().path
            return names(directory).filter { $0.hasPrefix(match.output.1) && $0.hasSuffix(match.output.2) }
                .map { directory + "/" + $0 }
        }
    }
}
