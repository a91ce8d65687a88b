import Foundation
import TestSupport
import Testing

/// `longlm chat` with lines from a pipe.
@Suite struct ChatCommandTests {
    private let fixture: ChatFixture

    init() throws { fixture = try ChatFixture() }

    /// A line is a message, and standard output has the answers alone.
    @Test func aLineIsAMessage() throws {
        let run = try fixture.chat("the garden", "", "  ", "is green")
        let first = try fixture.continuation("the garden")
        let second = try fixture.continuation("the garden\(first)is green")
        #expect(run.status == 0 && run.output == "\(first)\n\(second)\n", "\(run.errors)")
        #expect(first.utf8.count == 6 && second.utf8.count == 6)
        #expect(!run.errors.contains(">"))
    }

    /// A backslash, a block, and the whole input as one message come to the same.
    @Test func severalLines() throws {
        let expected = try fixture.continuation("the\n/garden\n\"is\" green") + "\n"
        #expect(try fixture.chat("the\\", "/garden\\", "\"is\" green").output == expected)
        let quotes = "\"\"\""
        #expect(try fixture.chat(quotes, "the", "/garden", "\"is\" green", quotes).output == expected)
        #expect(try fixture.chat(quotes + "the", "/garden", "\"is\" green" + quotes).output == expected)
        #expect(try fixture.chat("the", "/garden", "\"is\" green", arguments: ["--once"]).output == expected)
        // What the input ends within is taken as it is.
        #expect(try fixture.chat(quotes, "the", "/garden", "\"is\" green").output == expected)
        #expect(try fixture.chat("the\r", arguments: []).output == fixture.continuation("the") + "\n")
    }

    @Test func clear() throws {
        let run = try fixture.chat("the garden", "/clear", "the garden")
        let answer = try fixture.continuation("the garden")
        #expect(run.output == "\(answer)\n\(answer)\n" && run.errors.contains("the conversation is forgotten"))
    }

    @Test func systemMessages() throws {
        let system = try fixture.continuation("be brief. the")
        #expect(try fixture.chat("the", arguments: ["--system", "be brief. "]).output == system + "\n")
        // It is kept when the conversation is forgotten, and another takes its place.
        let run = try fixture.chat(
            "the", "/clear", "the", "/system it is ", "/clear", "the", arguments: ["--system", "be brief. "])
        let other = try fixture.continuation("it isthe")
        #expect(run.output == "\(system)\n\(system)\n\(other)\n")
    }

    /// Another process continues with the same answers, with the saved state and without.
    @Test(arguments: [true, false])
    func saveAndLoad(withState: Bool) throws {
        let file = fixture.folder.file("saved.json")
        let run = try fixture.chat("the garden", "/save \(file)", "is green")
        #expect(run.status == 0 && run.errors.contains("saved 2 messages in \(file), 15 tokens in \(file).session"))
        let answers = run.output.split(separator: "\n").map(String.init)
        struct Message: Decodable, Equatable { let role, content: String }
        let saved = try JSONDecoder().decode([Message].self, from: Data(contentsOf: URL(filePath: file)))
        #expect(
            saved == [
                Message(role: "user", content: "the garden"), Message(role: "assistant", content: answers[0]),
            ])
        if !withState { try FileManager.default.removeItem(atPath: file + ".session") }
        let later = try fixture.chat("/load \(file)", "is green", "/stats")
        #expect(later.status == 0 && later.output == answers[1] + "\n", "\(later.errors)")
        let place = withState ? "15 tokens from \(file).session" : "they are read with the next message"
        #expect(later.errors.contains("loaded 2 messages from \(file); \(place)"))
        let reused = withState ? "15 tokens were there already" : "0 tokens were there already"
        #expect(later.errors.contains(reused), "\(later.errors)")
    }

    /// A state of other settings isn't used, and its messages are read again.
    @Test func stateOfOtherSettings() throws {
        let file = fixture.folder.file("saved.json")
        _ = try fixture.chat("the garden", "/save \(file)")
        let extended = ["--group-size", "4", "--neighbor-window", "16"]
        let run = try fixture.chat("/load \(file)", "is green", arguments: extended)
        #expect(
            run.status == 0 && run.errors.contains("state can't be used: \(file).session: saved with attention plain"))
        let first = try fixture.continuation("the garden")
        #expect(try run.output == fixture.continuation("the garden\(first)is green", arguments: extended) + "\n")
    }

    @Test(
        arguments: [
            (nil, "no such file"), ("{", "is not a list of messages"),
            (#"[{"role": "user"}]"#, "is not a list of messages: [0]"),
            (#"[{"role": "robot", "content": "a"}]"#, "is not a list of messages: [0].role"),
        ] as [(String?, String)])
    func filesThatAreNoConversations(text: String?, reason: String) throws {
        let file = fixture.folder.file("saved.json")
        if let text { try fixture.folder.write(text, to: "saved.json") }
        let run = try fixture.chat("/load \(file)")
        #expect(run.status == 1 && run.output.isEmpty && run.errors.contains(reason), "\(run.errors)")
    }

    @Test func statistics() throws {
        let run = try fixture.chat("the garden", "/stats")
        #expect(run.errors.contains("context: 15 of 256 tokens in 2 messages, plain attention"), "\(run.errors)")
        #expect(run.errors.contains("last answer: 6 tokens at"))
        #expect(run.errors.contains("0 tokens were there already, and 10 were read"))
    }

    @Test func help() throws {
        let run = try fixture.chat("/help")
        for name in ["/clear", "/save FILE", "/load FILE", "/system TEXT", "/stats", "/help", "/exit", "Ctrl-C"] {
            #expect(run.errors.contains(name))
        }
        #expect(run.status == 0 && run.output.isEmpty)
    }

    @Test func slashes() throws {
        #expect(try fixture.chat("//the").output == fixture.continuation("/the") + "\n")
        let run = try fixture.chat("the", "/exit", "the garden")
        #expect(try run.status == 0 && run.output == fixture.continuation("the") + "\n")
        for (line, reason) in [
            ("/claer", "there is no command /claer (see /help)"),
            ("/save", "/save needs something after it: /save FILE"),
            ("/clear all", "/clear takes nothing after it"),
        ] {
            let run = try fixture.chat(line, "the")
            #expect(run.status == 1 && run.output.isEmpty && run.errors.contains("longlm: " + reason), "\(run.errors)")
        }
    }

    /// The figures, and what to do.
    @Test func fullContext() throws {
        let run = try fixture.chat("the garden is green", "and the", "the garden", arguments: ["--length", "40"])
        #expect(run.status == 1 && run.output.split(separator: "\n").count == 2)
        #expect(run.errors.contains("has more than 48 tokens, and the context holds 40"), "\(run.errors)")
        #expect(run.errors.contains("/clear") && run.errors.contains("--length"))
        // An answer that fills it ends there.
        let long = try fixture.chat("the garden", arguments: ["--length", "40"], maxTokens: 100)
        #expect(long.status == 0 && long.output.utf8.count == 32, "\(long.output.count)")
        #expect(long.errors.contains("the context is full, at 40 tokens"))
        let cut = try fixture.chat("the garden")
        #expect(cut.errors.contains("the answer was cut at 6 tokens; --max-tokens allows more"))
    }

    /// A document stands in front of the first message, and is read once: what follows it is all that is processed later.
    @Test(arguments: [[], ["--group-size", "4", "--neighbor-window", "16"]])
    func documents(attention: [String]) throws {
        let text = String(repeating: "the grass is green. the sky is blue. ", count: 20)
        let file = try fixture.folder.write(text, to: "document.txt")
        let reach = attention.isEmpty ? ["--beyond-context"] : attention
        let arguments = ["--file", file, "--length", "960"] + reach
        if attention.isEmpty {
            let run = try fixture.chat("the", arguments: ["--file", file])
            #expect(run.status == 1 && run.errors.contains("the model's positions reach to 256"), "\(run.errors)")
        }
        let run = try fixture.chat("the", "/clear", "is the sky", "/stats", arguments: arguments, maxTokens: 100)
        #expect(run.status == 0, "\(run.errors)")
        let expected = try ["the", "is the sky"].map {
            try fixture.continuation(text + "\n\n" + $0, arguments: ["--length", "960"] + reach, maxTokens: 100)
        }
        #expect(run.output == expected.map { $0 + "\n" }.joined())
        #expect(run.errors.contains("740 tokens were there already, and 10 were read"), "\(run.errors)")
    }

    /// After an answer so long that the session can't be shortened to the document, it isn't read again, either; it is with
    /// another system message, which comes before it.
    @Test func documentsAreReadOnce() throws {
        let text = String(repeating: "the grass is green. the sky is blue. ", count: 20)
        let file = try fixture.folder.write(text, to: "document.txt")
        let arguments = ["--group-size", "16", "--neighbor-window", "16"]
        let run = try fixture.chat(
            "the", "/clear", "is the sky", "/stats", "/system a", "/clear", "the", "/stats",
            arguments: arguments + ["--file", file, "--length", "3000"], maxTokens: 700)
        let expected = try [text + "\n\nthe", text + "\n\nis the sky", "a" + text + "\n\nthe"].map {
            try fixture.continuation($0, arguments: arguments + ["--length", "3000"], maxTokens: 700)
        }
        #expect(run.status == 0 && run.output == expected.map { $0 + "\n" }.joined(), "\(run.errors)")
        #expect(run.errors.contains("740 tokens were there already, and 10 were read"), "\(run.errors)")
        #expect(run.errors.contains("0 tokens were there already, and 744 were read"), "\(run.errors)")
    }

    @Test func documentsWithSelfExtend() throws {
        let text = String(repeating: "the grass is green. the sky is blue. ", count: 20)
        let file = try fixture.folder.write(text, to: "document.txt")
        let run = try fixture.chat("the", "/stats", arguments: ["--file", file, "--self-extend", "auto"])
        #expect(run.status == 0 && run.errors.contains("Self-Extend with G = "), "\(run.errors)")
        #expect(run.errors.contains(" of 996 tokens"), "the document and a context: \(run.errors)")
    }

    /// The model's own sampling, from a seed; greedy and others on demand.
    @Test func sampling() throws {
        let drawing = try ChatFixture(
            generation: #"{"eos_token_id": [], "do_sample": true, "temperature": 3.0, "top_k": 40}"#)
        let run = try drawing.chat("the garden", maxTokens: 30)
        #expect(try run.output == drawing.chat("the garden", maxTokens: 30).output)
        #expect(try run.output != drawing.chat("the garden", arguments: ["--seed", "1"], maxTokens: 30).output)
        let greedy = try drawing.continuation("the garden", maxTokens: 30) + "\n"
        #expect(run.output != greedy)
        #expect(try drawing.chat("the garden", arguments: ["--temperature", "0"], maxTokens: 30).output == greedy)
        #expect(try drawing.chat("the garden", arguments: ["--top-k", "1"], maxTokens: 30).output == greedy)
        let stated = ["--temperature", "3", "--top-k", "40", "--seed", "0"]
        #expect(try drawing.continuation("the garden", arguments: stated, maxTokens: 30) + "\n" == run.output)
        // Filters have no effect where no token is drawn.
        let refused = try fixture.chat("the", arguments: ["--top-k", "3"])
        #expect(refused.status == 2 && refused.errors.contains("need a --temperature above 0"))
    }

    /// The first error ends a chat from a pipe; input that isn't text is one.
    @Test func inputErrors() throws {
        let input = fixture.folder.file("input")
        try fixture.folder.write(Array("the\n\u{20ac}".utf8).dropLast() + Array("\nthe\n".utf8), to: "input")
        let process = try start(
            fixture.arguments(), input: FileHandle(forReadingFrom: URL(filePath: input)))
        let (output, errors) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        let text = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        let reason = String(decoding: try errors.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        #expect(try process.terminationStatus == 1 && text == fixture.continuation("the") + "\n")
        #expect(reason.contains("standard input: is not UTF-8 text"))

        let empty = try fixture.chat("", arguments: ["--once"])
        #expect(empty.status == 1 && empty.errors.contains("the message is empty"))
        let missing = try fixture.chat("the", arguments: ["--file", "/no/file"])
        #expect(missing.status == 1 && missing.errors.contains("/no/file: no such file"))
        let strict = try ChatFixture(template: "{{ raise_exception('no') }}")
        let refused = try strict.chat("the")
        #expect(refused.status == 1 && refused.output.isEmpty && refused.errorLines.count == 1)
    }

    /// In a pipe, Ctrl-C ends the program, with what there is of the answer.
    @Test func interruption() throws {
        let process = try start(
            fixture.arguments(["--length", "50000", "--beyond-context"], maxTokens: 40_000), input: .nullDevice)
        let (input, output, errors) = (Pipe(), Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        input.fileHandleForWriting.write(Data("the garden\nis green\n".utf8))
        let first = output.fileHandleForReading.availableData
        process.interrupt()
        let rest = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        let text = String(decoding: first + rest, as: UTF8.self)
        #expect(process.terminationStatus == 130 && process.terminationReason == .exit)
        #expect(text.hasSuffix("\n") && text.utf8.count < 40_000, "one answer, cut short")
        #expect(String(decoding: errors.fileHandleForReading.availableData, as: UTF8.self).hasSuffix("interrupted\n"))
    }

    @Test(
        .enabled(if: FetchedModel.smolLM2.isExpected, "run Fixtures/fetch_smollm2.py"))
    func smolLM2() throws {
        let model = FetchedModel.smolLM2.directory
        let run = try longlm(
            ["chat", "--model", model, "--max-tokens", "30"],
            input: "What is the capital of France?\nIn one word?\n/stats\n")
        #expect(run.status == 0 && run.output.contains("Paris"), "\(run.errors)")
        #expect(run.errors.contains("in 4 messages"))
    }
}
