/// Cuts text into words. Each is encoded by itself.
struct PreTokenizer: Sendable {
    enum Step: Sendable {
        case split(Splitter)
        /// Puts a space before a piece that does not start with one.
        case prefixSpace
        /// Spells the bytes of a piece in ``ByteLevelAlphabet``.
        case byteLevel
        case metaspace(Metaspace)
    }

    let steps: [Step]

    /// Whether words are spelled in ``ByteLevelAlphabet``.
    var spellsBytes: Bool {
        steps.contains { if case .byteLevel = $0 { true } else { false } }
    }

    /// Calls `body` with each word of `text`, in order. No word is empty.
    func forEachWord(in text: TextPiece, _ body: (ArraySlice<Unicode.Scalar>) -> Void) {
        apply(steps[...], to: text, body)
    }

    private func apply(_ steps: ArraySlice<Step>, to piece: TextPiece, _ body: (ArraySlice<Unicode.Scalar>) -> Void) {
        let scalars = piece.scalars
        guard !scalars.isEmpty else { return }
        let rest = steps.dropFirst()
        func applyRest(_ scalars: ArraySlice<Unicode.Scalar>) {
            apply(rest, to: TextPiece(scalars: scalars, startsText: piece.startsText), body)
        }
        switch steps.first {
        case nil: body(scalars)
        case .prefixSpace: applyRest(scalars.first == " " ? scalars : [" "] + scalars)
        case .byteLevel: applyRest(ByteLevelAlphabet.encode(scalars))
        case .split(let splitter): split(piece, by: splitter, rest, body)
        case .metaspace(let metaspace):
            let spelled = metaspace.spell(piece)
            guard let splitter = metaspace.splitter else { return applyRest(spelled) }
            split(TextPiece(scalars: spelled, startsText: piece.startsText), by: splitter, rest, body)
        }
    }

    private func split(
        _ piece: TextPiece, by splitter: Splitter, _ rest: ArraySlice<Step>,
        _ body: (ArraySlice<Unicode.Scalar>) -> Void
    ) {
        splitter.forEachPiece(in: piece.scalars) { range in
            let startsText = piece.startsText && range.lowerBound == piece.scalars.startIndex
            apply(rest, to: TextPiece(scalars: piece.scalars[range], startsText: startsText), body)
        }
    }
}

/// SentencePiece's spelling of spaces: a replacement character, mostly ▁, for each, and perhaps one more at the front.
struct Metaspace: Sendable {
    /// Which pieces get a replacement character at the front where they don't have one yet.
    enum PrependScheme: String {
        case always
        /// Only the one at the start of the text.
        case first
        case never
    }

    let replacement: Unicode.Scalar
    let scheme: PrependScheme
    /// Cuts before each replacement character; nil: no cuts.
    let splitter: Splitter?

    init(replacement: Unicode.Scalar, scheme: PrependScheme, splits: Bool) {
        self.replacement = replacement
        self.scheme = scheme
        splitter = splits ? Splitter(matcher: .literal([replacement]), behavior: .mergedWithNext) : nil
    }

    fileprivate func spell(_ piece: TextPiece) -> ArraySlice<Unicode.Scalar> {
        let spelled = piece.scalars.map { $0 == " " ? replacement : $0 }
        let prepends = scheme == .always || (scheme == .first && piece.startsText)
        return prepends && spelled.first != replacement ? [replacement] + spelled : spelled[...]
    }
}
