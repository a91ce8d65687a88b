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

    @Flag(help: "Print one JSON object instead of the table.")
    var json = false

    func validate() throws {
        if modelDirectory == nil, trainedContext == nil { throw ValidationError("give --model or --trained-context") }
        if modelDirectory == nil,
            precision.isStated || threads.threads != nil || skipsMeasurement
        {
            throw ValidationError("--precision, --weights, --cache, --threads and --no-measurement need --model")
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
        var report = Report(plan)
        report.slidingWindow = configuration?.slidingWindow
        if let modelDirectory {
            report.memory = try memory(modelDirectory, plan)
            if !skipsMeasurement { report.prefill = try estimate(modelDirectory, plan) }
        }
        try json ? Terminal.write(json: report) : Terminal.write(report.text(plan))
    }

    /// The memory that the length needs.
    ///
    /// - Throws: `CommandError` when the machine doesn't have it.
    private func memory(_ directory: String, _ plan: SelfExtendPlan) throws -> Report.Memory {
        let memory = Report.Memory(
            try MemoryNeed(
                directory: directory, length: length, attention: plan.attention, precision: precision.precision,
                weightFormat: precision.weights?.format, cacheFormat: precision.cache))
        guard memory.totalBytes <= memory.availableBytes else {
            throw CommandError.invalidInput(
                "\(length.grouped) tokens need \(memory.totalBytes.formattedBytes) of memory (\(memory.parts)), and "
                    + "this machine has \(memory.availableBytes.formattedBytes) available")
        }
        return memory
    }

    private func estimate(_ directory: String, _ plan: SelfExtendPlan) throws -> Report.Prefill {
        let model = try loadModel(directory, precision, threads)
        let bar = ProgressBar("measure")
        defer { bar.finish() }
        let setting = try KernelSetting(threadCount: threads.threads)
        let estimate = try PrefillEstimate(
            measuring: model, length: length, attention: plan.attention, threadCount: setting.threadCount,
            cacheFormat: precision.cache
        ) { bar.update($0) }
        return Report.Prefill(estimate, model: model, threadCount: setting.threadCount)
    }
}

/// What `plan --json` prints.
private struct Report: Encodable {
    struct Memory: Encodable {
        let weightBytes: Int
        let cacheBytes: Int
        let neighborRingBytes: Int
        let totalBytes: Int
        /// The memory of the machine.
        let physicalBytes: Int
        /// The memory that this process can still get, within the limit of its container.
        let availableBytes: Int

        init(_ need: MemoryNeed) {
            weightBytes = need.weightByteCount
            cacheBytes = need.cacheByteCount
            neighborRingBytes = need.neighborRingByteCount
            totalBytes = need.totalByteCount
            physicalBytes = Int(clamping: ProcessInfo.processInfo.physicalMemory)
            availableBytes = MachineMemory().availableByteCount() ?? physicalBytes
        }

        var parts: String {
            "weights \(weightBytes.formattedBytes), KV cache \(cacheBytes.formattedBytes), neighbor ring "
                + neighborRingBytes.formattedBytes
        }
    }

    struct Prefill: Encodable {
        let estimatedSeconds: Double
        let measuredTokenCount: Int
        let measuredSeconds: Double
        let threads: Int
        let instructionSet: String
        let precision: String

        init(_ estimate: PrefillEstimate, model: LanguageModel, threadCount: Int) {
            estimatedSeconds = estimate.seconds
            measuredTokenCount = estimate.measuredTokenCount
            measuredSeconds = estimate.measuredSeconds
            threads = threadCount
            instructionSet = model.instructionSet.rawValue
            precision = model.precision.rawValue
        }
    }

    let length: Int
    let trainedContext: Int
    /// `self-extend` or `plain`.
    let attention: String
    /// 1 in the plain mode.
    let groupSize: Int
    /// Absent in the plain mode, as is `contextShare`.
    let neighborWindow: Int?
    let largestRelativePosition: Double
    /// `1/2` or `2/3`: the share of the trained context that the largest relative position stays below.
    let contextShare: String?
    let capacity: Int
    /// The sliding window that Self-Extend switches off; absent where the model has none.
    var slidingWindow: Int?
    /// Absent without a model.
    var memory: Memory?
    /// Absent without a measurement.
    var prefill: Prefill?

    init(_ plan: SelfExtendPlan) {
        length = plan.length
        trainedContext = plan.trainedContext
        attention = plan.attention == .plain ? "plain" : "self-extend"
        groupSize = plan.selfExtend.groupSize
        neighborWindow = plan.attention.neighborWindow
        largestRelativePosition = plan.largestRelativePosition
        contextShare = plan.contextShare?.rawValue
        capacity = plan.capacity
    }

    func text(_ plan: SelfExtendPlan) -> String {
        var lines = ["mode       \(plan.choice)"]
        if let contextShare {
            let position = String(format: "%.1f", largestRelativePosition)
            lines.append(
                "why        the smallest G for which W + (N − W)/G, here \(position), is less than \(contextShare) of the "
                    + "\(trainedContext.grouped) trained positions")
        } else {
            lines.append(
                "why        \(length.grouped) tokens fit the \(trainedContext.grouped) that the model was trained for")
        }
        lines.append("capacity   \(capacity.grouped) tokens")
        if let slidingWindow {
            let effect = plan.attention == .plain ? "as in training" : "which Self-Extend switches off"
            lines.append("window     the model slides one of \(slidingWindow.grouped) tokens, \(effect)")
        }
        if let memory {
            lines.append(
                "memory     \(memory.totalBytes.formattedBytes) of \(memory.availableBytes.formattedBytes) available: "
                    + "\(memory.parts); activations come on top")
        }
        if let prefill {
            let time = String(
                format: "%.1f s, %.0f tokens/s", prefill.estimatedSeconds, Double(length) / prefill.estimatedSeconds)
            let measured = String(format: "%.2f s", prefill.measuredSeconds)
            lines.append(
                "prefill    about \(time): an estimate by operations, from \(prefill.measuredTokenCount.grouped) tokens "
                    + "in \(measured) on \(prefill.threads.threads) (\(prefill.instructionSet), \(prefill.precision))")
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
