/// String literals of a template, and sums of them.
extension ChatTemplate {
    /// The text between a mark and the end of its line.
    func line(after mark: String) -> String? {
        guard let range = text.firstRange(of: mark.utf8) else { return nil }
        return text[range.upperBound...].prefix { $0 != UInt8(ascii: "\n") && !$0.isQuote }.text
    }

    /// The first literal after a mark.
    func literal(after mark: String) -> String? { literals(after: mark).first }

    /// The literals after a mark. The mark stands outside of literals, or at the end of one.
    func literals(after mark: String) -> [String] {
        guard let range = text.firstRange(of: mark.utf8) else { return [] }
        var rest = text[range.upperBound...]
        if mark.hasSuffix("\n"), rest.first?.isQuote == true { rest.removeFirst() }
        var literals: [String] = []
        while let start = rest.firstIndex(where: \.isQuote) {
            let content = rest[(start + 1)...]
            guard let end = content.firstIndex(of: rest[start]) else { return literals }
            literals.append(content[..<end].text)
            rest = content[(end + 1)...]
        }
        return literals
    }

    /// The literal within the frame of ChatML's system message, if the template has one.
    var defaultSystemPrompt: String? {
        var rest = text[...]
        while let frame = rest.firstRange(of: "<|im_start|>system\n".utf8) {
            let opening = rest[..<frame.lowerBound].last
            rest = rest[frame.upperBound...]
            guard let end = rest.firstRange(of: "<|im_end|>".utf8) else { return nil }
            let prompt = rest[..<end.lowerBound]
            if isLiteral(prompt, after: opening) { return prompt.text }
        }
        return nil
    }

    /// Whether text in a template is literal: within the string that `opening` begins, or outside of all expressions.
    private func isLiteral(_ text: ArraySlice<UInt8>, after opening: UInt8?) -> Bool {
        guard let opening, opening.isQuote else { return !text.contains(UInt8(ascii: "{")) }
        return !text.contains(opening)
    }

    /// How the template spells messages, when it writes them as sums of literals and names, as Mistral's templates do;
    /// nil when it does not.
    var mistralFrame: MistralFrame? {
        var frame = MistralFrame(user: [], system: nil, systemIsLast: false, assistant: [])
        for expression in expressions {
            guard let terms = Self.terms(expression), terms.contains(where: \.isContent) else { continue }
            let opens = terms.contains { if case .text(let text) = $0 { text.contains("[INST]") } else { false } }
            switch (opens, terms.contains(.system)) {
            case (true, true): frame.system = terms
            case (true, false): frame.user = terms
            case (false, _): if terms.contains(.endToken) { frame.assistant = terms }
            }
        }
        frame.systemIsLast = text.contains("loop.last".utf8) || text.contains("user_messages[-1]".utf8)
        return frame.user.isEmpty || frame.assistant.isEmpty ? nil : frame
    }

    /// What stands between `{{` and `}}`.
    private var expressions: [ArraySlice<UInt8>] {
        var expressions: [ArraySlice<UInt8>] = []
        var rest = text[...]
        while let start = rest.firstRange(of: "{{".utf8) {
            rest = rest[start.upperBound...]
            guard let end = rest.firstRange(of: "}}".utf8) else { break }
            expressions.append(rest[..<end.lowerBound])
            rest = rest[end.upperBound...]
        }
        return expressions
    }

    /// The terms of a sum; nil when one is neither a literal nor a known name.
    private static func terms(_ expression: ArraySlice<UInt8>) -> [MistralFrame.Term]? {
        var rest = expression.trimmed { $0.isSpace || $0 == UInt8(ascii: "-") }
        var terms: [MistralFrame.Term] = []
        while true {
            if let quote = rest.first, quote.isQuote {
                guard let end = rest.dropFirst().firstIndex(of: quote) else { return nil }
                terms.append(.text(rest[(rest.startIndex + 1)..<end].text))
                rest = rest[(end + 1)...]
            } else {
                let name = rest.prefix { $0 != UInt8(ascii: "+") }
                guard let term = term(named: name.filter { !$0.isSpace }.text) else { return nil }
                terms.append(term)
                rest = rest[name.endIndex...]
            }
            rest = rest.trimmed(\.isSpace)
            guard !rest.isEmpty else { return terms }
            guard rest.removeFirst() == UInt8(ascii: "+") else { return nil }
            rest = rest.trimmed(\.isSpace)
        }
    }

    private static func term(named name: String) -> MistralFrame.Term? {
        switch name.replacing("\"", with: "'") {
        case "message['content']", "message.content": .content(isTrimmed: false)
        case "message['content']|trim", "message.content|trim", "message['content'].strip()": .content(isTrimmed: true)
        case "system_message": .system
        case "eos_token": .endToken
        default: nil
        }
    }
}

extension MistralFrame.Term {
    fileprivate var isContent: Bool {
        if case .content = self { true } else { false }
    }
}

extension UInt8 {
    fileprivate var isQuote: Bool { self == UInt8(ascii: "'") || self == UInt8(ascii: "\"") }
    fileprivate var isSpace: Bool { self == UInt8(ascii: " ") || self == UInt8(ascii: "\n") }
}

extension ArraySlice<UInt8> {
    fileprivate func trimmed(_ isTrimmed: (UInt8) -> Bool) -> ArraySlice<UInt8> {
        var rest = drop(while: isTrimmed)
        while let last = rest.last, isTrimmed(last) { rest.removeLast() }
        return rest
    }
}
