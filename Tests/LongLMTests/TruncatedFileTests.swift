import Foundation
import GGUF
import LongLM
import Safetensors
import TestSupport
import Testing

/// Files that another process truncates while they are read. Touching the lost part of a mapping ends the process, so nothing
/// that loads a model or a session may do that.
@Suite struct TruncatedFileTests {
    private let folder: TemporaryDirectory

    init() throws { folder = try TemporaryDirectory() }

    private func cut(_ path: String, to count: Int) throws { try #require(truncate(path, off_t(count)) == 0) }

    @Test func tensorsOfSafetensors() throws {
        try TinyLlama().write(to: folder)
        let path = folder.file("model.safetensors")
        let file = try SafetensorsFile(path: path)
        let checkpoint = try ModelCheckpoint(path: folder.path)
        try cut(path, to: 4096)
        let lost = SafetensorsError.unreadable(file: path, reason: "was truncated while it was read")
        let tensor = try file.tensor("model.norm.weight")
        #expect(throws: lost) { _ = try tensor.floats() }
        #expect(throws: lost) { _ = try tensor.bytes() }
        #expect(throws: ModelError.checkpoint(.safetensors(lost))) { _ = try LanguageModel(checkpoint) }
    }

    @Test func tensorsOfGGUF() throws {
        try TinyLlama().write(to: folder)
        let path = try folder.write(GGUFConversion(directory: folder.path).writer.bytes, to: "m.gguf")
        let checkpoint = try ModelCheckpoint(path: path)
        let size = try #require(try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int)
        try cut(path, to: size - 100)
        #expect(
            throws: ModelError.checkpoint(
                .gguf(.unreadable(file: path, reason: "was truncated while it was read")))
        ) { _ = try LanguageModel(checkpoint) }
    }

    /// Truncated at any moment of loading, in a process of its own: either the model is there, or an error is.
    @Test(arguments: [false, true])
    func atAnyMoment(isGGUF: Bool) async {
        await #expect(processExitsWith: .success) { [isGGUF] in
            var generator = SeededGenerator(seed: 5)
            var tiny = TinyLlama()
            // Large enough that loading takes some milliseconds.
            (tiny.hiddenSize, tiny.intermediateSize, tiny.vocabularySize) = (128, 512, 3000)
            let original = try TemporaryDirectory()
            try tiny.write(to: original)
            let name = isGGUF ? "m.gguf" : "model.safetensors"
            if isGGUF { try original.write(GGUFConversion(directory: original.path).writer.bytes, to: name) }
            let contents = try Data(contentsOf: URL(filePath: original.file(name)))
            let copy = try TemporaryDirectory()
            try copy.write(jsonObject(tiny.configuration), to: "config.json")
            let path = isGGUF ? copy.file(name) : copy.path
            var failureCount = 0
            for _ in 0..<(ProcessInfo.processInfo.environment["LONGLM_FUZZ_COUNT"].flatMap { Int($0) } ?? 60) {
                try contents.write(to: URL(filePath: copy.file(name)))
                let (delay, size) = (
                    useconds_t.random(in: 0...6_000, using: &generator),
                    Int.random(in: 0..<contents.count, using: &generator)
                )
                let file = copy.file(name)
                let thread = Thread {
                    usleep(delay)
                    truncate(file, off_t(size))
                }
                thread.start()
                do {
                    _ = try LanguageModel(path: path, options: LoadOptions(threadCount: 1))
                } catch is ModelError { failureCount += 1 }
                while !thread.isFinished { usleep(200) }
            }
            guard failureCount > 0 else { exit(2) }
        }
    }
}
