/// A part of the text of one token on its way through the decoder.
struct TokenFragment {
    var bytes: ArraySlice<UInt8>
    /// Whether a token begins here; otherwise the fragment continues the one before it.
    var startsToken = true
    /// Whether the token is known to end here. Otherwise it ends where the next token begins, or with the stream.
    var endsToken = true
}

/// One component of a decoder. It works on a stream of tokens: it returns the text that is certain by now and keeps the
/// rest.
///
/// All that it returns for a stream, `finish` included, is the same wherever the calls divide the stream.
protocol DecoderStep: Sendable {
    mutating func decode(_ fragments: [TokenFragment]) -> [TokenFragment]
    /// Ends the stream, and returns what was kept. Afterwards the step is as new.
    mutating func finish() -> [TokenFragment]
}

/// The steps of a decoder, one after another.
struct DecoderChain: Sendable {
    private(set) var steps: [any DecoderStep]

    init(_ steps: [any DecoderStep]) {
        self.steps = steps
    }

    mutating func decode(_ tokens: [TokenFragment]) -> String {
        var fragments = tokens
        for index in steps.indices { fragments = steps[index].decode(fragments) }
        return text(fragments)
    }

    /// Decodes tokens whose text nobody needs.
    mutating func skip(_ tokens: [TokenFragment]) {
        var fragments = tokens
        for index in steps.indices { fragments = steps[index].decode(fragments) }
    }

    mutating func finish() -> String {
        var fragments: [TokenFragment] = []
        for index in steps.indices {
            fragments = steps[index].decode(fragments)
            fragments += steps[index].finish()
        }
        return text(fragments)
    }

    private func text(_ fragments: [TokenFragment]) -> String {
        guard let first = fragments.first else { return "" }
        if fragments.count == 1 { return first.bytes.text }
        return fragments.flatMap(\.bytes).text
    }
}
