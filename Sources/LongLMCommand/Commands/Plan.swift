import ArgumentParser
import Foundation
import LongLM
import LongLMEvaluation

/// `longlm plan`
struct Plan: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Recommend G and W for a length, and estimate memory and time.",
        discussion: """
            G and W follow the rule that LongLM's authors found by experiment, (1/2 to 2/3) · L > W + (N − W)/G for N \
            tokens and a model trained for L. For a model whose files ask for Dual Chunk Attention, that is recommended \
            instead. The other commands make the same choice with --self-extend auto. --attention plans for another method.

            Memory is computed from the headers of the checkpoint. Then the model is loaded, a short prefill is \
            measured, and the time for the whole length is estimated from it. If the machine does fewer operations a second in \
            the --precision that was asked for than in exact float32, the plan says so. A length is refused with exit status 1 \
            when no settings reach it, or when it needs more memory than the machine or the container has available.

            --choices lists what would fit with weights, keys and values stored otherwise, and, with --precision float32 \
            and int8, how long a prefill would take with each format of weights. For that the model is loaded several \
            times.

            With --trained-context instead of --model, the command shows only G and W. With both, it takes that for L.
            """)

    @Option(name: .customLong("model"), help: ArgumentHelp("The model's directory, or a GGUF file.", valueName: "path"))
    var modelDirectory: String?

    @Option(
        help: ArgumentHelp(
            "L, the longest texts of the model's training, in tokens; by default, what the model's files say.",
            valueName: "n"))
    var trainedContext: Int?

    @Option(help: ArgumentHelp("N, the tokens of prompt and continuation together.", valueName: "n"))
    var length: Int

    @Option(
        help: ArgumentHelp(
            "Plan for this method instead of the recommended one, in the form that longlm generate takes; needs --model.",
            valueName: "method"),
        transform: AttentionOptions.choice)
    var attention: AttentionChoice = .automatic

    @OptionGroup var precision: PrecisionArguments
    @OptionGroup var threads: ThreadArguments

    @Flag(
        name: .customLong("no-measurement"),
        help: "Don't load the model, and don't estimate the time.")
    var skipsMeasurement = false

    @Flag(help: "Also list other formats of weights, keys and values: their memory, length and time.")
    var choices = false

    @Flag(help: "Print one JSON object instead of the table.")
    var json = false

    func validate() throws {
        if modelDirectory == nil, trainedContext == nil { throw ValidationError("give --model or --trained-context") }
        if modelDirectory == nil, attention != .automatic { throw ValidationError("--attention needs --model") }
        if modelDirectory == nil,
            precision.isStated || threads.threads != nil || skipsMeasurement || choices
        {
            throw ValidationError(
                "--precision, --weights, --cache, --threads, --choices and --no-measurement need --model")
        }
        if let trainedContext { try checkTrainedContext(trainedContext) }
        if !(1...(1 << 24)).contains(length) {
            throw ValidationError("--length is \(length); it must be between 1 and \(1 << 24)")
        }
    }

    func run() throws {
        try Interruption.cancelling { try plan() }
    }

    private func plan() throws {
        let configuration = try modelDirectory.map { try ModelLocation(ofModel: $0).configuration() }
        let (mode, trainedContext, planned) = try chosen(configuration)
        var report = planned
        report.slidingWindow = configuration?.slidingWindow
        if let modelDirectory {
            let memory = try memory(modelDirectory, mode)
            report.memory = memory
            if choices {
                report.choices = try PlanChoice.all(
                    directory: modelDirectory, length: length, attention: mode,
                    trainedContext: trainedContext, availableByteCount: memory.availableBytes
                ).map { PlanChoiceRow($0) }
            }
            let fits = memory.totalBytes <= memory.availableBytes
            if fits, !skipsMeasurement { report.prefill = try estimate(modelDirectory, mode) }
            if choices, !skipsMeasurement { report.prefills = try estimates(modelDirectory, mode, memory) }
            if !fits {
                if choices { try write(report, mode) }
                throw CommandError.invalidInput(
                    "\(length.grouped) tokens need \(memory.totalBytes.formattedBytes) of memory (\(memory.parts)), and "
                        + "this machine has \(memory.availableBytes.formattedBytes) available"
                        + (choices ? "" : "; --choices lists what would fit"))
            }
        }
        try write(report, mode)
    }

    /// The mode that is planned for, L, and the report without memory and time.
    private func chosen(
        _ configuration: ModelConfiguration?
    ) throws -> (mode: AttentionMode, trainedContext: Int, report: PlanReport) {
        let context = trainedContext ?? configuration?.trainedContext ?? 0
        if let configuration {
            let mode = try attention.mode(length: length, for: configuration, trainedContext: context)
            try mode.validate(for: configuration)
            let reach = mode.capacity(contextLength: configuration.contextLength)
            guard length <= reach || attention == .automatic else {
                throw CommandError.invalidInput(
                    "--length is \(length), but with \(mode.words) the model's positions reach to \(reach)")
            }
            // What the rule of Self-Extend doesn't explain.
            let isPlanned = mode == (try? SelfExtendPlan(length: length, trainedContext: context).attention)
            if attention != .automatic || !isPlanned {
                return (
                    mode, context,
                    PlanReport(
                        mode, length: length, trainedContext: context, contextLength: configuration.contextLength)
                )
            }
        }
        let plan = try SelfExtendPlan(length: length, trainedContext: context)
        return (plan.attention, context, PlanReport(plan))
    }

    private func write(_ report: PlanReport, _ mode: AttentionMode) throws {
        try json ? Terminal.write(json: report) : Terminal.write(report.text(mode))
    }

    /// The memory that the length needs.
    private func memory(_ directory: String, _ mode: AttentionMode) throws -> PlanReport.Memory {
        PlanReport.Memory(
            try MemoryNeed(
                directory: directory, length: length, attention: mode, precision: precision.precision,
                weightFormat: precision.weights?.format, cacheFormat: precision.cache))
    }

    private func estimate(_ directory: String, _ mode: AttentionMode) throws -> PlanReport.Prefill {
        try estimate(try loadModel(directory, precision, threads), mode, precision.cache)
    }

    private func estimate(
        _ model: LanguageModel, _ mode: AttentionMode, _ cache: CacheFormat?
    ) throws -> PlanReport.Prefill {
        let bar = ProgressBar("measure")
        defer { bar.finish() }
        let setting = try KernelSetting(threadCount: threads.threads)
        let estimate = try PrefillEstimate(
            measuring: model, length: length, attention: mode, threadCount: setting.threadCount,
            cacheFormat: cache
        ) { bar.update($0) }
        var prefill = PlanReport.Prefill(estimate, model: model, threadCount: setting.threadCount)
        if model.precision != .float32 {
            let ratio = BenchmarkRunner(setting).operationRatio(of: model.precision)
            if ratio < 1 { prefill.operationsOverFloat32 = ratio }
        }
        return prefill
    }

    /// A prefill with every format of weights whose memory is there, in exact arithmetic, and in int8 where that multiplies
    /// integers.
    private func estimates(
        _ directory: String, _ mode: AttentionMode, _ memory: PlanReport.Memory
    ) throws -> [PlanPrefillRow] {
        var rows: [PlanPrefillRow] = []
        for weights in [nil, .int8, .int4] as [WeightStorageArgument?] {
            for (precision, cache) in [(Precision.float32, CacheFormat.float32), (.int8, .int8)] {
                let options = LoadOptions(
                    precision: precision, threadCount: threads.threads, weightFormat: weights?.format)
                let need = try MemoryNeed(
                    directory: directory, length: length, attention: mode, precision: precision,
                    weightFormat: weights?.format, cacheFormat: cache)
                guard need.totalByteCount <= memory.availableBytes else { continue }
                if precision == .int8, weights == nil, try !hasIntegerCodes(directory) { continue }
                let prefill = try estimate(try loadModel(directory, options), mode, cache)
                rows.append(PlanPrefillRow(weights: weights, cache: cache, prefill))
            }
        }
        return rows
    }

    /// Whether int8 arithmetic multiplies any of the weights as they are stored.
    private func hasIntegerCodes(_ directory: String) throws -> Bool {
        try ModelCheckpoint(path: directory).weightPlan().entries.contains { $0.format.hasIntegerCodes }
    }
}
