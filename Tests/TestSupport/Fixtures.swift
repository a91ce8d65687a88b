import Foundation

/// The folder Fixtures of this checkout.
package enum Fixtures {
    /// The path of a file or folder in it.
    package static func path(_ name: String) -> String {
        URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Fixtures/\(name)")
            .standardizedFileURL.path(percentEncoded: false)
    }
}

/// A model, or something else, that a script in Fixtures makes.
package struct FetchedModel: Sendable, Equatable {
    package static let smolLM2 = FetchedModel(name: "SmolLM2-135M-Instruct", script: "fetch_smollm2.py")
    package static let gemma3 = FetchedModel(name: "Gemma-3-270M", script: "fetch_gemma3.py")
    /// The vocabularies of GGUF files, without weights.
    package static let vocabularies = FetchedModel(
        name: "vocabularies", script: "fetch_vocabularies.py", file: "gemma3.gguf")

    /// Published chat templates, with what Jinja2 makes of chats.
    package static let templates = FetchedModel(
        name: "templates", script: "fetch_templates.py", file: "moonshotai-Kimi-K2.json")

    /// The models whose tests of quantised files run: those that have one, and in CI all.
    package static var quantized: [FetchedModel] {
        [smolLM2, gemma3].filter { mustBeThere || $0.quantizedFile != nil }
    }

    private let name: String
    private let script: String
    /// A file of the directory.
    private var file = "model.safetensors"

    /// Its directory.
    package var directory: String { Fixtures.path(".cache/\(name)") }

    /// Its tests run where the model is, and fail without it where it must be.
    package var isExpected: Bool {
        Self.mustBeThere || FileManager.default.fileExists(atPath: directory + "/\(file)")
    }

    private static var mustBeThere: Bool {
        let environment = ProcessInfo.processInfo.environment
        return environment["CI"] != nil || environment["LONGLM_REQUIRE_MODELS"] != nil
    }

    /// The only GGUF file of its directory, which the checkpoint was made from; nil: there is none.
    package var quantizedFile: String? {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        let files = names.filter { $0.hasSuffix(".gguf") }
        return files.count == 1 ? directory + "/" + files[0] : nil
    }

    /// What to do where it isn't.
    package var absence: String { "run Fixtures/\(script) to have \(name) tested" }
}
