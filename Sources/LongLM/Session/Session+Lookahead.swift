extension Session {
    /// Processes one token, and in the same pass tokens that are expected to follow it. Afterwards, the session is as after
    /// ``decode(_:)``, to the bit. If the expected tokens are decoded next, by this method, none of them takes another pass.
    ///
    /// A pass of a few rows takes little longer than one of a single row, because most of its time goes into reading the
    /// weights. So a right guess saves nearly a whole pass, and a wrong one costs the time of its row
    /// (Leviathan et al., 2023: Fast Inference from Transformers via Speculative Decoding).
    ///
    /// - Parameters:
    ///   - token: The token.
    ///   - following: Tokens that may follow, up to 15. Those that don't fit or don't exist, and all after them, are ignored.
    ///     So are all if there isn't enough memory for their logits, or if `token` itself was expected.
    /// - Returns: The rows of the pass; 0 if none was needed.
    /// - Throws: ``SessionError``, as ``decode(_:)``.
    @discardableResult
    public func decode(_ token: Int, expecting following: [Int]) throws(SessionError) -> Int {
        let vocabularySize = model.configuration.vocabularySize
        try withUnsafePointer(to: token) { (pointer) throws(SessionError) in
            try check(UnsafeBufferPointer(start: pointer, count: 1))
        }
        if Task.isCancelled { throw .cancelled(position: position) }
        if let row = lookahead.take(token, vocabularySize: vocabularySize) {
            reserve(1, isAlone: true)
            append([token], logits: row)
            return 0
        }
        let expected = following.prefix(min(capacity - position, rowLimit, Lookahead.maximumRowCount) - 1)
            .prefix { (0..<vocabularySize).contains($0) }
        guard !expected.isEmpty, let rows = lookahead.makeRoom(model) else {
            try decode(token)
            return 1
        }
        isProcessing = true
        defer { isProcessing = false }
        reserve(1 + expected.count, isAlone: true)
        let isComplete = ([token] + expected).withUnsafeBufferPointer { tokens in
            advance(tokens, logitRows: tokens.indices, into: PassOutput(logits: rows.baseAddress))
        }
        guard isComplete else { throw .cancelled(position: position) }
        append([token], logits: UnsafeBufferPointer(rebasing: rows[..<vocabularySize]))
        lookahead.keep(expected, vocabularySize: vocabularySize)
        return 1 + expected.count
    }

    /// Whether a token that is decoded next takes no pass (``decode(_:expecting:)``).
    func expects(_ token: Int) -> Bool { lookahead.tokens.first == token }
}
