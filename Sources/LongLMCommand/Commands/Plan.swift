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
            tokens and a model trained for L. The other commands make the same choice with --self-extend auto.

            Memory is computed from the headers of the checkpoint. Then the model is loaded, a short prefill is \
            measured, and the time for the whole length is estimated from it. A length is refused with exit status 1 \
            when no G reaches it, or when it needs more memory than the machine or the container has available.

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
        let plan = try SelfExtendPlan(
            length: length, trainedContext: trainedContext ?? configuration?.trainedContext ?? 0)
        var report = PlanReport(plan)
        report.slidingWindow = configuration?.slidingWindow
        if let modelDirectory {
            let memory = try memory(modelDirectory, plan)
            report.memory = memory
            if choices {
                report.choices = try PlanChoice.all(
                    directory: modelDirectory, length: length, attention: plan.attention,
                    trainedContext: plan.trainedContext, availableByteCount: memory.availableBytes
                ).map { PlanChoiceRow($0) }
            }
            let fits = memory.totalBytes <= memory.availableBytes
            if fits, !skipsMeasurement { report.prefill = try estimate(modelDirectory, plan) }
            if choices, !skipsMeasurement { report.prefills = try estimates(modelDirectory, plan, memory) }
            if !fits {
                if choices { try write(report, plan) }
                throw CommandError.invalidInput(
                    "\(length.grouped) tokens need \(memory.totalBytes.formattedBytes) of memory (\(memory.parts)), and "
                        + "this machine has \(memory.availableBytes.formattedBytes) available"
                        + (choices ? "" : "; --choices lists what would fit"))
            }
        }
        try write(report, plan)
    }

    private func write(_ report: PlanReport, _ plan: SelfExtendPlan) throws {
        try json ? Terminal.write(json: report) : Terminal.write(report.text(plan))
    }

    /// The memory that the length needs.
    private func memory(_ directory: String, _ plan: SelfExtendPlan) throws -> PlanReport.Memory {
        PlanReport.Memory(
            try MemoryNeed(
                directory: directory, length: length, attention: plan.attention, precision: precision.precision,
                weightFormat: precision.weights?.format, cacheFormat: precision.cache))
    }

    private func estimate(_ directory: String, _ plan: SelfExtendPlan) throws -> PlanReport.Prefill {
        try estimate(try loadModel(directory, precision, threads), plan, precision.cache)
    }

    private func estimate(
        _ model: LanguageModel, _ plan: SelfExtendPlan, _ cache: CacheFormat?
    ) throws -> PlanReport.Prefill {
        let bar = ProgressBar("measure")
        defer { bar.finish() }
        let setting = try KernelSetting(threadCount: threads.threads)
        let estimate = try PrefillEstimate(
            measuring: model, length: length, attention: plan.attention, threadCount: setting.threadCount,
            cacheFormat: cache
        ) { bar.update($0) }
        return PlanReport.Prefill(estimate, model: model, threadCount: setting.threadCount)
    }

    /// A prefill with every format of weights whose memory is there, in exact arithmetic, and in int8 where that multiplies
    /// integers.
    private func estimates(
        _ directory: String, _ plan: SelfExtendPlan, _ memory: PlanReport.Memory
    ) throws -> [PlanPrefillRow] {
        var rows: [PlanPrefillRow] = []
        for weights in [nil, .int8, .int4] as [WeightStorageArgument?] {
            for (precision, cache) in [(Precision.float32, CacheFormat.float32), (.int8, .int8)] {
                let options = LoadOptions(
                    precision: precision, threadCount: threads.threads, weightFormat: weights?.format)
                let need = try MemoryNeed(
                    directory: directory, length: length, attention: plan.attention, precision: precision,
                    weightFormat: weights?.format, cacheFormat: cache)
                guard need.totalByteCount <= memory.availableBytes else { continue }
                if precision == .int8, weights == nil, try !hasIntegerCodes(directory) { continue }
                let prefill = try estimate(try loadModel(directory, options), plan, cache)
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
