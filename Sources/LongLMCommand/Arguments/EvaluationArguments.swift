import ArgumentParser
import Foundation
import LongLM
import LongLMEvaluation

/// What an evaluation compares, and how its sessions run.
struct EvaluationArguments: ParsableArguments {
    @OptionGroup var model: ModelArguments

    @Option(
        help: ArgumentHelp(
            "Attention to compare, with commas between: plain (the model as it is), auto (Self-Extend with G and W chosen "
                + "for each length, as by longlm plan) and G:W, such as 4:1024.", valueName: "list"))
    var settings = CommaSeparated<AttentionSetting>([.plain, .automatic])

    @OptionGroup var precision: PrecisionArguments
    @OptionGroup var threads: ThreadArguments

    /// What sessions run with; an evaluation adds attention and length.
    var sessionOptions: SessionOptions {
        SessionOptions(threadCount: threads.threads, cacheType: precision.cache?.elementType)
    }

    /// Loads the tokenizer.
    func tokenizer() throws(TokenizerError) -> Tokenizer {
        try Tokenizer(contentsOfFile: model.directory + "/tokenizer.json")
    }

    /// Refuses lengths that a setting doesn't reach, before anything is loaded.
    func check(lengths: [Int]) throws {
        let configuration = try ModelConfiguration(contentsOfFile: model.directory + "/config.json")
        for length in lengths {
            for setting in settings.values {
                _ = try setting.mode(length: length, contextLength: configuration.contextLength)
            }
        }
    }
}

/// Values with commas between them.
struct CommaSeparated<Value: CommaSeparable>: ExpressibleByArgument, Sendable {
    let values: [Value]

    init(_ values: [Value]) { self.values = values }

    init?(argument: String) {
        var values: [Value] = []
        for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
            guard let value = Value(listed: part.trimmingCharacters(in: .whitespaces)) else { return nil }
            values.append(value)
        }
        self.values = values
    }

    var defaultValueDescription: String { values.map(\.listed).joined(separator: ",") }
}

/// A value of a list with commas.
protocol CommaSeparable: Sendable {
    init?(listed: String)
    var listed: String { get }
}

extension Int: CommaSeparable {
    init?(listed: String) { self.init(listed) }
    var listed: String { String(self) }
}

extension Double: CommaSeparable {
    init?(listed: String) {
        guard let value = Double(listed), value.isFinite else { return nil }
        self = value
    }
    var listed: String { self == rounded() && magnitude < 1e15 ? String(Int(self)) : String(self) }
}

extension AttentionSetting: CommaSeparable {
    init?(listed: String) { self.init(listed) }
    var listed: String { name }
}

/// Refuses lengths that no session can have.
func checkLengths(_ lengths: [Int]) throws {
    for length in lengths where !(1...(1 << 24)).contains(length) {
        throw ValidationError("a length is \(length); it must be between 1 and \(1 << 24)")
    }
}

/// A file or folder of Fixtures: that of the working directory, or else that of the checkout that the command was built
/// in.
func fixture(_ name: String) -> String {
    let here = "Fixtures/" + name
    if FileManager.default.fileExists(atPath: here) { return here }
    return URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../../Fixtures/" + name).standardizedFileURL.path
}

/// Writes a chart or another file at once.
func writeFile(_ contents: Data, to path: String) throws(CommandError) {
    do {
        try contents.write(to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
        throw .invalidInput("\(path): can't be written")
    }
}

/// Refuses a place where a file can't be made, before the work whose result should go there.
func checkWritable(_ path: String?) throws(CommandError) {
    guard let path else { return }
    let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
    var isDirectory: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
    guard !(exists && isDirectory.boolValue), FileManager.default.isWritableFile(atPath: directory) else {
        throw .invalidInput("\(path): can't be written")
    }
}
