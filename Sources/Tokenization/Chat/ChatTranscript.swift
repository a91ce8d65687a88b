/// The text of a chat, which remembers what of it is frame and what is content.
struct ChatTranscript {
    private(set) var text = ""
    /// The control tokens of the frame. A tokenizer for this format must have all of them.
    private(set) var controls: Set<String> = []
    /// The parts of the frame between contents, and their ranges in the text's scalars.
    private(set) var frames: [String] = []
    private(set) var frameRanges: [Range<Int>] = []
    private var scalarCount = 0

    /// Appends a control token; nothing for an empty one.
    mutating func control(_ token: String) {
        guard !token.isEmpty else { return }
        controls.insert(token)
        frame(token)
    }

    /// Appends text of the frame.
    mutating func frame(_ part: String) {
        guard !part.isEmpty else { return }
        let range = append(part)
        if let last = frameRanges.last, last.upperBound == range.lowerBound {
            frameRanges[frameRanges.count - 1] = last.lowerBound..<range.upperBound
            frames[frames.count - 1] += part
        } else {
            frameRanges.append(range)
            frames.append(part)
        }
    }

    /// Appends the content of a message.
    mutating func content(_ said: String) {
        _ = append(said)
    }

    private mutating func append(_ part: String) -> Range<Int> {
        let start = scalarCount
        scalarCount += part.unicodeScalars.count
        // Through the view of scalars, each part would copy the whole text.
        text += part
        return start..<scalarCount
    }
}

extension ChatTranscript {
    /// The text of the frame between two contents: from the last one that is `content` to the next, or to the end.
    func frame(after content: String, before next: String?) -> String {
        guard let start = text.ranges(of: content).last?.upperBound else { return "" }
        let rest = text[start...]
        guard let next else { return String(rest) }
        return String(rest[..<(rest.firstRange(of: next)?.lowerBound ?? rest.endIndex)])
    }

    /// Encodes the text so that all special tokens come from the frame.
    ///
    /// - Throws: `missingControlToken` and `forgedControlToken`.
    func encode(with tokenizer: Tokenizer) throws(TokenizerError) -> [Int] {
        for token in controls.sorted() {
            guard let id = tokenizer.id(token: token), tokenizer.isSpecial(id) else {
                throw .missingControlToken(token: token)
            }
        }
        let ids = tokenizer.encode(ArraySlice(text.unicodeScalars), .within(frameRanges))
        // A check of the result: merges and normalization can still make a special token of content.
        var expected = frames.flatMap { tokenizer.encode($0, addSpecialTokens: false).filter(tokenizer.isSpecial) }[...]
        for id in ids where tokenizer.isSpecial(id) {
            guard expected.popFirst() == id else { throw .forgedControlToken(token: tokenizer.token(id: id) ?? "") }
        }
        if let missing = expected.first { throw .missingControlToken(token: tokenizer.token(id: missing) ?? "") }
        return ids
    }
}

extension String {
    /// Without white space at the ends, as Python's `strip` and Jinja's `trim` have it.
    var pythonStripped: String {
        let scalars = unicodeScalars.drop { $0.isPythonSpace }
        return String(String.UnicodeScalarView(scalars)).pythonRightStripped
    }

    /// Without white space at the end, as Python's `rstrip` has it.
    var pythonRightStripped: String {
        var scalars = unicodeScalars
        while let last = scalars.last, last.isPythonSpace { scalars.removeLast() }
        return String(scalars)
    }
}
