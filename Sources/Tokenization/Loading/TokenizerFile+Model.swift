internal import StrictJSON

/// The BPE model of a tokenizer.json.
extension TokenizerFile {
    /// The model with added tokens, which get their ids here, as the Python package has them: that of the same token in the
    /// vocabulary, or else the next one after the number of the vocabulary's tokens. What the file says doesn't matter.
    func model(adding addedTokens: inout [AddedToken]) throws(TokenizerError) -> BytePairModel {
        let node = try root.required("model")
        try checkOptions(node)
        var vocabulary = try vocabulary(node, room: addedTokens.count)
        let scalarTokens = ScalarTokens(vocabulary)
        let model = BytePairModel(
            vocabulary: vocabulary, scalarTokens: scalarTokens, merges: try merges(node, vocabulary),
            options: try options(node, vocabulary, scalarTokens))
        var nextID = vocabulary.count
        for index in addedTokens.indices {
            let content = addedTokens[index].content
            if let id = vocabulary.id(of: content) {
                addedTokens[index].id = id
            } else {
                try vocabulary.insert(content, id: nextID, file: root.file)
                addedTokens[index].id = nextID
                nextID += 1
            }
        }
        return model.adding(vocabulary)
    }

    private func checkOptions(_ node: JSONNode) throws(TokenizerError) {
        // Files that are older than this key hold BPE models: only those have merges.
        if let type = try node.optional("type")?.string(), type != "BPE" {
            throw .unsupportedModel(file: root.file, type: type)
        }
        try checkOptions(of: node, type: "BPE")
        if let dropout = try node.optional("dropout") {
            switch dropout.value {
            case .number(.integer(0)), .number(.real(0)): break
            default: throw .unsupportedModelOption(file: root.file, option: "dropout")
            }
        }
        for option in ["continuing_subword_prefix", "end_of_word_suffix"] {
            guard try node.optional(option)?.bytes().isEmpty ?? true else {
                throw .unsupportedModelOption(file: root.file, option: option)
            }
        }
    }

    private func vocabulary(_ node: JSONNode, room: Int) throws(TokenizerError) -> Vocabulary {
        let node = try node.required("vocab")
        let members = try node.object()
        var vocabulary = Vocabulary(capacity: members.count + room)
        for member in members {
            guard case .number(.integer(let id)) = member.value else {
                throw .invalidValue(file: root.file, key: "\(node.key).\(member.key.text)", expected: "an integer")
            }
            try vocabulary.insert(member.key, id: id, file: root.file)
        }
        return vocabulary
    }

    private func merges(_ node: JSONNode, _ vocabulary: Vocabulary) throws(TokenizerError) -> MergeTable {
        let node = try node.required("merges")
        guard case .array(let values) = node.value else { throw node.invalid("an array") }
        var table = MergeTable(capacity: values.count)
        var merged: [UInt8] = []
        for (index, value) in values.enumerated() {
            let (left, right) = try pair(value, index)
            func id(_ token: ArraySlice<UInt8>) throws(TokenizerError) -> UInt32 {
                guard let id = vocabulary.id(of: token) else {
                    throw .unknownMergeToken(file: root.file, index: index, token: token.text)
                }
                return UInt32(id)
            }
            merged.removeAll(keepingCapacity: true)
            merged += left
            merged += right
            let merge = Merge(rank: UInt32(index), token: try id(merged[...]))
            table.insert(merge, left: try id(left), right: try id(right))
        }
        return table
    }

    /// A merge is `["a", "b"]`, or `"a b"` in files of releases before 0.20.
    private func pair(
        _ value: JSONValue, _ index: Int
    ) throws(TokenizerError) -> (left: ArraySlice<UInt8>, right: ArraySlice<UInt8>) {
        switch value {
        case .array(let values):
            if values.count == 2, case .string(let left) = values[0], case .string(let right) = values[1] {
                return (left, right)
            }
        case .string(let text):
            let space = UInt8(ascii: " ")
            if let middle = text.firstIndex(of: space), text.lastIndex(of: space) == middle {
                return (text[..<middle], text[(middle + 1)...])
            }
        default:
            break
        }
        throw .malformedMerge(file: root.file, index: index)
    }

    private func options(
        _ node: JSONNode, _ vocabulary: Vocabulary, _ scalarTokens: ScalarTokens
    ) throws(TokenizerError) -> BytePairModel.Options {
        var options = BytePairModel.Options()
        options.ignoresMerges = try node.optional("ignore_merges")?.bool() ?? false
        if try node.optional("byte_fallback")?.bool() ?? false {
            options.fallbackTokens = (0...UInt8.max).map { byte in
                vocabulary.id(of: ArraySlice(BytePairModel.byteToken(byte).utf8)).map(UInt32.init)
            }
        }
        guard let token = try node.optional("unk_token")?.bytes() else { return options }
        if let id = vocabulary.id(of: token) {
            let isFused = try node.optional("fuse_unk")?.bool() ?? false
            options.unknownToken = .init(id: UInt32(id), isFused: isFused)
            return options
        }
        // A vocabulary that can spell every byte never needs the unknown token.
        let spellsBytes =
            !options.fallbackTokens.isEmpty && !options.fallbackTokens.contains(nil)
            || ByteLevelAlphabet.scalars.allSatisfy { scalarTokens[$0] != nil }
        guard spellsBytes else { throw .missingUnknownToken(file: root.file, token: token.text) }
        return options
    }
}
