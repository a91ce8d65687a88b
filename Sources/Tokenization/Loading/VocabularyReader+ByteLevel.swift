/// Byte-level vocabularies, which GGUF files call "gpt2".
extension VocabularyReader {
    func namedPreTokenizer() throws(TokenizerError) -> NamedPreTokenizer {
        let name = source.pre ?? "default"
        guard let named = NamedPreTokenizer.named(name) else {
            throw .unknownPreTokenizer(file: file, name: name, known: NamedPreTokenizer.knownNames)
        }
        return named
    }

    /// - Parameter ignoresMerges: whether a word that is a token becomes that token.
    func byteLevelModel(ignoresMerges: Bool) throws(TokenizerError) -> BytePairModel {
        guard let merges = source.merges else { throw .missingKey(file: file, key: "tokenizer.ggml.merges") }
        var vocabulary = Vocabulary(capacity: kinds.count)
        try insert(into: &vocabulary) { $0 == .ordinary }
        let scalarTokens = ScalarTokens(vocabulary)
        let modelTokenCount = vocabulary.count
        try insert(into: &vocabulary) { $0 != .ordinary }
        var options = BytePairModel.Options()
        options.ignoresMerges = ignoresMerges
        return BytePairModel(
            vocabulary: vocabulary, scalarTokens: scalarTokens, merges: try mergeTable(merges, vocabulary),
            options: options, modelTokenCount: modelTokenCount)
    }

    private func mergeTable(_ merges: [String], _ vocabulary: Vocabulary) throws(TokenizerError) -> MergeTable {
        var table = MergeTable(capacity: merges.count)
        var pair: [UInt8] = []
        for (index, merge) in merges.enumerated() {
            pair.removeAll(keepingCapacity: true)
            pair.append(contentsOf: merge.utf8)
            // A token may be a space, so the first byte divides nothing.
            guard let middle = pair.dropFirst().firstIndex(of: UInt8(ascii: " ")), middle + 1 < pair.count else {
                throw .malformedMerge(file: file, index: index)
            }
            pair.remove(at: middle)
            func id(_ token: ArraySlice<UInt8>) throws(TokenizerError) -> UInt32 {
                // Merges must not make control tokens of ordinary text.
                guard let id = vocabulary.id(of: token), kinds[id] == .ordinary || kinds[id] == .userDefined else {
                    throw .unknownMergeToken(file: file, index: index, token: token.text)
                }
                return UInt32(id)
            }
            let merge = Merge(rank: UInt32(index), token: try id(pair[...]))
            guard table.insert(merge, left: try id(pair[..<middle]), right: try id(pair[middle...])) else {
                throw .duplicateMerge(file: file, index: index)
            }
        }
        return table
    }
}
