import Constraints
import TestSupport
import Testing
import Tokenization

/// Which tokens may come next.
@Suite struct MaskTests {
    /// Every mask of finite sets of texts, against the definition: a token is allowed if one of the texts goes on with it.
    @Test(
        arguments: [
            (#"(a|b){0,3}c?"#, ["a", "b", "c"], 4), (#"ab|abc|é€"#, ["a", "b", "c", "é", "€"], 4),
            (#"(abc){1,2}"#, ["a", "b", "c"], 6), (#"(12|00|-1){1,3}"#, ["0", "1", "2", "-"], 6),
        ] as [(String, [Character], Int)])
    func definition(pattern: String, characters: [Character], length: Int) throws {
        let constraint = try Constraint.regularExpression(pattern)
        let language = allTexts(characters, upTo: length).filter { constraint.accepts($0) }.map { Array($0.utf8) }
        try checkMasks(of: constraint, language)
    }

    @Test func choices() throws {
        let texts = ["", "a", "abc", "abcab", "name", "the name", "é", "🙂", "\"name\":", "tr"]
        try checkMasks(of: .choice(texts), texts.map { Array($0.utf8) })
    }

    private func checkMasks(of constraint: Constraint, _ language: [[UInt8]]) throws {
        let matcher = try constraint.matcher(with: TestVocabulary.tree)
        var prefixes: Set<[UInt8]> = []
        var work: [(text: [UInt8], position: TokenConstraint.Position)] = [([], matcher.start())]
        while let (text, position) = work.popLast() {
            guard prefixes.insert(text).inserted else { continue }
            #expect(matcher.accepts(position) == language.contains(text))
            #expect(matcher.isFinal(position) == !language.contains { $0.count > text.count && $0.starts(with: text) })
            let mask = matcher.mask(at: position)
            for (token, spelling) in TestVocabulary.spellings.enumerated() {
                let isAllowed =
                    spelling.map { bytes in
                        !bytes.isEmpty && language.contains { $0.starts(with: text + bytes) }
                    } ?? false
                #expect(mask.contains(token) == isAllowed, "\(text) and token \(token)")
                let next = matcher.advance(position, by: token)
                #expect((next != nil) == isAllowed)
                if let next, let spelling { work.append((text + spelling, next)) }
            }
        }
        #expect(prefixes.count > 3)
    }

    /// A vocabulary without a byte: texts with it are lost, and a constraint that needs it is refused.
    @Test func missingByte() throws {
        let spellings = TestVocabulary.spellings.map { $0 == [0x62] ? nil : $0 }
        let tree = VocabularyTree(spellings)
        // "abc" and "bc" are tokens, but nothing spells b alone.
        let constraint = try Constraint.choice(["ab", "ac"])
        let matcher = try constraint.matcher(with: tree)
        let first = matcher.mask(at: matcher.start()).tokens
        #expect(first.allSatisfy { spellings[$0] == [0x61] } && !first.isEmpty)
        let second = try #require(matcher.advance(matcher.start(), by: first[0]))
        #expect(matcher.mask(at: second).tokens.allSatisfy { spellings[$0] == [0x63] })
        #expect(throws: ConstraintError.unspellable(byte: 0x62)) {
            try Constraint.choice(["ab", "b"]).matcher(with: tree)
        }
    }

    /// Ends and empty texts.
    @Test func emptyText() throws {
        let matcher = try Constraint.choice([""]).matcher(with: TestVocabulary.tree)
        #expect(matcher.accepts(matcher.start()) && matcher.isFinal(matcher.start()))
        #expect(matcher.mask(at: matcher.start()).isEmpty)
        #expect(constraintError { () throws(ConstraintError) in try .choice([]) } == .unsatisfiable(at: ""))
    }

    /// Masks don't depend on what the tables have held, also once they have been emptied.
    @Test func forgetting() throws {
        // Each beginning makes states of its own.
        let constraint = try Constraint.regularExpression("(.{0,400}x){3}.{0,400}y")
        let used = try constraint.matcher(with: TestVocabulary.tree, tableLimit: 300)
        let fresh = try constraint.matcher(with: TestVocabulary.tree)
        var random = SeededGenerator(seed: 3)
        var position = used.start()
        var tokens: [Int] = []
        for _ in 0..<60 {
            let mask = used.mask(at: position)
            guard let token = mask.tokens.randomElement(using: &random) else { break }
            tokens.append(token)
            position = used.trim(keeping: try #require(used.advance(position, by: token)))
        }
        var other = fresh.start()
        for token in tokens { other = try #require(fresh.advance(other, by: token)) }
        #expect(tokens.count == 60 && used.mask(at: position) == fresh.mask(at: other))
    }

    /// A limit of steps ends a search; what it has found stays, so that the next one comes further.
    @Test func stepLimit() throws {
        let constraint = try Constraint.regularExpression("(.{0,400}x){3}.{0,400}y")
        let limited = try constraint.matcher(with: TestVocabulary.tree)
        let free = try constraint.matcher(with: TestVocabulary.tree)
        var tries = 1
        while tries < 1_000 {
            guard let mask = limited.mask(at: limited.start(), stepLimit: 50) else {
                tries += 1
                continue
            }
            #expect(mask == free.mask(at: free.start()))
            break
        }
        #expect((2..<1_000).contains(tries))
        #expect(free.mask(at: free.start(), stepLimit: 0) != nil, "it is known by now")
        #expect("\(ConstraintError.tooAmbiguous(limit: 7))".contains("7 steps"))
    }

    @Test func appliedToLogits() throws {
        let matcher = try Constraint.choice(["abc"]).matcher(with: TestVocabulary.tree)
        let mask = matcher.mask(at: matcher.start())
        // A model has more rows than the vocabulary.
        var logits = (0..<400).map { Float($0) }
        mask.apply(to: &logits)
        for token in logits.indices { #expect(logits[token] == (mask.contains(token) ? Float(token) : -.infinity)) }
        #expect(mask.tokens == logits.indices.filter { logits[$0] > -.infinity } && mask.tokens.count == 5)
        var few: [Float] = [1, 2]
        mask.apply(to: &few)
        #expect(few == [-.infinity, -.infinity])
    }
}
