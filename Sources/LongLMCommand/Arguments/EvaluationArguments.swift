import ArgumentParser
import Foundation
import LongLM
import LongLMEvaluation

/// Options of an evaluation: the model, the attention settings, and how sessions run.
struct EvaluationArguments: ParsableArguments {
    @OptionGroup var model: ModelArguments

    @Option(
        name: [.customLong("settings"), .customLong("methods")],
        help: ArgumentHelp(
            "The attention settings to compare, separated by commas: plain (the model as it is), auto (what longlm plan "
                + "recommends for each length), G:W of Self-Extend, such as 4:1024, or another method, with or without "
                + "settings, as --attention of longlm generate takes it, such as string or yarn:4.",
            valueName: "list"),
        transform: CommaSeparated.init(listed:))
    var settings = CommaSeparated<AttentionSetting>([.plain, .automatic])

    @OptionGroup var precision: PrecisionArguments
    @OptionGroup var threads: ThreadArguments

    /// How sessions run. The evaluation sets attention and length.
    var sessionOptions: SessionOptions {
        SessionOptions(threadCount: threads.threads, cacheFormat: precision.cache)
    }

    /// Loads the tokenizer.
    func tokenizer() throws -> Tokenizer {
        try model.location.tokenizer()
    }

    /// Refuses lengths that a setting can't reach, before anything is loaded.
    func check(lengths: [Int]) throws {
        let configuration = try model.location.configuration()
        for length in lengths {
            for setting in settings.values {
                _ = try setting.mode(length: length, of: configuration)
            }
        }
    }
}

/// Options for the model that another one is compared with.
struct ReferenceArguments: ParsableArguments {
    @Option(
        name: .customLong("reference-model"),
        help: ArgumentHelp(
            "Compare the model with this one, which has the same vocabulary; by default, with itself as the other options "
                + "for a reference load it.", valueName: "path"))
    var directory: String?

    @Option(
        name: .customLong("reference-precision"), help: "The reference's arithmetic of products; by default float32.")
    var precision: Precision?

    @Option(
        name: .customLong("reference-weights"),
        help: "How the reference's weights are stored; by default, as in its checkpoint.")
    var weights: WeightStorageArgument?

    @Option(
        name: .customLong("reference-cache"),
        help: """
            How the reference's keys and values are stored; by default, bfloat16 with --reference-precision bfloat16 \
            and float32 otherwise.
            """)
    var cache: CacheFormat?

    /// Whether a reference is asked for.
    var isStated: Bool { directory != nil || precision != nil || weights != nil || cache != nil }

    /// How the reference is loaded.
    func loadOptions(_ threads: ThreadArguments) -> LoadOptions {
        LoadOptions(precision: precision ?? .float32, threadCount: threads.threads, weightFormat: weights?.format)
    }

    func validate() throws {
        if precision == .bfloat16, let weights, weights != .bfloat16 {
            throw ValidationError(
                "--reference-precision bfloat16 stores weights in bfloat16, not in \(weights.rawValue)")
        }
    }
}

/// Values separated by commas.
struct CommaSeparated<Value: CommaSeparable>: CustomStringConvertible, Sendable {
    let values: [Value]

    init(_ values: [Value]) { self.values = values }

    /// - Throws: `ValidationError`, which says what the values look like.
    init(listed text: String) throws {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        var values: [Value] = []
        var first = 0
        while first < parts.count {
            // A value may have commas of its own. It takes as few parts as it can.
            let found = ((first + 1)...parts.count).lazy.compactMap { end in
                let joined = parts[first..<end].joined(separator: ",").trimmingCharacters(in: .whitespaces)
                return Value(listed: joined).map { (value: $0, end: end) }
            }.first
            guard let found else { throw ValidationError("\(parts[first].debugDescription) is not \(Value.form)") }
            values.append(found.value)
            first = found.end
        }
        self.values = values
    }

    var description: String { values.map(\.listed).joined(separator: ",") }
}

/// A value that can stand in a list separated by commas.
protocol CommaSeparable: Sendable {
    /// What a value looks like, in words that follow "is not".
    static var form: String { get }

    init?(listed: String)
    var listed: String { get }
}

extension Int: CommaSeparable {
    static var form: String { "a whole number" }
    init?(listed: String) { self.init(listed) }
    var listed: String { String(self) }
}

extension Double: CommaSeparable {
    static var form: String { "a number" }
    init?(listed: String) {
        guard let value = Double(listed), value.isFinite else { return nil }
        self = value
    }
    var listed: String { self == rounded() && magnitude < 1e15 ? String(Int(self)) : String(self) }
}

extension AttentionSetting: CommaSeparable {
    static var form: String {
        "plain, auto, G:W such as 4:1024, or one of " + AttentionChoice.methodNames.joined(separator: ", ")
            + " with or without settings"
    }
    init?(listed: String) { self.init(listed) }
    var listed: String { name }
}

/// Refuses lengths that no session can hold.
func checkLengths(_ lengths: [Int]) throws {
    for length in lengths where !(1...(1 << 24)).contains(length) {
        throw ValidationError("a length is \(length); it must be between 1 and \(1 << 24)")
    }
}
