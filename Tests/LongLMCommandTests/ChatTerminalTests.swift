#if os(Linux)
    import Foundation
    import TestSupport
    import Testing

    /// `longlm chat` with somebody at a terminal of 80 columns.
    @Suite(.enabled(if: TypedTerminal.isAvailable, "setsid isn't installed")) struct ChatTerminalTests {
        private let fixture: ChatFixture

        init() throws { fixture = try ChatFixture() }

        private func open(_ more: [String] = [], maxTokens: Int = 6) throws -> TypedTerminal {
            try TypedTerminal(fixture.arguments(more, maxTokens: maxTokens))
        }

        @Test func aConversation() throws {
            let terminal = try open()
            try terminal.expect("> ")
            terminal.type("the garden\n")
            let answer = try fixture.continuation("the garden")
            try terminal.expect("the garden\r\n")
            try terminal.expect(answer + "\r\n")
            try terminal.expect("> ")
            terminal.type("is\\\n")
            try terminal.expect(". ")
            terminal.type("green\n")
            try terminal.expect(try fixture.continuation("the garden\(answer)is\ngreen") + "\r\n")
            try terminal.expect("> ")
            // An error doesn't end it.
            terminal.type("/load /no/file\n")
            try terminal.expect("longlm: /no/file: no such file\r\n> ")
            terminal.type("/stats\n")
            try terminal.expect("in 4 messages")
            terminal.type("/exit\n")
            #expect(try terminal.status() == 0)
        }

        /// Ctrl-C ends an answer, and the chat goes on with what there is of it.
        @Test func ctrlCWithinAnAnswer() throws {
            let terminal = try open(["--length", "50000", "--beyond-context"], maxTokens: 40_000)
            try terminal.expect("> ")
            terminal.type("the garden\n")
            try terminal.expect("the garden\r\n")
            try terminal.expectMore(byteCount: 20)
            terminal.type("\u{3}")
            let rest = try terminal.expect("(interrupted)\r\n> ")
            #expect(rest.utf8.count < 40_000)
            terminal.type("/stats\n")
            try terminal.expect("in 2 messages")
            try terminal.expect("> ")
            terminal.type("is green\n")
            try terminal.expect("is green\r\n")
            try terminal.expectMore(byteCount: 20)
            terminal.type("\u{3}")
            try terminal.expect("(interrupted)\r\n> ")
            terminal.type("/stats\n")
            try terminal.expect("in 4 messages")
            // At the end of the input, after all of that.
            terminal.type("\u{4}")
            #expect(try terminal.status() == 0)
        }

        /// So it does while a long message is read.
        @Test func ctrlCWithinAPrompt() throws {
            let file = try fixture.folder.write(String(repeating: "the grass is green ", count: 2_000), to: "saved")
            let text = try String(contentsOfFile: file, encoding: .utf8)
            try fixture.folder.write(
                #"[{"role": "user", "content": "\#(text)"}, {"role": "assistant", "content": "a"}]"#, to: "saved")
            let terminal = try open(["--length", "50000", "--beyond-context"])
            try terminal.expect("> ")
            terminal.type("/load \(file)\n")
            try terminal.expect("they are read with the next message\r\n> ")
            terminal.type("the\n")
            try terminal.expect("read [")
            terminal.type("\u{3}")
            try terminal.expect("(interrupted)\r\n> ")
            terminal.type("/stats\n")
            try terminal.expect(" of 50,000 tokens")
            terminal.type("/clear\n")
            try terminal.expect("> ")
            terminal.type("the garden\n")
            try terminal.expect("the garden\r\n")
            try terminal.expect(try fixture.continuation("the garden") + "\r\n")
            terminal.type("/exit\n")
            #expect(try terminal.status() == 0)
        }

        /// At the prompt it ends the line, and an entry of several; a second one leaves.
        @Test func ctrlCAtThePrompt() throws {
            let terminal = try open()
            try terminal.expect("> ")
            terminal.type("grass\\\n")
            try terminal.expect(". ")
            terminal.type("nonsense")
            try terminal.expect("nonsense")
            terminal.type("\u{3}")
            try terminal.expect("(Ctrl-C again, Ctrl-D or /exit leaves)\r\n> ")
            terminal.type("the garden\n")
            try terminal.expect("the garden\r\n")
            try terminal.expect(try fixture.continuation("the garden") + "\r\n")
            try terminal.expect("> ")
            terminal.type("\u{3}")
            try terminal.expect("leaves)\r\n> ")
            terminal.type("\u{3}")
            #expect(try terminal.status() != 0)
        }

        /// A full context is refused with figures; the conversation stays, and /clear makes room.
        @Test func fullContext() throws {
            let terminal = try open(["--length", "40"])
            try terminal.expect("> ")
            terminal.type("the garden is green\n")
            try terminal.expect("green\r\n")
            try terminal.expect("> ")
            terminal.type("and the grass, is it green too?\n")
            try terminal.expect("the context holds 40")
            try terminal.expect("> ")
            terminal.type("/stats\n")
            try terminal.expect("in 2 messages")
            try terminal.expect("> ")
            terminal.type("/clear\n")
            try terminal.expect("> ")
            terminal.type("the garden\n")
            try terminal.expect("the garden\r\n")
            try terminal.expect(try fixture.continuation("the garden") + "\r\n")
            terminal.type("\u{4}")
            #expect(try terminal.status() == 0)
        }

        /// A model that writes escape characters doesn't reach the terminal with them, nor does its file's name.
        @Test func escapeSequences() throws {
            // The tokenizer writes the character U+001B as "ě", here in the place of a space.
            let hostile = try ChatFixture(changing: { $0.replacingOccurrences(of: "\"Ġ\"", with: "\"ě\"") })
            let terminal = try TypedTerminal(hostile.arguments(maxTokens: 40))
            try terminal.expect("> ")
            terminal.type("the\n")
            try terminal.expect("the\r\n")
            // The line of progress is the command's own.
            let answer = try terminal.expect("> ").replacingOccurrences(of: "\r\u{1b}[K", with: "")
            #expect(answer.contains(#"\u{1B}"#) && !answer.contains("\u{1b}"), "\(answer.debugDescription)")
            terminal.type("/load a\u{9b}2J\n")
            let error = try terminal.expect("no such file")
            #expect(error.contains(#"\u{009B}2J"#), "\(error.debugDescription)")
            terminal.type("\u{4}")
            #expect(try terminal.status() == 0)
        }
    }
#endif
