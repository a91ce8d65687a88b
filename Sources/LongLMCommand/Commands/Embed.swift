import ArgumentParser
import Foundation
import LongLM

/// `longlm embed`
struct Embed: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print an embedding of each text: its last hidden states, pooled.",
        discussion: """
            Prints one JSON object per line for each text: its number of tokens, and a vector of the model's hidden size. The \
            vector is pooled from the hidden states after the final normalisation.

              longlm embed --model DIR --normalize --text "a first text" --text "a second text"
            """)

    @OptionGroup var model: ModelArguments

    @Option(parsing: .singleValue, help: ArgumentHelp("A text. There may be several.", valueName: "text"))
    var text: [String] = []

    @Option(help: ArgumentHelp("A file with a text in each line; - for standard input.", valueName: "file"))
    var input: String?

    @Option(
        help:
            "What a text's vector is: the mean of its tokens' hidden states (the default), or those of the last token.")
    var pooling: EmbeddingPooling = .mean

    @Flag(help: "Divide each vector by its length, so that products of two are cosines.")
    var normalize = false

    @OptionGroup(title: "Self-Extend") var attention: AttentionOptions
    @OptionGroup var precision: PrecisionArguments
    @OptionGroup var threads: ThreadArguments

    func run() throws {
        let texts = try readTexts()
        try Interruption.cancelling { try embed(texts) }
    }

    private func readTexts() throws -> [String] {
        guard (input == nil) != text.isEmpty else { throw ValidationError("give either --text or --input") }
        guard let input else { return text }
        let lines = try readText(input == "-" ? nil : input).split(
            separator: "\n", omittingEmptySubsequences: false)
        // The last line ends with a line break.
        return (lines.last == "" ? lines.dropLast() : lines).map(String.init)
    }

    private func embed(_ texts: [String]) throws {
        let configuration = try model.location.configuration()
        try attention.check(configuration)
        let tokenizer = try model.location.tokenizer()
        let encoded = try texts.enumerated().map { index, text in
            let tokens = tokenizer.encode(text)
            guard !tokens.isEmpty else { throw CommandError.invalidInput("text \(index + 1) is empty") }
            return tokens
        }
        guard let longest = encoded.map(\.count).max() else {
            throw CommandError.invalidInput("there is no text to embed")
        }
        let extent = try attention.sessionExtent(promptLength: longest, additional: 0, configuration: configuration)
        let session = try Session(
            model: try loadModel(model.directory, precision, threads),
            options: precision.sessionOptions(extent.attention, capacity: extent.length, threads))
        let bar = ProgressBar("embed")
        defer { bar.finish() }
        for (index, tokens) in encoded.enumerated() {
            try session.truncate(to: 0)
            let vector = try session.embedding(of: tokens, pooling: pooling, isNormalized: normalize)
            try Terminal.write(jsonLine: Line(tokenCount: tokens.count, embedding: vector))
            bar.update(Double(index + 1) / Double(encoded.count))
        }
    }

    /// What is printed for a text.
    private struct Line: Encodable {
        let tokenCount: Int
        let embedding: [Float]
    }
}

extension EmbeddingPooling: ExpressibleByArgument {}
