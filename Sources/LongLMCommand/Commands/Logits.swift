import ArgumentParser
import LongLM
import LongLMEvaluation

/// `longlm logits`
struct Logits: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a prompt's logits to a file and print their SHA-256.",
        discussion: """
            The hash is that of the logits as little-endian 32-bit floats, row by row. It is the same for any number \
            of threads, any --chunk, and on AVX2, AVX-512 and NEON, so that a test can pin it.

            The file is a safetensors file with input_ids [n] and logits [rows, vocabulary]: the form of a reference \
            case of longlm verify.
            """)

    @OptionGroup var model: ModelArguments
    @OptionGroup var prompt: PromptArguments

    @Option(help: ArgumentHelp("How many tokens to process at once; by default all.", valueName: "n"))
    var chunk: Int?

    @Option(help: ArgumentHelp("Only the last rows, this many; by default all.", valueName: "n"))
    var rows: Int?

    @Option(
        help: ArgumentHelp("The safetensors file to write; by default only the hash is printed.", valueName: "file"))
    var out: String?

    @OptionGroup(title: "Self-Extend") var selfExtend: SelfExtendArguments
    @OptionGroup var threads: ThreadArguments

    @Flag(help: "Print one JSON object with the hash, its shape and the instruction set instead of the hash.")
    var json = false

    func validate() throws {
        if let chunk, chunk < 1 { throw ValidationError("--chunk is \(chunk); it must be at least 1") }
        if let rows, rows < 1 { throw ValidationError("--rows is \(rows); it must be at least 1") }
    }

    func run() async throws {
        let text = try prompt.read()
        try await Interruption.cancelling { try compute(text) }
    }

    private func compute(_ text: String) throws {
        let configuration = try ModelConfiguration(contentsOfFile: model.directory + "/config.json")
        let tokens = try Tokenizer(contentsOfFile: model.directory + "/tokenizer.json").encode(text)
        guard !tokens.isEmpty else { throw CommandError.invalidInput("the prompt is empty") }
        let length = try selfExtend.sessionLength(
            promptLength: tokens.count, additional: 0, configuration: configuration)
        let session = try Session(
            model: try loadModel(model.directory),
            options: SessionOptions(
                selfExtend: selfExtend.selfExtend, threadCount: threads.threads, maximumLength: length))

        let logits = try logits(session, tokens)
        let shape = [logits.count / configuration.vocabularySize, configuration.vocabularySize]
        if let out {
            var writer = SafetensorsWriter()
            try writer.add(
                "input_ids", dtype: .int64, shape: [tokens.count],
                bytes: tokens.flatMap { token in withUnsafeBytes(of: Int64(token).littleEndian, Array.init) })
            try writer.add("logits", shape: shape, floats: logits)
            try writer.write(to: out)
        }
        let hash = LogitHash.sha256(logits)
        if json {
            try Terminal.write(
                json: Summary(sha256: hash, shape: shape, instructionSet: session.model.instructionSet.rawValue))
        } else {
            try Terminal.write(hash + "\n")
        }
    }

    private func logits(_ session: Session, _ tokens: [Int]) throws -> [Float] {
        let bar = ProgressBar("logits")
        defer { bar.finish() }
        let firstRow = max(0, tokens.count - (rows ?? tokens.count))
        let step = chunk ?? tokens.count
        var logits: [Float] = []
        var position = 0
        while position < tokens.count {
            let isWanted = position >= firstRow
            let end = min(position + step, isWanted ? tokens.count : firstRow)
            let part = Array(tokens[position..<end])
            let start = position
            let progress = { (done: Int) in bar.update(Double(start + done) / Double(tokens.count)) }
            if isWanted {
                logits += try session.prefillAllLogits(part, progress: progress)
            } else {
                try session.prefill(part, progress: progress)
            }
            position = end
        }
        return logits
    }
}

/// What `logits --json` prints.
private struct Summary: Encodable {
    let sha256: String
    let shape: [Int]
    let instructionSet: String
}
