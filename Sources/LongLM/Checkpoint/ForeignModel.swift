import Foundation

/// What people give as a model that isn't one.
enum ForeignModel {
    /// What a path leads to, and what to do about it, in words that follow the path and a colon; nil if it may be a model.
    static func explanation(_ path: String) -> String? {
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else { return absence(path) }
        return isDirectory.boolValue ? directory(path) : file(path)
    }

    private static func absence(_ path: String) -> String {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        let isName = parts.allSatisfy { part in
            part.first.map { $0.isLetter || $0.isNumber } == true && part.utf8.allSatisfy { $0.isASCIIName }
        }
        // OWNER/NAME, where there is no directory of the owner's name either.
        guard parts.count == 2, isName, !FileManager.default.fileExists(atPath: String(parts[0])) else {
            return "no such file or directory"
        }
        return "no such directory; if it is a model's name on Hugging Face, download it first (hf download \(path) "
            + "--local-dir DIRECTORY) and give the directory"
    }

    private static func file(_ path: String) -> String? {
        if let wrong = contents(path) { return wrong }
        let name = path.lowercased()
        if beginning(path).starts(with: Array("GGUF".utf8)) || name.hasSuffix(".gguf") { return nil }
        if name.hasSuffix(".safetensors") || name.hasSuffix(".safetensors.index.json") {
            return "is a file of weights alone; give the directory that also holds config.json and tokenizer.json"
        }
        if isPyTorch(name) { return pyTorch }
        return "is neither a model's directory nor a GGUF file"
    }

    private static func directory(_ path: String) -> String? {
        let names = Set((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [])
        let read = ["config.json", "tokenizer.json", "model.safetensors", "model.safetensors.index.json"]
        let shards = names.filter { $0.hasSuffix(".safetensors") && !read.contains($0) }.sorted()
        for name in read.filter(names.contains) + shards {
            if let wrong = contents(path + "/" + name) { return "\(name) \(wrong)" }
        }
        if names.contains("adapter_config.json"), !names.contains("config.json") {
            return
                "holds a LoRA adapter, not a model; give its base model, and the adapter with --adapter (LoadOptions.adapters)"
        }
        let hasWeights = names.contains("model.safetensors") || names.contains("model.safetensors.index.json")
        if !hasWeights, let other = names.sorted().first(where: { isPyTorch($0.lowercased()) }) {
            return "\(other) \(pyTorch)"
        }
        return nil
    }

    /// Which other form of a tokenizer a directory holds, and what to do about it; nil if it has tokenizer.json, or nothing
    /// that is known.
    static func foreignTokenizer(_ path: String) -> String? {
        let manager = FileManager.default
        guard !manager.fileExists(atPath: path + "/tokenizer.json"),
            manager.fileExists(atPath: path + "/tokenizer.model")
        else { return nil }
        return "has SentencePiece's tokenizer.model but no tokenizer.json, which AutoTokenizer.from_pretrained(…)"
            + ".save_pretrained(…) of transformers writes"
    }

    /// What a file holds in place of what its name says.
    private static func contents(_ path: String) -> String? {
        let text = String(decoding: beginning(path), as: UTF8.self).lowercased()
        if text.hasPrefix("version https://git-lfs.github.com/spec") {
            return "is a Git LFS pointer, not the file itself; fetch it with git lfs pull"
        }
        let start = text.drop { $0.isWhitespace }
        if start.hasPrefix("<!doctype html") || start.hasPrefix("<html") {
            return "is an HTML page, as a failed download leaves it; download it again"
        }
        return nil
    }

    /// The first bytes of a regular file.
    private static func beginning(_ path: String) -> [UInt8] {
        guard
            let attributes = try? FileManager.default.attributesOfItem(
                atPath: URL(filePath: path).resolvingSymlinksInPath().path(percentEncoded: false)),
            attributes[.type] as? FileAttributeType == .typeRegular, let file = FileHandle(forReadingAtPath: path)
        else { return [] }
        return [UInt8]((try? file.read(upToCount: 64)) ?? Data())
    }

    private static func isPyTorch(_ name: String) -> Bool {
        [".bin", ".pt", ".pth", ".ckpt"].contains { name.hasSuffix($0) } && !name.hasPrefix("training_args")
    }

    private static let pyTorch = "holds weights in PyTorch's format; convert them to safetensors or GGUF"
}

extension UInt8 {
    /// Whether names of users and models on Hugging Face may have this byte.
    fileprivate var isASCIIName: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}
