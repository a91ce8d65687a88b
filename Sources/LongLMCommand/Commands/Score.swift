import ArgumentParser
import Foundation
import LongLM

/// `longlm score`
struct Score: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say how probable texts are as continuations of a prompt.",
        discussion: """
            Prints the log probability of each continuation, whether it is what greedy decoding would produce, and how many \
            tokens it has: what multiple-choice benchmarks compare.

              longlm score --model DIR --prompt "The capital of France is" --continuation " Paris" --continuation " Rome"

            --input takes a file of JSON lines instead, {"context": …, "continuation": …}.

            The prompt and a continuation are turned into tokens as one text. The continuation begins at the first token \
            that differs from the tokens of the prompt alone. If --prompt is empty and the tokenizer adds no token at the \
            beginning of a text, nothing predicts the continuation's first token. It then counts as certain (log \
            probability 0).
            """)

    @OptionGroup var model: ModelArguments

    @Option(help: ArgumentHelp("The prompt; may be empty.", valueName: "text"))
    var prompt: String?

    @Option(
        parsing: .singleValue,
        help: ArgumentHelp("A continuation of the prompt. There may be several.", valueName: "text"))
    var continuation: [String] = []

    @Option(
        help: ArgumentHelp(
            "A file of prompts and continuations as JSON lines; - for standard input.", valueName: "file"))
    var input: String?

    @OptionGroup(title: "Self-Extend") var attention: AttentionOptions
    @OptionGroup var precision: PrecisionArguments
    @OptionGroup var threads: ThreadArguments

    @Flag(help: "Print a JSON object in a line for each continuation, with the log probability of each token.")
    var json = false

    func run() throws {
        let requests = try readRequests()
        try Interruption.cancelling { try score(requests) }
    }

    /// A continuation of a context, as in a line of the input.
    private struct Request: Decodable {
        let context: String
        let continuation: String
    }

    private func readRequests() throws -> [Request] {
        guard let input else {
            guard let prompt, !continuation.isEmpty else {
                throw ValidationError("give --prompt and --continuation, or --input")
            }
            return continuation.map { Request(context: prompt, continuation: $0) }
        }
        guard prompt == nil, continuation.isEmpty else {
            throw ValidationError("--input goes with neither --prompt nor --continuation")
        }
        let name = input == "-" ? "standard input" : input
        let lines = try readText(input == "-" ? nil : input).split(separator: "\n", omittingEmptySubsequences: false)
        var requests: [Request] = []
        for (index, line) in lines.enumerated() where !line.allSatisfy(\.isWhitespace) {
            guard let request = try? JSONDecoder().decode(Request.self, from: Data(line.utf8)) else {
                throw CommandError.invalidInput(
                    "\(name): line \(index + 1) is no JSON object with the strings context and continuation")
            }
            requests.append(request)
        }
        guard !requests.isEmpty else { throw CommandError.invalidInput("\(name): has no line to score") }
        return requests
    }

    private func score(_ requests: [Request]) throws {
        let configuration = try model.location.configuration()
        try attention.check(configuration)
        let tokenizer = try model.location.tokenizer()
        let encoded = try requests.map { request in
            let tokens = tokenizer.encode(request.context, continuation: request.continuation)
            guard !tokens.continuation.isEmpty else { throw CommandError.invalidInput("a continuation is empty") }
            return tokens
        }
        let longest = encoded.map { $0.text.count + $0.continuation.count }.max() ?? 1
        let extent = try attention.sessionExtent(promptLength: longest, additional: 0, configuration: configuration)
        let session = try Session(
            model: try loadModel(model.directory, precision, threads),
            options: precision.sessionOptions(extent.attention, capacity: extent.length, threads))
        let bar = ProgressBar("score")
        defer { bar.finish() }
        for (index, (request, tokens)) in zip(requests, encoded).enumerated() {
            try session.hold(tokens.text)
            let line = Line(request.continuation, tokens.continuation, try session.score(tokens.continuation))
            try json ? Terminal.write(jsonLine: line) : Terminal.write(line.text)
            bar.update(Double(index + 1) / Double(requests.count))
        }
    }

    /// What is printed for a continuation.
    private struct Line: Encodable {
        struct Token: Encodable {
            let id: Int
            let logProbability: Double
            let isMostProbable: Bool
        }

        let continuation: String
        /// The sum over all tokens.
        let logProbability: Double
        /// Whether every token is the most probable one in its place.
        let isGreedy: Bool
        let tokens: [Token]

        init(_ continuation: String, _ tokens: [Int], _ scores: [TokenScore]) {
            self.continuation = continuation
            logProbability = scores.reduce(0) { $0 + $1.logProbability }
            isGreedy = scores.allSatisfy(\.isMostProbable)
            self.tokens = zip(tokens, scores).map {
                Token(id: $0, logProbability: $1.logProbability, isMostProbable: $1.isMostProbable)
            }
        }

        var text: String {
            String(format: "%12.4f", logProbability) + (isGreedy ? "  greedy  " : "          ")
                + "\(tokens.count.grouped) token\(tokens.count == 1 ? "" : "s")".aligned(left: 12)
                + continuation.debugDescription + "\n"
        }
    }
}

extension Session {
    /// Makes the session hold a text, with its last token's logits. What it already holds of the text is kept.
    fileprivate func hold(_ text: [Int]) throws {
        if text.isEmpty { return try truncate(to: 0) }
        let kept = try keepPrefix(of: text)
        try prefill(Array(text[kept...]))
    }
}
