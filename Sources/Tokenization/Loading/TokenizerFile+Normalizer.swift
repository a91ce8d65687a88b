/// The normalizer of a tokenizer.json, and readers that other components use too.
extension TokenizerFile {
    func normalizer() throws(TokenizerError) -> Normalizer {
        guard let node = try root.optional("normalizer") else { return .none }
        let steps = try normalizers(node)
        try checkStepCount(steps.count, component: "normalizer")
        try checkGrowth(steps)
        var matchers: [TextMatcher] = []
        for case .replace(let matcher, _) in steps { matchers.append(matcher) }
        try checkPatterns(matchers, component: "normalizer")
        return steps.count == 1 ? steps[0] : .sequence(steps)
    }

    /// The steps of a normalizer. Sequences within sequences are one.
    private func normalizers(_ node: JSONNode) throws(TokenizerError) -> [Normalizer] {
        switch try type(of: node) {
        case "Sequence":
            var normalizers: [Normalizer] = []
            for node in try node.required("normalizers").array() { normalizers += try self.normalizers(node) }
            return normalizers
        case "Lowercase": return [.lowercase]
        case "Prepend": return [.prepend(try scalars(node.required("prepend")))]
        case "Replace":
            let pattern = try node.required("pattern")
            let matcher = try matcher(pattern)
            guard matcher.minimumLength > 0 else {
                throw .unsupportedPattern(file: file, pattern: try pattern.required("Regex").string())
            }
            return [.replace(matcher, try scalars(node.required("content")))]
        case "Strip":
            return [
                .strip(left: try node.required("strip_left").bool(), right: try node.required("strip_right").bool())
            ]
        case let type:
            guard let form = Normalizer.Form(rawValue: type) else {
                throw .unsupportedNormalizer(file: file, type: type)
            }
            return [.form(form)]
        }
    }

    private func checkGrowth(_ steps: [Normalizer]) throws(TokenizerError) {
        var growth = TextGrowth(limit: ComponentLimits.normalizerGrowth)
        var prependedCount = 0
        for step in steps {
            switch step {
            case .form(.nfc): growth.normalize(by: 3)
            case .form(.nfd): growth.normalize(by: 4)
            case .form(.nfkc), .form(.nfkd): growth.normalize(by: 18)
            // U+0130 becomes two scalars.
            case .lowercase: growth.multiply(by: 2)
            case .prepend(let text): prependedCount += text.count
            case .replace(let matcher, let content): growth.replace(matcher.minimumLength, by: content.count)
            case .none, .strip, .sequence: break
            }
        }
        guard prependedCount <= ComponentLimits.prependedCount else {
            throw .excessiveComponent(
                file: file, component: "normalizer",
                reason: "prepends more than \(ComponentLimits.prependedCount) characters")
        }
        try check(growth, limit: ComponentLimits.normalizerGrowth, component: "normalizer")
    }

    /// What a Split or a Replace looks for: `{"String": …}` or `{"Regex": …}`.
    func matcher(_ node: JSONNode) throws(TokenizerError) -> TextMatcher {
        if let literal = try node.optional("String") {
            let scalars = try scalars(literal)
            guard 1...TextMatcher.maximumLiteralLength ~= scalars.count else {
                throw literal.invalid("a text of 1 to \(TextMatcher.maximumLiteralLength) characters")
            }
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
