import Foundation
import LongLM
import LongLMEvaluation

/// What `plan --json` prints.
struct PlanReport: Encodable {
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
        /// How many operations a second the machine does in this precision over those in float32, if they are fewer.
        var operationsOverFloat32: Double?

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
    /// `self-extend` or `plain`, or the text of the method that was asked for.
    let attention: String
    /// 1 in the plain mode. Only Self-Extend has one otherwise.
    let groupSize: Int?
    /// Absent in modes without one.
    let neighborWindow: Int?
    /// Absent in modes other than the recommended ones, as is `contextShare`.
    let largestRelativePosition: Double?
    /// `1/2` or `2/3`: the share of the trained context that the largest relative position stays below.
    let contextShare: String?
    let capacity: Int
    /// The sliding window that Self-Extend switches off; absent where the model has none.
    var slidingWindow: Int?
    /// Absent without a model.
    var memory: Memory?
    /// Absent without a measurement.
    var prefill: Prefill?
    /// What else fits; absent unless it was asked for.
    var choices: [PlanChoiceRow]?
    /// How long prefills take otherwise; absent without a measurement.
    var prefills: [PlanPrefillRow]?

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

    /// The report of a mode that was asked for.
    init(_ mode: AttentionMode, length: Int, trainedContext: Int, contextLength: Int) {
        self.length = length
        self.trainedContext = trainedContext
        switch mode {
        case .plain: (attention, groupSize) = ("plain", 1)
        case .selfExtend(let settings): (attention, groupSize) = ("self-extend", settings.groupSize)
        default: (attention, groupSize) = (mode.text, nil)
        }
        neighborWindow = mode.neighborWindow
        largestRelativePosition = nil
        contextShare = nil
        capacity = min(mode.capacity(contextLength: contextLength), 1 << 24)
    }

    func text(_ mode: AttentionMode) -> String {
        var lines = ["mode       \(mode.words)"]
        if let contextShare, let largestRelativePosition {
            let position = String(format: "%.1f", largestRelativePosition)
            lines.append(
                "why        the smallest G for which W + (N − W)/G, here \(position), is less than \(contextShare) of the "
                    + "\(trainedContext.grouped) trained positions")
        } else if mode == .plain, length <= trainedContext {
            lines.append(
                "why        \(length.grouped) tokens fit the \(trainedContext.grouped) that the model was trained for")
        }
        lines.append("capacity   \(capacity.grouped) tokens")
        if let slidingWindow {
            let effect = mode.keepsSlidingWindow ? "as in training" : "which \(mode.title) switches off"
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
            if let ratio = prefill.operationsOverFloat32, let precision = Precision(rawValue: prefill.precision) {
                lines.append("slower     " + precision.slownessText(ratio: ratio))
            }
        }
        if let choices { lines += ["", PlanChoiceRow.table(choices)] }
        if let prefills { lines += ["", PlanPrefillRow.table(prefills)] }
        return lines.joined(separator: "\n") + "\n"
    }
}

/// What fits with one way to store weights, keys and values.
struct PlanChoiceRow: Encodable {
    /// `as stored`, `int8` or `int4`, as `--weights` names them.
    let weights: String
    let cache: String
    let weightBytes: Int
    let cacheBytes: Int
    let neighborRingBytes: Int
    let totalBytes: Int
    /// The most tokens for which there is memory.
    let longestLength: Int

    init(_ choice: PlanChoice) {
        weights = WeightStorageArgument.name(choice.weightFormat)
        cache = choice.cacheFormat.rawValue
        weightBytes = choice.need.weightByteCount
        cacheBytes = choice.need.cacheByteCount
        neighborRingBytes = choice.need.neighborRingByteCount
        totalBytes = choice.need.totalByteCount
        longestLength = choice.longestLength
    }

    static func table(_ rows: [PlanChoiceRow]) -> String {
        planTable(
            [["--weights", "--cache", "memory", "longest text that fits"]]
                + rows.map {
                    [$0.weights, $0.cache, $0.totalBytes.formattedBytes, "\($0.longestLength.grouped) tokens"]
                }, numberCount: 2)
    }
}

/// How long a prefill takes with one arithmetic and format of weights.
struct PlanPrefillRow: Encodable {
    let weights: String
    let cache: String
    let prefill: PlanReport.Prefill

    init(weights: WeightStorageArgument?, cache: CacheFormat, _ prefill: PlanReport.Prefill) {
        self.weights = WeightStorageArgument.name(weights?.format)
        self.cache = cache.rawValue
        self.prefill = prefill
    }

    static func table(_ rows: [PlanPrefillRow]) -> String {
        planTable(
            [["--precision", "--weights", "--cache", "prefill, about"]]
                + rows.map {
                    [
                        $0.prefill.precision, $0.weights, $0.cache,
                        String(format: "%.1f s", $0.prefill.estimatedSeconds),
                    ]
                }, numberCount: 1)
    }
}

extension WeightStorageArgument {
    /// What `--weights` would say.
    fileprivate static func name(_ format: WeightFormat?) -> String {
        format.flatMap { format in allCases.first { $0.format == format }?.rawValue } ?? "as stored"
    }
}

/// Columns of words, and then some of numbers.
private func planTable(_ rows: [[String]], numberCount: Int) -> String {
    let columns = rows.first?.indices ?? 0..<0
    let widths = columns.map { column in rows.map(\.[column].count).max() ?? 0 }
    return rows.map { row in
        columns.map {
            columns.suffix(numberCount).contains($0)
                ? row[$0].aligned(right: widths[$0]) : row[$0].aligned(left: widths[$0])
        }.joined(separator: "  ")
    }.joined(separator: "\n")
}
