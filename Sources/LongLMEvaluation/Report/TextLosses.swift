import Foundation

/// How well methods predict a text, by position.
public struct TextLosses: Sendable, Encodable, Equatable {
    /// The losses of one method.
    public struct Method: Sendable, Encodable, Equatable {
        /// The method that was asked for.
        public let method: String
        /// The mode that ran, as `AttentionMode.text` has it; nil: it has read no window.
        public let mode: String?
        /// The mean of −ln p, where p is a token's probability; nil: nothing is measured.
        public let loss: Double?
        /// The loss's exponential.
        public let perplexity: Double?
        /// The losses by position.
        public let buckets: [Bucket]
    }

    /// The loss at a range of positions.
    public struct Bucket: Sendable, Encodable, Equatable {
        /// The first position of the range, from 0.
        public let first: Int
        /// The last position of the range.
        public let last: Int
        /// The number of tokens that were predicted.
        public let count: Int
        /// The mean of −ln p over them; nil: there are none.
        public let loss: Double?
    }

    /// The text's file name.
    public let text: String
    /// SHA-256 of the text's bytes.
    public let textHash: String
    /// The tokens of a window.
    public let length: Int
    /// The number of windows that all methods have read.
    public let windowCount: Int
    /// The number of windows that they should read.
    public let windowLimit: Int
    /// The methods.
    public let methods: [Method]

    init(_ log: LossLog) {
        let header = log.header
        text = header.text
        textHash = header.textHash
        length = header.length
        windowLimit = header.windows
        // Windows that only some methods have read would compare different texts.
        let readers = Dictionary(grouping: log.rows, by: \.window)
        let windows = Set(readers.filter { Set($0.value.map(\.setting)).count == Set(header.settings).count }.keys)
        windowCount = windows.count
        methods = header.settings.map { setting in
            let own = log.rows.filter { $0.setting == setting }
            return Method(own.filter { windows.contains($0.window) }, mode: own.first?.mode, setting, header)
        }
    }
}

extension TextLosses.Method {
    fileprivate init(_ rows: [LossRow], mode: String?, _ setting: String, _ header: LossHeader) {
        method = setting
        self.mode = mode
        var (sum, total) = (0.0, 0)
        var buckets: [TextLosses.Bucket] = []
        for index in rows.first?.counts.indices ?? 0..<0 {
            let count = rows.reduce(0) { $0 + $1.counts[index] }
            let losses = rows.reduce(0) { $0 + $1.losses[index] * Double($1.counts[index]) }
            let width = min(header.bucket, header.length)
            buckets.append(
                TextLosses.Bucket(
                    first: index * width, last: min((index + 1) * width, header.length) - 1, count: count,
                    loss: count > 0 ? losses / Double(count) : nil))
            sum += losses
            total += count
        }
        self.buckets = buckets
        loss = total > 0 ? sum / Double(total) : nil
        perplexity = loss.map { exp($0) }
    }
}
