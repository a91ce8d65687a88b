/// The decoder of a tokenizer.json.
extension TokenizerFile {
    func decoder() throws(TokenizerError) -> DecoderChain {
        guard let node = try root.optional("decoder") else { return DecoderChain([JoiningDecoder()]) }
        let steps = try steps(node)
        try checkStepCount(steps.count, component: "decoder")
        var growth = TextGrowth(limit: ComponentLimits.decoderGrowth)
        for step in steps {
            if let replace = step as? ReplaceDecoder {
                growth.replace(replace.pattern.count, by: replace.content.count)
            }
            // A wrong byte is spelled in two bytes, and becomes U+FFFD in three.
            if step is ByteLevelDecoder { growth.multiply(by: 2) }
        }
        try check(growth, limit: ComponentLimits.decoderGrowth, component: "decoder")
        // After this step nobody knows where the tokens of a stream end, or what they were.
        guard let joint = steps.firstIndex(where: { $0 is FuseDecoder || $0 is ByteLevelDecoder }) else {
            return DecoderChain(steps)
        }
        for step in steps[(joint + 1)...] {
            if step is ByteLevelDecoder { throw .unsupportedDecoder(file: file, type: "ByteLevel after Fuse") }
            if step is ByteFallbackDecoder { throw .unsupportedDecoder(file: file, type: "ByteFallback after Fuse") }
        }
        return DecoderChain(steps)
    }

    private func steps(_ node: JSONNode) throws(TokenizerError) -> [any DecoderStep] {
        switch try type(of: node) {
        case "Sequence":
            var steps: [any DecoderStep] = []
            for node in try node.required("decoders").array() { steps += try self.steps(node) }
            return steps
        case "ByteLevel": return [ByteLevelDecoder()]
        case "ByteFallback": return [ByteFallbackDecoder()]
        case "Fuse": return [FuseDecoder()]
        case "Metaspace":
            return [
                MetaspaceDecoder(
                    replacement: try scalar(node.required("replacement")),
                    dropsFirst: try prependScheme(node) != .never)
            ]
        case "Replace": return [try replace(node)]
        case "Strip":
            return [
                StripDecoder(
                    content: try scalar(node.required("content")), start: try count(node.required("start")),
                    stop: try count(node.required("stop")))
            ]
        case let type: throw .unsupportedDecoder(file: file, type: type)
        }
    }

    private func replace(_ node: JSONNode) throws(TokenizerError) -> ReplaceDecoder {
        let pattern = try node.required("pattern")
        guard let literal = try pattern.optional("String") else {
            throw .unsupportedDecoder(file: file, type: "Replace with a regular expression")
        }
        guard try 1...(4 * TextMatcher.maximumLiteralLength) ~= literal.bytes().count else {
            throw literal.invalid("a text of 1 to \(4 * TextMatcher.maximumLiteralLength) bytes")
        }
        return ReplaceDecoder(pattern: Array(try literal.bytes()), content: Array(try node.required("content").bytes()))
    }

    private func count(_ node: JSONNode) throws(TokenizerError) -> Int {
        let count = try node.integer()
        guard 0...1000 ~= count else { throw node.invalid("a count up to 1000") }
        return count
    }
}
