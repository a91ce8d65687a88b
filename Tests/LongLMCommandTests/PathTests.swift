#if os(Linux)
    import Foundation
    import TestSupport
    import Testing

    /// Paths that aren't UTF-8, which Linux allows.
    @Suite struct PathTests {
        private static let model = Fixtures.path("passkey-tiny")

        /// Runs a shell's commands in an empty folder. `longlm` is the command, `$model` a model's directory whose name has
        /// a byte that no text in UTF-8 has, and `$byte` is that byte.
        private func shell(_ commands: String) throws -> Run {
            let directory = try TemporaryDirectory()
            let script = """
                byte=$(printf '\\377'); model="mo${byte}del"
                longlm() { "\(try executable().path(percentEncoded: false))" "$@"; }
                cp -R "\(Self.model)" "$model"
                \(commands)
                """
            let process = Process()
            process.executableURL = URL(filePath: "/bin/sh")
            process.arguments = ["-c", script]
            process.currentDirectoryURL = URL(filePath: directory.path)
            let (output, errors) = (directory.file("output"), directory.file("errors"))
            process.standardOutput = try FileHandle(forUpdating: URL(filePath: directory.write("", to: "output")))
            process.standardError = try FileHandle(forUpdating: URL(filePath: directory.write("", to: "errors")))
            try process.run()
            process.waitUntilExit()
            return Run(
                status: process.terminationStatus, output: try String(contentsOfFile: output, encoding: .utf8),
                errors: try String(contentsOfFile: errors, encoding: .utf8))
        }

        @Test(arguments: [#"--model "$model""#, #"--model="$model""#, #"--model "./$model/""#])
        func folder(option: String) throws {
            let run = try shell("echo 'The pass key' | longlm tokenize \(option)")
            #expect(run.status == 0, "\(run.errors)")
            #expect(try run.output == longlm(["tokenize", "--model", Self.model], input: "The pass key\n").output)
        }

        /// A name at the end that is UTF-8 can be that of a new file; another has to exist.
        @Test(arguments: [#""$model/new""#, #""ol${byte}d""#])
        func output(path: String) throws {
            let run = try shell(
                """
                echo old > "ol${byte}d"
                longlm logits --model "\(Self.model)" --prompt Key --out expected > /dev/null || exit
                longlm logits --model "\(Self.model)" --prompt Key --out \(path) > /dev/null && cmp expected \(path)
                """)
            #expect(run.status == 0, "\(run.output)\(run.errors)")
        }

        @Test func currentFolder() throws {
            let run = try shell(
                """
                cd "$model" && longlm logits --model . --prompt Key --out new > /dev/null || exit
                longlm logits --model . --prompt Key --out new > /dev/null && test -s new
                """)
            #expect(run.status == 0, "\(run.output)\(run.errors)")
        }

        /// A name that begins with a digit isn't taken for the end of a descriptor's number.
        @Test(arguments: ["none", "1none"])
        func errorsNameThePath(name: String) throws {
            let run = try shell(#"longlm inspect "$model/\#(name)""#)
            #expect(run.status == 1)
            #expect(run.errors.contains(#"mo\xffdel/\#(name)"#) && !run.errors.contains("/proc/"), "\(run.errors)")
        }

        @Test func noPath() throws {
            let run = try shell(#"longlm generate --model "$model" --prompt "caf$byte""#)
            #expect(run.status == 1)
            #expect(run.errors == "longlm: the argument caf\\xff isn't UTF-8 and names no file or folder\n")
        }
    }
#endif
