import Foundation

/// The folder Fixtures of this checkout.
package enum Fixtures {
    /// The path of a file or folder in it.
    package static func path(_ name: String) -> String {
        URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Fixtures/\(name)")
            .standardizedFileURL.path(percentEncoded: false)
    }
}

/// The model that Fixtures/fetch_smollm2.py makes.
package enum SmolLM2 {
    /// Its directory.
    package static let directory = Fixtures.path(".cache/SmolLM2-135M-Instruct")

    /// Its tests run where the model is, and fail without it where it must be.
    package static var isExpected: Bool {
        let environment = ProcessInfo.processInfo.environment
        return environment["CI"] != nil || environment["LONGLM_REQUIRE_SMOLLM2"] != nil
            || FileManager.default.fileExists(atPath: directory + "/model.safetensors")
    }

    /// What to do where it isn't.
    package static let absence = "run Fixtures/fetch_smollm2.py to have SmolLM2-135M-Instruct tested"
}
