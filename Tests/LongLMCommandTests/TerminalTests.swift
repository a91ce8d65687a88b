import Foundation
import Safetensors
import TestSupport
import Testing

private let tiny = Fixtures.path("passkey-tiny")

/// What reaches a terminal, and what reaches a file.
@Suite struct TerminalTests {
    private let folder: TemporaryDirectory

    init() throws { folder = try TemporaryDirectory() }

    /// A name that would change the terminal's title and clear its screen.
    private let hostile = "a\u{1b}]0;pwned\u{7}\u{1b}[2J\u{9b}1m\u{202e}\u{2028}"

    private func hostileFile() throws -> String {
        var writer = SafetensorsWriter()
        try writer.add(hostile, shape: [1], floats: [1])
        try writer.write(to: folder.file("model.safetensors"))
        return folder.file("model.safetensors")
    }

    #if os(Linux)
        @Test func namesOnATerminal() throws {
            let run = try longlmOnTerminal(["inspect", hostileFile()])
            #expect(
                run.status == 0 && run.text.contains(#"a\u{1B}]0;pwned\u{07}\u{1B}[2J\u{009B}1m\u{202E}\u{2028}"#),
                "\(run.text.debugDescription)")
            let controls = run.text.unicodeScalars.filter { $0.properties.generalCategory == .control && $0 != "\n" }
            #expect(controls.isEmpty)
        }
    #endif

    @Test func namesInAFile() throws {
        let run = try longlm(["inspect", hostileFile()])
        #expect(run.status == 0 && run.output.contains(hostile))
    }

    #if os(Linux)
        /// The line of progress is redrawn, which it can only be while it is shorter than the terminal's.
        @Test(arguments: [20, 40, 80, 200] as [UInt16])
        func progress(columnCount: UInt16) throws {
            let prompt = String(repeating: "the cat sat on the mat ", count: 10)
            let run = try longlmOnTerminal(
                ["generate", "--model", tiny, "--prompt", prompt, "--max-tokens", "1", "--threads", "1"],
                columnCount: columnCount)
            #expect(run.status == 0, "\(run.text)")
            let lines = run.text.components(separatedBy: "\r\u{1b}[K").dropFirst().filter { $0.contains("%") }
            #expect(!lines.isEmpty && lines.allSatisfy { $0.count < columnCount }, "\(lines)")
        }

        /// Where no time passes, rates are infinite. Converting one to a whole number was a trap.
        @Test("A clock that stands still", .enabled(if: Self.clang != nil, "clang isn't installed"))
        func frozenClock() throws {
            let source = try folder.write(
                """
                #include <time.h>
                int clock_gettime(clockid_t clock, struct timespec *time) {
                    (void)clock;
                    time->tv_sec = 1000;
                    time->tv_nsec = 0;
                    return 0;
                }
                """, to: "frozen.c")
            let library = folder.file("frozen.so")
            let compiler = Process()
            compiler.executableURL = try URL(filePath: #require(Self.clang))
            compiler.arguments = ["-shared", "-fPIC", "-o", library, source]
            try compiler.run()
            compiler.waitUntilExit()
            try #require(compiler.terminationStatus == 0)
            let arguments = ["generate", "--model", tiny, "--prompt", "the cat", "--max-tokens", "2"]
            for more in [[], ["--json"]] {
                let run = try longlm(arguments + more, environment: ["LD_PRELOAD": library])
                #expect(run.status == 0 && !run.output.isEmpty, "\(run.errors)")
            }
        }

        private static let clang: String? = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
            .map { $0 + "/clang" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    #endif
}
