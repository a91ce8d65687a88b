import Foundation
import LongLM
import LongLMEvaluation
import TestSupport
import Testing

@Suite struct ReferenceErrorTests {
    /// A case in which nothing is wrong yet; small, since many tests run it.
    private let original: TinyCase

    init() throws { original = try TinyCase(n: 12, decoded: 3) }

    private var casesFile: String { original.directory.file("cases.json") }
    private var caseFile: String { original.directory.file(TinyCase.file) }

    /// What the case is refused for with values of cases.json replaced, or left out.
    private func refusal(_ changes: [String: String?]) throws -> ReferenceError? {
        var changed = original
        for (key, value) in changes { changed.entry[key] = value }
        return try changed.refusal()
    }

    @Test func nothingIsWrongYet() throws {
        #expect(try refusal([:]) == nil)
    }

    @Test func noCasesFile() {
        #expect(original.refusalOfWhatIsThere() == .malformedCases(file: casesFile, reason: "no such file"))
    }

    @Test(arguments: [
        ("", "line 1, column 1: expected a value, but the text ends here"),
        ("[\n", "line 2, column 1: expected a value, but the text ends here"),
        ("{}", "is not a list of reference cases"),
        ("null", "is not a list of reference cases"), ("7", "is not a list of reference cases"),
        ("[7]", "case 1 is not an object"), ("[{}]", "case 1 has no file"),
        (#"[{"file": "case.safetensors"}]"#, "case 1 has no n"),
        (#"[{"n": 1, "n": 2}]"#, "line 1, column 11: the key [0].n occurs twice"),
        ("\u{feff}[]", "line 1, column 1: a byte order mark, which JSON doesn't allow"),
        (String(repeating: "[", count: 100_000), "line 1, column 65: nested deeper than 64 levels"),
    ])
    func malformedCasesFile(json: String, reason: String) throws {
        try original.directory.write(json, to: "cases.json")
        #expect(original.refusalOfWhatIsThere() == .malformedCases(file: casesFile, reason: reason))
    }

    @Test func noCase() throws {
        try original.directory.write("[]", to: "cases.json")
        #expect(original.refusalOfWhatIsThere() == .malformedCases(file: casesFile, reason: "holds no case"))
    }

    @Test(arguments: [
        ("file", "a string"), ("n", "a whole number"), ("group", "a whole number"), ("window", "a whole number"),
        ("scale_base", "a number"), ("shift", "a string"),
    ])
    func malformedValue(key: String, type: String) throws {
        func refusal(_ reason: String) -> ReferenceError { .malformedCases(file: casesFile, reason: reason) }
        for json in [nil, "null"] { #expect(try self.refusal([key: json]) == refusal("case 1 has no \(key)")) }
        for json in ["[]", "{}", "true"] {
            #expect(try self.refusal([key: json]) == refusal("case 1: \(key) is not \(type)"))
        }
    }

    @Test(arguments: ["mode", "length"])
    func malformedOptionalValue(key: String) throws {
        #expect(try refusal([key: "null"]) == nil)
        let type = key == "mode" ? "a string" : "a whole number"
        let error = ReferenceError.malformedCases(file: casesFile, reason: "case 1: \(key) is not \(type)")
        #expect(try refusal([key: "[]"]) == error)
    }

    /// Numbers that no `Double` can hold, and what isn't JSON.
    @Test(arguments: ["1e400", "-1e400", "NaN", "Infinity"])
    func numberOutOfRange(json: String) throws {
        guard case .malformedCases(casesFile, let reason) = try refusal(["scale_base": json]) else {
            Issue.record("\(json) was not refused")
            return
        }
        #expect(reason.hasPrefix("line 1, column "), "\(reason)")
    }

    @Test(arguments: ["n", "group", "window"])
    func numberThatIsNoInteger(key: String) throws {
        let error = ReferenceError.malformedCases(file: casesFile, reason: "case 1: \(key) is not a whole number")
        for json in ["1.5", "1e30", "9223372036854775808", "-9223372036854775809", "\"4\""] {
            #expect(try refusal([key: json]) == error)
        }
    }

    @Test func unknownShift() throws {
        for shift in ["ceil", "", "Floor"] {
            let error = ReferenceError.malformedCases(file: casesFile, reason: "unknown shift \(shift)")
            #expect(try refusal(["shift": "\"\(shift)\""]) == error)
        }
    }

    @Test func fileOutsideOfTheDirectory() throws {
        for (json, name) in [
            (#""../case.safetensors""#, "../case.safetensors"), (#""/etc/passwd""#, "/etc/passwd"), (#""""#, ""),
            (#""a\\b""#, "a\\b"), (#""\u002e\u002e\u002fx""#, "../x"),
        ] {
            let error = ReferenceError.malformedCases(file: casesFile, reason: "\(name) is not a file name")
            #expect(try refusal(["file": json]) == error)
        }
        // The directory and its parent are no files.
        for name in [".", ".."] {
            let path = original.directory.file(name)
            let error = ReferenceError.tensors(.unreadable(file: path, reason: "not a regular file"))
            #expect(try refusal(["file": "\"\(name)\""]) == error)
        }
    }

    @Test func missingOrBrokenCaseFile() throws {
        guard case .tensors(.unreadable(original.directory.file("absent"), _)) = try refusal(["file": "\"absent\""])
        else {
            Issue.record("an absent file was not refused as such")
            return
        }
        try original.write()
        try Data([1, 2, 3]).write(to: URL(filePath: caseFile))
        #expect(original.refusalOfWhatIsThere() == .tensors(.tooShort(file: caseFile, byteCount: 3)))
    }

    @Test(arguments: [0, -1, 11, 13, 1 << 40, Int.max, Int.min])
    func wrongLength(n: Int) throws {
        let error = ReferenceError.malformedCase(
            file: caseFile, reason: "has 12 tokens where cases.json says \(n)")
        #expect(try refusal(["n": "\(n)"]) == error)
    }

    @Test func noTokens() throws {
        var empty = original
        (empty.tokens, empty.entry["n"]) = ([], "0")
        let reason = "has 0 tokens where cases.json says 0"
        #expect(try empty.refusal() == .malformedCase(file: caseFile, reason: reason))
    }

    /// Each tensor of logits must be whole rows, at least one and no more than there are tokens.
    @Test func wrongRows() throws {
        let size = TinyCase.vocabularySize
        for count in [0, 1, size - 1, size + 1, 13 * size] {
            let values = [Float](repeating: 0, count: count)
            func error(_ name: String) -> ReferenceError {
                .malformedCase(file: caseFile, reason: "\(name) has \(count) numbers, not 1 to 12 rows of \(size)")
            }
            var changed = original
            changed.logits = values
            #expect(try changed.refusal() == error("logits"))
            changed = original
            changed.baselineLogits = values
            #expect(try changed.refusal() == error("baseline_logits"))
            changed = original
            changed.decodeLogits = values
            #expect(try changed.refusal() == error("decode_logits"))
        }
    }

    @Test(arguments: ["input_ids", "logits"])
    func missingTensor(name: String) throws {
        try original.write()
        var writer = SafetensorsWriter()
        if name == "input_ids" {
            try writer.add("logits", shape: [original.logits.count], floats: original.logits)
        } else {
            try writer.add("input_ids", dtype: .int64, shape: [12], bytes: [UInt8](repeating: 0, count: 96))
        }
        try writer.write(to: caseFile)
        #expect(original.refusalOfWhatIsThere() == .tensors(.missingTensor(file: caseFile, tensor: name)))
    }

    /// Tokens that are floats, and logits that are integers.
    @Test(arguments: ["input_ids", "logits", "baseline_logits", "decode_logits"])
    func tensorOfAnotherType(name: String) throws {
        try original.write()
        var writer = SafetensorsWriter()
        for tensor in ["input_ids", "logits", "baseline_logits", "decode_logits"] {
            let isInteger = (tensor == "input_ids") != (tensor == name)
            let count = tensor == "input_ids" ? 12 : TinyCase.vocabularySize
            let bytes = [UInt8](repeating: 0, count: count * (isInteger ? 8 : 4))
            try writer.add(tensor, dtype: isInteger ? .int64 : .float32, shape: [count], bytes: bytes)
        }
        try writer.write(to: caseFile)
        let error =
            name == "input_ids"
            ? SafetensorsError.wrongDType(file: caseFile, tensor: name, found: .float32, expected: [.int64, .int32])
            : .wrongDType(file: caseFile, tensor: name, found: .int64, expected: [.float32, .float16, .bfloat16])
        #expect(original.refusalOfWhatIsThere() == .tensors(error))
    }

    @Test(arguments: [-1, 67, Int.max, Int.min])
    func tokenOutOfRange(token: Int) throws {
        var changed = original
        changed.tokens[11] = token
        let error = SessionError.tokenOutOfRange(id: token, vocabularySize: 67)
        #expect(try changed.refusal() == .session(file: caseFile, error))
    }

    /// Settings that have no meaning come back as the session's own error.
    @Test(arguments: [
        ("group", "0", "0"), ("group", "-4", "-4"), ("group", "9223372036854775807", "9223372036854775807"),
        ("group", "-9223372036854775808", "-9223372036854775808"),
        ("window", "0", "0"), ("window", "-1", "-1"), ("window", "64", "64"),
        ("window", "9223372036854775807", "9223372036854775807"),
        ("window", "-9223372036854775808", "-9223372036854775808"),
        ("scale_base", "1", "1.0"), ("scale_base", "0.5", "0.5"),
        ("scale_base", "1e300", "inf"), ("scale_base", "1e-300", "0.0"),
    ])
    func meaninglessSettings(key: String, json: String, value: String) throws {
        let options = [
            "group": InvalidOption("group size", value, allowed: "between 1 and 1048576"),
            "window": InvalidOption(
                "neighbor window", value, allowed: "at least 1 and less than the model's context length of 64"),
            "scale_base": InvalidOption("query scale base", value, allowed: "finite and greater than 1"),
        ]
        let option = try #require(options[key])
        #expect(try refusal([key: json]) == .session(file: caseFile, .attention(.invalidOption(option))))
    }

    @Test func threadsOutOfRange() throws {
        let option = InvalidOption("number of threads", 0, allowed: "between 1 and 1024")
        #expect(try original.refusal(threadCount: 0) == .session(file: caseFile, .invalidOption(option)))
    }

    @Test func unsupportedModel() throws {
        try original.write()
        let config = original.directory.file("config.json")
        try original.directory.write(#"{"model_type": "mamba"}"#, to: "config.json")
        let error = ModelError.unsupportedArchitecture(file: config, name: "mamba")
        #expect(original.refusalOfWhatIsThere() == .model(error))
        #expect(ReferenceError.model(error).description == "\(config): unsupported architecture mamba")
    }

    @Test func errorsAreOneLine() {
        let errors: [ReferenceError] = [
            .malformedCases(file: "F", reason: "r"), .malformedCase(file: "F", reason: "r"),
            .tensors(.missingTensor(file: "F", tensor: "t")), .model(.unreadable(file: "F", reason: "r")),
            .session(file: "F", .noTokens),
        ]
        for error in errors { #expect(error.description.hasPrefix("F: ") && !error.description.contains("\n")) }
    }

    /// Any values in cases.json give results or an error. A trap would end the test process.
    @Test func hostileValues() throws {
        let numbers = [
            "0", "-1", "1", "2", "12", "13", "63", "64", "65", "1048576", "1048577", "4294967296",
            "9223372036854775807", "-9223372036854775808", "1e18", "1e-5", "0.5", "1.0000001", "1e38", "1e39", "1e308",
            "null",
        ]
        let texts = ["\"floor\"", "\"fractional\"", "\"x\"", "\"\(TinyCase.file)\"", "\"\\u0000\"", "\"..\"", "1"]
        var generator = SeededGenerator(seed: 72)
        var (ran, refused) = (0, 0)
        try original.write()
        for _ in 0..<1_500 {
            var entry = original.entry
            for _ in 0..<Int.random(in: 1...2, using: &generator) {
                let key =
                    ["file", "n", "group", "group", "window", "window", "scale_base", "scale_base", "shift"]
                    .randomElement(using: &generator) ?? "n"
                let isText = key == "file" || key == "shift"
                entry[key] = (isText ? texts : numbers).randomElement(using: &generator)
            }
            try original.directory.write("[\(jsonObject(entry))]", to: "cases.json")
            if let error = original.refusalOfWhatIsThere() {
                refused += 1
                #expect(!error.description.isEmpty)
            } else {
                ran += 1
            }
        }
        #expect(ran > 50 && refused > 50, "\(ran) ran, \(refused) were refused")
    }
}
