import LongLM

/// Reads the text of an answer in a chat as it comes: what is said, and the calls of functions.
struct ChatAnswer: Sendable {
    /// What is new.
    enum Part: Sendable, Equatable {
        case content(String)
        /// A call begins.
        case call(index: Int)
        /// More of a call's arguments.
        case arguments(index: Int, String)
    }

    private(set) var content = ""
    /// The calls so far, each with an id.
    private(set) var calls: [ToolCall] = []
    private var reading: ChatPrompt.Calls
    /// White space that is said only if something follows it: templates put their own before a call.
    private var held = ""
    /// The beginning of a forced call, until it says which function is called.
    private var head: String? = ""

    init(_ reading: ChatPrompt.Calls) { self.reading = reading }

    mutating func append(_ text: String) -> [Part] {
        if text.isEmpty { return [] }
        switch reading {
        case .none:
            content += text
            return [.content(text)]
        case .forced(let call): return append(text, to: call)
        case .free(var parser, let takesSeveral):
            let events = parser.append(text)
            reading = .free(parser, takesSeveral: takesSeveral)
            return parts(of: events, takesSeveral)
        }
    }

    /// Ends the answer.
    mutating func finish() -> [Part] {
        guard case .free(var parser, let takesSeveral) = reading else { return [] }
        var parts = parts(of: parser.finish(), takesSeveral)
        if calls.isEmpty, !held.isEmpty {
            content += held
            parts.append(.content(held))
        }
        return parts
    }

    private mutating func append(_ text: String, to forced: ForcedCall) -> [Part] {
        guard let head else {
            calls[0].arguments += text
            return [.arguments(index: 0, text)]
        }
        let all = head + text
        guard let function = forced.functions.first(where: { all.utf8.starts(with: $0.head.utf8) }) else {
            self.head = all
            return []
        }
        self.head = nil
        let arguments = String(all.dropFirst(function.head.count))
        calls = [ToolCall(id: Self.newID(), name: function.name, arguments: arguments)]
        return [.call(index: 0)] + (arguments.isEmpty ? [] : [.arguments(index: 0, arguments)])
    }

    private mutating func parts(of events: [ToolCallParser.Event], _ takesSeveral: Bool) -> [Part] {
        var parts: [Part] = []
        for event in events {
            // Who wants one call wants nothing after it.
            if !takesSeveral, !calls.isEmpty { break }
            switch event {
            case .text(let text):
                held += text
                let rest = held.reversed().prefix(while: \.isWhitespace).count
                let said = String(held.dropLast(rest))
                held = String(held.suffix(rest))
                if said.isEmpty { continue }
                content += said
                parts.append(.content(said))
            case .calls(let new, _):
                for var call in takesSeveral ? new[...] : new.prefix(1) {
                    if !(call.id.map(Self.isNineLettersAndDigits) ?? false) { call.id = Self.newID() }
                    calls.append(call)
                    let index = calls.count - 1
                    parts += [.call(index: index), .arguments(index: index, call.arguments)]
                }
            }
        }
        return parts
    }

    /// Nine letters and digits, which every template takes.
    private static func newID() -> String {
        let characters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
        return String((0..<9).compactMap { _ in characters.randomElement() })
    }

    private static func isNineLettersAndDigits(_ text: String) -> Bool {
        text.utf8.count == 9 && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) }
    }
}
