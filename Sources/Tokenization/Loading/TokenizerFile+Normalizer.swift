/// The normalizer of a tokenizer.json, and readers that other components use too.
extension TokenizerFile {
    func normalizer() throws(TokenizerError) -> Normalizer {
        guard let node = try root.optional("normalizer") else { return .none }
        return try normalizer(node)
    }

    private func normalizer(_ node: JSONNode) throws(TokenizerError) -> Normalizer {
        switch try type(of: node) {
        case "Sequence":
            var normalizers: [Normalizer] = []
            for node in try node.required("normalizers").array() { normalizers.append(try normalizer(node)) }
            return .sequence(normalizers)
        case "Lowercase": return .lowercase
        case "Prepend": return .prepend(try scalars(node.required("prepend")))
        case "Replace": return .replace(try matcher(node.required("pattern")), try scalars(node.required("content")))
        case "Strip":
            return .strip(
                left: try node.required("strip_left").bool(), right: try node.required("strip_right").bool())
        case let type:
            guard let form = Normalizer.Form(rawValue: type) else {
                throw .unsupportedNormalizer(file: file, type: type)
            }
            return .form(form)
        }
    }

    /// What a Split or a Replace looks for: `{"String": …}` or `{"Regex": …}`.
    func matcher(_ node: JSONNode) throws(TokenizerError) -> TextMatcher {
        if let literal = try node.optional("String") {
            let scalars = try scalars(literal)
            guard !scalars.isEmpty else { throw literal.invalid("a text that is not empty") }
            return .literal(scalars)
        }
        return try matcher(source: node.required("Regex").bytes())
    }

    /// A regular expression.
    func matcher(source: some Sequence<UInt8>) throws(TokenizerError) -> TextMatcher {
        let source = Array(source)
        guard let pattern = Pattern(source) else { throw .unsupportedPattern(file: file, pattern: source.text) }
        return .pattern(pattern)
    }

    func scalars(_ node: JSONNode) throws(TokenizerError) -> [Unicode.Scalar] {
        Array(try node.string().unicodeScalars)
    }

    /// A string of one character.
    func scalar(_ node: JSONNode) throws(TokenizerError) -> Unicode.Scalar {
        let scalars = try scalars(node)
        guard scalars.count == 1 else { throw node.invalid("one character") }
        return scalars[0]
    }
}
