import Tokenization

/// A tokenizer.json and, after a byte 255, a text for it.
enum TokenizerTarget {
    static func run(_ input: [UInt8]) {
        let (file, text) = Input.halves(input)
        do throws(TokenizerError) {
            use(try Tokenizer(json: file, name: "tokenizer.json"), text)
        } catch {
            precondition(!error.description.isEmpty)
        }
    }

    static func use(_ tokenizer: Tokenizer, _ text: String) {
        for parses in [true, false] {
            let ids = tokenizer.encode(text, parseSpecialTokens: parses)
            for id in ids { precondition(tokenizer.token(id: id) != nil, "an id without a token") }
            do throws(TokenizerError) {
                let whole = try tokenizer.decode(ids)
                var detokenizer = tokenizer.makeDetokenizer(skipSpecialTokens: false)
                var streamed = ""
                for id in ids { streamed += try detokenizer.append(id) }
                streamed += detokenizer.finish()
                precondition(
                    streamed.unicodeScalars.elementsEqual(whole.unicodeScalars), "a stream decodes to another text")
            } catch {
                preconditionFailure("\(error)")
            }
        }
    }
}

/// A regular expression by which a tokenizer splits and, after a byte 255, a text for it.
enum PatternTarget {
    static func run(_ input: [UInt8]) {
        let (pattern, text) = Input.halves(input)
        let expression = Input.quoted(String(decoding: pattern, as: UTF8.self))
        let file = """
            {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": \(expression)},
            "behavior": "Isolated", "invert": false}, {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]},
            "decoder": {"type": "ByteLevel"}, "model": {"type": "BPE", "vocab": {\(Self.vocabulary)}, "merges": []}}
            """
        do throws(TokenizerError) {
            TokenizerTarget.use(try Tokenizer(json: Array(file.utf8), name: "tokenizer.json"), text)
        } catch {
            precondition(!error.description.isEmpty)
        }
    }

    /// A token for each byte, under the names that byte-level tokenizers give them.
    private static let vocabulary: String = {
        let printable = Set(33...126).union(161...172).union(174...255)
        var next: UInt32 = 256
        return (0..<256).map { byte in
            var value = UInt32(byte)
            if !printable.contains(byte) {
                value = next
                next += 1
            }
            return "\(Input.quoted(String(Character(Unicode.Scalar(value)!)))): \(byte)"
        }.joined(separator: ", ")
    }()
}
