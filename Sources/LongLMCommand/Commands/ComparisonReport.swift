import Foundation
import LongLMEvaluation

/// What `perplexity` prints about a model and its reference, with `--json` as it is.
struct ComparisonReport: Encodable {
    let model: String
    let reference: String
    let file: String
    let contextLength: Int
    let length: Int
    let rows: [ComparisonRow]
    let peakMemoryBytes: Int

    var text: String {
        var text = ""
        for row in rows {
            let header = ["loss", "reference", "KL", "top changed"]
            text += row.setting.aligned(right: 17) + header.map { $0.aligned(right: 13) }.joined() + "\n"
            for bucket in row.buckets {
                text += "\(bucket.first.grouped)–\(bucket.last.grouped)".aligned(right: 17)
                text += line(bucket.loss, bucket.referenceLoss, bucket.divergence, bucket.changedTopShare)
                text += bucket.first >= contextLength ? "   past the trained context\n" : "\n"
            }
            text += "all".aligned(right: 17)
            text +=
                line(
                    log(row.perplexity), log(row.referencePerplexity), row.divergence, row.changedTopShare) + "\n"
            text += "perplexity".aligned(right: 17)
            text += String(format: "%13.3f%13.3f\n\n", row.perplexity, row.referencePerplexity)
        }
        let windows = rows.first?.windowCount ?? 0
        return text + "loss: the mean of −ln p; KL: the mean of KL(reference ‖ model), in nats\n"
            + "\(windows.grouped) window\(windows == 1 ? "" : "s") of \(length.grouped) tokens, peak memory "
            + "\(peakMemoryBytes.formattedBytes)\n"
    }

    private func line(_ loss: Double, _ referenceLoss: Double, _ divergence: Double, _ share: Double) -> String {
        String(format: "%13.4f%13.4f%13.6f%11.2f %%", loss, referenceLoss, divergence, 100 * share)
    }
}
