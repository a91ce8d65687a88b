import ArgumentParser
import Foundation
import LongLM
import LongLMEvaluation

/// `longlm logits`
struct Logits: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a prompt's logits to a file and print their SHA-256.",
        discussion: """
            The logits are hashed as little-endian 32-bit floats, row by row. The hash is the same for any number of \
            threads and any --chunk, and on AVX2 and AVX-512, so that a test can pin it. --precision bfloat16 gives \
            another hash, which is also the same for all threads and chunks.

            --out writes a safetensors file with input_ids [n] and logits [rows, vocabulary], as longlm verify reads it.
            """)

    @OptionGroup var model: ModelArguments
    @OptionGroup var prompt: PromptArguments

    @Option(help: ArgumentHelp("Process this many tokens at a time; by default, all at once.", valueName: "n"))
    var chunk: Int?

    @Option(help: ArgumentHelp("Take only the last n rows; by default, all.", valueName: "n"))
    var rows: Int?

    @Option(
        help: ArgumentHelp("The safetensors file to write; by default only the hash is printed.", valueName: "file"))
    var out: String?

    @OptionGroup(title: "Self-Extend") var attention: AttentionOptions
    @OptionGroup var precision: PrecisionArguments
    @OptionGroup var threads: ThreadArguments

    @Flag(help: "Print one JSON object with the hash, the shape and the instruction set instead of the hash.")
    var json = false

    func validate() throws {
        if let chunk, chunk < 1 { throw ValidationError("--chunk is \(chunk); it must be at least 1") }
        if let rows, rows < 1 { throw ValidationError("--rows is \(rows); it must be at least 1") }
    }

    func run() throws {
        let text = try prompt.read()
        try Interruption.cancelling { try compute(text) }
    }

    private func compute(_ text: String) throws {
        try checkOutput(out)
        let configuration = try model.location.configuration()
        try attention.check(configuration)
        let tokens = try model.location.tokenizer().encode(text)
        guard !tokens.isEmpty else { throw CommandError.invalidInput("the prompt is empty") }
        if let rows, rows > tokens.count {
            throw CommandError.invalidInput("--rows is \(rows), but the prompt has \(tokens.count) tokens")
        }
        let extent = try attention.sessionExtent(
            promptLength: tokens.count, additional: 0, configuration: configuration)
        let session = try Session(
            model: try loadModel(model.directory, precision, threads),
            options: precision.sessionOptions(extent.attention, capacity: extent.length, threads))

        let rowCount = rows ?? tokens.count
        let shape = [rowCount, configuration.vocabularySize]
        let stream = try out.map { try openStream(tokens, shape, to: $0) }
        var hash = LogitHash()
        try forEachStep(session, tokens, firstRow: tokens.count - rowCount) { logits in
            hash.add(logits)
            try logits.withUnsafeBytes { try stream?.append($0) }
        }
        try stream?.finish()
        let sha256 = hash.finish()
        if json {
            try Terminal.write(
                json: Summary(sha256: sha256, shape: shape, instructionSet: session.model.instructionSet.rawValue))
        } else {
            try Terminal.write(sha256 + "\n")
        }
    }

    /// The file for the tokens and all logits, with the tokens written.
    private func openStream(_ tokens: [Int], _ shape: [Int], to file: String) throws -> SafetensorsStream {
        let stream = try SafetensorsStream(
            path: file, tensors: [("input_ids", .int64, [tokens.count]), ("logits", .float32, shape)])
        try tokens.map { Int64($0).littleEndian }.withUnsafeBytes { try stream.append($0) }
        return stream
    }

    /// Processes all tokens and calls `body` with the logits from `firstRow` on, some rows at a time.
    private func forEachStep(
        _ session: Session, _ tokens: [Int], firstRow: Int, _ body: ([Float]) throws -> Void
    ) throws {
        let bar = ProgressBar("logits")
        defer { bar.finish() }
        // The session takes no more rows at once, and the number changes no bit.
        let step = min(chunk ?? Session.maximumPassRowCount, Session.maximumPassRowCount)
        var position = 0
        while position < tokens.count {
            let isWanted = position >= firstRow
            let end = min(position + step, isWanted ? tokens.count : firstRow)
            let part = Array(tokens[position..<end])
            if isWanted {
                try body(try session.prefillAllLogits(part))
            } else {
                try session.prefill(part)
            }
            position = end
            bar.update(Double(position) / Double(tokens.count))
        }
    }
}

/// What `logits --json` prints.
private struct Summary: Encodable {
    let sha256: String
    let shape: [Int]
    let instructionSet: String
}
