/// Cuts text into the words that are encoded by themselves.
struct PreTokenizer: Sendable {
    enum Step: Sendable {
        case split(SplitRule)
        /// Puts a space before a piece that does not start with one.
        case prefixSpace
    }

    let steps: [Step]

    /// Calls `body` with each word of `text`, in order; never with an empty one.
    func forEachWord(in text: ArraySlice<Unicode.Scalar>, _ body: (ArraySlice<Unicode.Scalar>) -> Void) {
        apply(steps[...], to: text, body)
    }

    private func apply(
        _ steps: ArraySlice<Step>, to text: ArraySlice<Unicode.Scalar>, _ body: (ArraySlice<Unicode.Scalar>) -> Void
    ) {
        guard let first = text.first else { return }
        let rest = steps.dropFirst()
        switch steps.first {
        case nil:
            body(text)
        case .prefixSpace:
            apply(rest, to: first == " " ? text : [" "] + text, body)
        case .split(let rule):
            var start = text.startIndex
            while start < text.endIndex {
                let end = rule.end(ofPieceAt: start, in: text)
                apply(rest, to: text[start..<end], body)
                start = end
            }
        }
    }
}
