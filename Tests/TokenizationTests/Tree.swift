import TestSupport

/// JSON for changing at random.
enum Tree: Codable, Equatable, Sendable {
    case null
    case bool(Bool)
    case integer(Int)
    case real(Double)
    case string(String)
    case array([Tree])
    case object([String: Tree])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Double.self) {
            self = .real(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([Tree].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: Tree].self))
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .real(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }

    subscript(key: String) -> Tree? {
        get { if case .object(let members) = self { members[key] } else { nil } }
        set {
            guard case .object(var members) = self else { return }
            members[key] = newValue
            self = .object(members)
        }
    }

    var elements: [Tree] { if case .array(let elements) = self { elements } else { [] } }

    var string: String? { if case .string(let string) = self { string } else { nil } }
}

/// Changes files of tokenizers as somebody would who knows what is in them.
struct TreeMutator {
    var generator: SeededGenerator
    /// Components of all kinds, to put in the place of others.
    let components: [Tree]

    static let patterns = [
        #"\s+"#, #"\s+$"#, #"\s++$"#, "a*", "(a|b)+", "(?:a|aa)*b", #"(?=(\d{3})+(?!\d))"#, #"\p{N}{1,3}+"#, ".", "^.",
        "$", #"\b"#,
        #"(\s+\s+)+x"#, #".*"#, "(?i:'s|'t)", "[^a]+?", "x{0,900}", "(?:(?:a?){30}){20}", "(", "[",
        #"\s*\s*\s*\s*\s*!"#,
    ]
    static let strings = [
        "", " ", "a", "aa", "▁", "\n", "Ġ", "  ", "\u{0}", "é", "e\u{301}", "ﷺ", "<s>", "ByteLevel", "Sequence", "Fuse",
        "first",
        "always", "never", "Isolated", "Removed", "Contiguous", "MergedWithNext", "MergedWithPrevious",
        String(repeating: "a", count: 300), String(repeating: " ", count: 40),
    ]

    private mutating func pick<Element>(_ elements: [Element]) -> Element? { elements.randomElement(using: &generator) }

    mutating func number(_ range: Range<Int>) -> Int { Int.random(in: range, using: &generator) }

    /// Some changes at places that are found by going down at random.
    mutating func mutate(_ tree: inout Tree) {
        for _ in 0..<number(1..<6) {
            if number(0..<3) == 0 { mutateAddedTokens(&tree) } else { mutate(&tree, depth: 0) }
        }
    }

    private mutating func mutate(_ tree: inout Tree, depth: Int) {
        switch tree {
        case .object(var members) where !members.isEmpty && number(0..<8 + depth) < 8:
            // The vocabulary is most of a file, and the least of it.
            let keys = members.keys.filter { $0 != "vocab" && $0 != "merges" || number(0..<4) == 0 }.sorted()
            guard let key = pick(keys), var value = members[key] else { return }
            if number(0..<12) == 0 {
                members[key] = nil
            } else {
                mutate(&value, depth: depth + 1)
                members[key] = value
            }
            tree = .object(members)
        case .array(var elements) where !elements.isEmpty && number(0..<8) < 7:
            let index = number(0..<elements.count)
            switch number(0..<8) {
            case 0: elements.remove(at: index)
            case 1: elements.insert(elements[index], at: number(0..<elements.count + 1))
            case 2: elements += Array(repeating: elements[index], count: pick([1, 2, 5, 30, 70, 400]) ?? 1)
            case 3: elements.swapAt(index, number(0..<elements.count))
            case 4: if let component = pick(components) { elements.insert(component, at: index) }
            default: mutate(&elements[index], depth: depth + 1)
            }
            tree = .array(elements)
        default: replace(&tree)
        }
    }

    private mutating func replace(_ tree: inout Tree) {
        switch (tree, number(0..<10)) {
        case (.bool(let value), 0...7): tree = .bool(!value)
        case (.integer(let value), 0...6):
            tree = .integer(pick([0, 1, -1, value &+ 1, 3, 77, 1_000, 1 << 22, .max]) ?? 0)
        case (.string, 0...2): tree = .string(pick(Self.patterns) ?? "")
        case (.string, 3...6): tree = .string(pick(Self.strings) ?? "")
        case (.string(let value), 7): tree = .string(value + (pick(Self.strings) ?? ""))
        case (.null, 0...6), (.object, 0...5): if let component = pick(components) { tree = component }
        case (.object, 6...7):
            let name = pick(["normalizers", "pretokenizers", "decoders", "processors"]) ?? ""
            let other = pick(components) ?? .null
            tree = .object(["type": .string("Sequence"), name: .array([tree, other, tree])])
        default: tree = pick([.null, .bool(true), .integer(0), .real(1.5), .array([]), .object([:])]) ?? .null
        }
    }

    private mutating func mutateAddedTokens(_ tree: inout Tree) {
        var tokens = tree["added_tokens"]?.elements ?? []
        for _ in 0..<number(1..<4) {
            var content = pick(Self.strings) ?? ""
            if number(0..<2) == 0, let other = pick(tokens)?["content"]?.string {
                content = number(0..<2) == 0 ? content + other : String(other.dropLast(1)) + content
            }
            var token: Tree = .object(["id": .integer(number(0..<800)), "content": .string(content)])
            for flag in ["single_word", "lstrip", "rstrip", "normalized", "special"] {
                token[flag] = .bool(number(0..<2) == 0)
            }
            if tokens.isEmpty || number(0..<2) == 0 {
                tokens.insert(token, at: number(0..<tokens.count + 1))
            } else {
                tokens[number(0..<tokens.count)] = token
            }
        }
        tree["added_tokens"] = .array(tokens)
    }

    /// A text of the file's own added tokens, white space, and what patterns look for.
    mutating func prompt(for tree: Tree) -> String {
        let contents = (tree["added_tokens"]?.elements ?? []).compactMap { $0["content"]?.string }
        let others = [
            " ", "  ", "\n", "\r\n", "a", "ab", "é", "ſ", "字", "12345", "'s", "▁", "x!", "\u{3000}", "ﷺ", "</s>",
            "\u{301}",
        ]
        var prompt = ""
        for _ in 0..<number(1..<12) {
            let piece = (number(0..<2) == 0 ? pick(contents) : pick(others)) ?? "a"
            prompt += String(repeating: piece, count: number(0..<12) == 0 ? 60 : 1)
        }
        return prompt
    }
}
