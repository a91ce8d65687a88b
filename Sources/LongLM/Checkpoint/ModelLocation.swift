import Foundation
import GGUF

/// Where the files of a model lie. Whoever opens a path that a user gave asks here what it is.
package enum ModelLocation: Sendable, Equatable {
    /// Files in Hugging Face's form: a directory with config.json, tokenizer.json and the weights, or one file of weights.
    case huggingFace(String)
    /// A GGUF file, or the first of its shards, which holds all of it.
    case gguf(String)

    /// Looks at a path. A directory in Hugging Face's form is one with config.json or safetensors files, and any other may
    /// hold one GGUF file or the shards of one.
    ///
    /// - Throws: ``CheckpointError/severalGGUFFiles(directory:names:)``.
    package init(_ path: String) throws(CheckpointError) {
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), isDirectory.boolValue else {
            self = path.lowercased().hasSuffix(".gguf") || Self.beginsLikeGGUF(path) ? .gguf(path) : .huggingFace(path)
            return
        }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        let known: Set = ["config.json", "model.safetensors", "model.safetensors.index.json"]
        // Of several shards, the first stands for all.
        let files = names.filter { $0.hasSuffix(".gguf") && !Self.isLaterShard($0) }.sorted()
        guard known.isDisjoint(with: names), let first = files.first else {
            self = .huggingFace(path)
            return
        }
        guard files.count == 1 else { throw .severalGGUFFiles(directory: path, names: files) }
        self = .gguf(path + "/" + first)
    }

    /// Whether a regular file begins with GGUF's four bytes. Some programs keep their files under names without an ending.
    private static func beginsLikeGGUF(_ path: String) -> Bool {
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: path),
            attributes[.type] as? FileAttributeType == .typeRegular, let file = FileHandle(forReadingAtPath: path)
        else { return false }
        return (try? file.read(upToCount: 4)) == Data("GGUF".utf8)
    }

    /// Whether a name ends like that of a shard other than the first: `-00002-of-00003.gguf`.
    private static func isLaterShard(_ name: String) -> Bool {
        guard let match = name.wholeMatch(of: /.*-(\d{5})-of-\d{5}\.gguf/) else { return false }
        return match.output.1 != "00001"
    }

    /// The directory, or the file.
    package var path: String {
        switch self {
        case .huggingFace(let path), .gguf(let path): path
        }
    }
}
