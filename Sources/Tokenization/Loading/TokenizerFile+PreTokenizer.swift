/// The pre-tokenizer of a tokenizer.json.
extension TokenizerFile {
    func preTokenizer() throws(TokenizerError) -> PreTokenizer {
        guard let node = try root.optional("pre_tokenizer") else { return PreTokenizer(steps: []) }
        let steps = try steps(node)
        try checkStepCount(steps.count, component: "pre_tokenizer")
        var growth = TextGrowth(limit: ComponentLimits.preTokenizerGrowth)
        var matchers: [TextMatcher] = []
        for step in steps {
            switch step {
            case .split(let splitter): matchers.append(splitter.matcher)
            // Even a piece of one character gets another one.
            case .prefixSpace: growth.multiply(by: 2)
            case .metaspace(let metaspace): if metaspace.scheme == .always { growth.multiply(by: 2) }
            case .byteLevel: growth.multiply(by: 4)
            }
        }
        try check(growth, limit: ComponentLimits.preTokenizerGrowth, component: "pre_tokenizer")
        try checkPatterns(matchers, component: "pre_tokenizer")
        return PreTokenizer(steps: steps)
    }

    private func steps(_ node: JSONNode) throws(TokenizerError) -> [PreTokenizer.Step] {
        switch try type(of: node) {
        case "Sequence":
            var steps: [PreTokenizer.Step] = []
            for node in try node.required("pretokenizers").array() { steps += try self.steps(node) }
            return steps
        case "ByteLevel": return try byteLevelSteps(node)
        case "Metaspace": return [.metaspace(try metaspace(node))]
        case "Digits":
            let isIndividual = try flag("individual_digits", of: node, default: false)
            return [.split(try splitter(#"\p{N}"#, isIndividual ? .isolated : .contiguous))]
        case "Punctuation":
            let behavior = try node.optional("behavior").map(behavior) ?? .isolated
            return [.split(try splitter(#"[\p{P}$+<=>^`|~]"#, behavior))]
        case "Split": return [.split(try splitter(node))]
        case "Whitespace": return [.split(try splitter(#"\w+|[^\w\s]+"#, .removed, isInverted: true))]
        case "WhitespaceSplit": return [.split(try splitter(#"\s"#, .removed))]
        case let type: throw .unsupportedPreTokenizer(file: file, type: type)
        }
    }

    private func byteLevelSteps(_ node: JSONNode) throws(TokenizerError) -> [PreTokenizer.Step] {
        var steps: [PreTokenizer.Step] = []
        if try flag("add_prefix_space", of: node, default: true) { steps.append(.prefixSpace) }
        if try flag("use_regex", of: node, default: true) {
            steps.append(.split(try splitter(NamedPreTokenizer.gpt2Pattern, .isolated)))
        }
        return steps + [.byteLevel]
    }

    private func splitter(
        _ pattern: String, _ behavior: Splitter.Behavior, isInverted: Bool = false
    ) throws(TokenizerError) -> Splitter {
        Splitter(matcher: try matcher(source: pattern.utf8), behavior: behavior, isInverted: isInverted)
    }

    private func splitter(_ node: JSONNode) throws(TokenizerError) -> Splitter {
        Splitter(
            matcher: try matcher(node.required("pattern")), behavior: try behavior(node.required("behavior")),
            isInverted: try flag("invert", of: node, default: false))
    }

    private func behavior(_ node: JSONNode) throws(TokenizerError) -> Splitter.Behavior {
        guard let behavior = Splitter.Behavior(rawValue: try node.string()) else {
            throw node.invalid("a known behavior")
        }
        return behavior
    }

    private func metaspace(_ node: JSONNode) throws(TokenizerError) -> Metaspace {
        Metaspace(
            replacement: try scalar(node.required("replacement")), scheme: try prependScheme(node),
            splits: try flag("split", of: node, default: true))
    }

    /// `prepend_scheme`. Releases before 0.14 wrote `add_prefix_space` instead; a file with both must agree with itself.
    func prependScheme(_ node: JSONNode) throws(TokenizerError) -> Metaspace.PrependScheme {
        let addsPrefix = try node.optional("add_prefix_space")?.bool()
        guard let schemeNode = try node.optional("prepend_scheme") else {
            return addsPrefix == false ? .never : .always
        }
        guard let scheme = Metaspace.PrependScheme(rawValue: try schemeNode.string()),
            addsPrefix != false || scheme == .never
        else { throw schemeNode.invalid("always, first or never, in agreement with add_prefix_space") }
        return scheme
    }
}
