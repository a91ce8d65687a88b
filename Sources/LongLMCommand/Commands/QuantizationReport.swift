import Foundation
import LongLM
import LongLMEvaluation

/// What `quantize` prints, with `--json` as it is.
struct QuantizationReport: Encodable {
    /// All tensors of one type.
    struct Format: Encodable {
        let type: String
        let tensors: Int
        let parameters: Int
        let bytes: Int
        /// What the tensors took before.
        let sourceBytes: Int
        /// The root mean square of all errors by that of all numbers.
        let relativeError: Double
        /// The greatest of these quotients of one tensor, and the tensor. Absent where nothing was rounded.
        var worstError: Double?
        var worstTensor: String?
    }

    /// Tensors that got another type than was asked for.
    struct Fallback: Encodable {
        let type: String
        let insteadOf: String
        let tensors: [String]
    }

    /// How the model and the file predict a text.
    struct Comparison: Encodable {
        let file: String
        let length: Int
        let windows: Int
        let tokens: Int
        let perplexityBefore: Double
        let perplexityAfter: Double
        /// The mean of KL(model ‖ file), in nats a token.
        let divergence: Double
        let changedTopShare: Double

        init(_ row: ComparisonRow, file: String, length: Int) {
            self.file = file
            self.length = length
            windows = row.windowCount
            tokens = row.tokenCount
            perplexityBefore = row.referencePerplexity
            perplexityAfter = row.perplexity
            divergence = row.divergence
            changedTopShare = row.changedTopShare
        }
    }

    let model: String
    let file: String
    let target: String
    let formats: [Format]
    let fallbacks: [Fallback]
    /// The types that the weights had.
    let sourceTypes: [String]
    let bytesBefore: Int
    let bytesAfter: Int
    /// The whole file, with its metadata.
    let fileBytes: Int
    let bitsPerWeight: Double
    let seconds: Double
    let peakMemoryBytes: Int
    var comparison: Comparison?

    init(
        model: String, file: String, target: String, outcomes: [TensorOutcome], fileBytes: Int, seconds: Double,
        peakMemoryBytes: Int
    ) {
        self.model = model
        self.file = file
        self.target = target
        self.fileBytes = fileBytes
        self.seconds = seconds
        self.peakMemoryBytes = peakMemoryBytes
        formats = Dictionary(grouping: outcomes, by: \.choice.type).map { Self.format($0.name, $1) }
            .sorted { ($1.bytes, $0.type) < ($0.bytes, $1.type) }
        fallbacks = Dictionary(grouping: outcomes.filter { $0.choice.insteadOf != nil }) {
            [$0.choice.type.name, $0.choice.insteadOf?.name ?? ""]
        }.map { Fallback(type: $0[0], insteadOf: $0[1], tensors: $1.map(\.name)) }
            .sorted { ($0.type, $0.insteadOf) < ($1.type, $1.insteadOf) }
        sourceTypes = Set(outcomes.map(\.sourceType)).sorted()
        bytesBefore = outcomes.reduce(0) { $0 + $1.sourceByteCount }
        bytesAfter = outcomes.reduce(0) { $0 + $1.byteCount }
        bitsPerWeight = 8 * Double(bytesAfter) / Double(max(outcomes.reduce(0) { $0 + $1.elementCount }, 1))
    }

    private static func format(_ type: String, _ outcomes: [TensorOutcome]) -> Format {
        let squares = outcomes.reduce(0) { $0 + $1.squares }
        let errors = outcomes.reduce(0) { $0 + $1.squaredErrors }
        var format = Format(
            type: type, tensors: outcomes.count, parameters: outcomes.reduce(0) { $0 + $1.elementCount },
            bytes: outcomes.reduce(0) { $0 + $1.byteCount },
            sourceBytes: outcomes.reduce(0) { $0 + $1.sourceByteCount },
            relativeError: squares > 0 ? (errors / squares).squareRoot() : 0)
        // A tensor with a number that is none comes first: it's the worst.
        let worst = outcomes.max {
            !$1.relativeError.isNaN ? $0.relativeError < $1.relativeError : !$0.relativeError.isNaN
        }
        if let worst, !(worst.relativeError <= 0) {
            format.worstError = worst.relativeError
            format.worstTensor = worst.name
        }
        return format
    }

    /// The report for people.
    var table: String {
        var rows = [["type", "tensors", "weights", "before", "after", "error", "worst", ""]]
        func percent(_ value: Double?) -> String { value.map { String(format: "%.3f %%", 100 * $0) } ?? "" }
        for format in formats {
            let isExact = format.worstError == nil
            rows.append([
                format.type, format.tensors.grouped, format.parameters.grouped, format.sourceBytes.formattedBytes,
                format.bytes.formattedBytes, isExact ? "none" : percent(format.relativeError),
                percent(format.worstError), format.worstTensor ?? "",
            ])
        }
        let widths = (0..<8).map { column in rows.map(\.[column].count).max() ?? 0 }
        var lines = rows.map { row in
            let cells = row.indices.map {
                $0 == 0 || $0 == 7 ? row[$0].aligned(left: widths[$0]) : row[$0].aligned(right: widths[$0])
            }
            return String(cells.joined(separator: "  ").reversed().drop { $0 == " " }.reversed())
        }
        lines.append("")
        for fallback in fallbacks {
            let (count, first) = (fallback.tensors.count, fallback.tensors.first ?? "")
            lines.append(
                "\(fallback.type) in place of \(fallback.insteadOf), of whose blocks the rows aren't whole ones: \(first)"
                    + (count > 1 ? " and \((count - 1).grouped) more" : ""))
        }
        lines.append(
            "\(file): \(fileBytes.formattedBytes); weights of \(bytesAfter.formattedBytes), before "
                + "\(bytesBefore.formattedBytes) in \(sourceTypes.joined(separator: ", ")), "
                + String(format: "%.2f bits each", bitsPerWeight))
        lines.append(
            String(format: "%.1f s", seconds)
                + ", \(Int(clamping: Double(bytesBefore) / max(seconds, 1e-9)).formattedBytes) a second, peak memory "
                + peakMemoryBytes.formattedBytes)
        if let comparison {
            lines.append(
                String(
                    format:
                        "perplexity %.3f before, %.3f after; KL %.6f nats a token, most probable token changed %.2f %%",
                    comparison.perplexityBefore, comparison.perplexityAfter, comparison.divergence,
                    100 * comparison.changedTopShare))
            lines.append(
                "\(comparison.file): \(comparison.windows.grouped) window\(comparison.windows == 1 ? "" : "s") of "
                    + "\(comparison.length.grouped) tokens")
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
