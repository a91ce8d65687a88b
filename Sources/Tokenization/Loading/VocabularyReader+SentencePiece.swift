/// SentencePiece's BPE vocabularies, which GGUF files call "llama".
extension VocabularyReader {
    /// Whether a space is put in front of a text.
    private var addsSpacePrefix: Bool { source.addsSpacePrefix ?? true }

    var sentencePieceNormalizer: Normalizer {
        let spaces = Normalizer.replace(.literal([" "]), [Self.space])
        return addsSpacePrefix ? .sequence([.prepend([Self.space]), spaces]) : spaces
    }

    var sentencePieceDecoder: DecoderChain {
        let space = String(Self.space)
        let steps: [any DecoderStep] = [
            ReplaceDecoder(pattern: Array(space.utf8), content: Array(" ".utf8)), ByteFallbackDecoder(), FuseDecoder(),
        ]
        return DecoderChain(addsSpacePrefix ? steps + [StripDecoder(content: " ", start: 1, stop: 0)] : steps)
    }

    func sentencePieceModel(_ merges: ScoredMerges) throws(TokenizerError) -> BytePairModel {
        func isOwn(_ kind: Kind) -> Bool { kind == .ordinary || kind == .userDefined || kind == .byte }
        var vocabulary = Vocabulary(capacity: kinds.count)
        try insert(into: &vocabulary, where: isOwn)
        let scalarTokens = ScalarTokens(vocabulary)
        var options = BytePairModel.Options()
        for byte in 0...UInt8.max {
            let token = BytePairModel.byteToken(byte)
            guard let id = vocabulary.id(of: ArraySlice(token.utf8)) else {
                throw .missingByteToken(file: file, token: token)
            }
            options.fallbackTokens.append(UInt32(id))
        }
        let modelTokenCount = vocabulary.count
        try insert(into: &vocabulary) { !isOwn($0) }
        return BytePairModel(
            vocabulary: vocabulary, scalarTokens: scalarTokens, merges: merges.table, options: options,
            modelTokenCount: modelTokenCount)
    }

    func scoredMerges() throws(TokenizerError) -> ScoredMerges {
        guard let scores = source.scores else { throw .missingKey(file: file, key: "tokenizer.ggml.scores") }
        guard scores.count == kinds.count else {
            throw Self.invalid("scores", "a list of \(kinds.count) scores, one for each token", source)
        }
        if let index = scores.firstIndex(where: \.isNaN) { throw Self.invalid("scores[\(index)]", "a number", source) }
        var ranked: [ScoredMerges.Token] = []
        ranked.reserveCapacity(kinds.count)
        for (id, kind) in kinds.enumerated() {
            switch kind {
            // SentencePiece keeps them whole.
            case .userDefined: ranked.append(.init(id: id, score: .infinity))
            case .ordinary: ranked.append(.init(id: id, score: scores[id]))
            case .byte, .control, .unused: break
            }
        }
        return ScoredMerges(ranked, spellings: spellings)
    }

    /// User-defined tokens with spaces. Spaces become ▁ before merging, which puts runs of them together; any other such
    /// token has to be found before that.
    func isFoundAsIs(_ merges: ScoredMerges) -> (_ id: Int) -> Bool {
        { id in
            let token = source.tokens[id].utf8
            guard token.contains(UInt8(ascii: " ")) else { return false }
            return !token.allSatisfy { $0 == UInt8(ascii: " ") } || !merges.isMade[id]
        }
    }
}
