import Foundation
import LongLM

/// How far a model is from its reference at a range of positions.
public struct ComparisonBucket: Sendable, Encodable, Equatable {
    /// The first position of the range, from 0.
    public let first: Int
    /// The last position of the range.
    public let last: Int
    /// The number of tokens that were predicted.
    public private(set) var count = 0
    /// The number of tokens before which the most probable one wasn't the reference's.
    public private(set) var changedTopCount = 0
    private(set) var sums = Sums()

    /// Sums over tokens.
    struct Sums: Sendable, Equatable {
        var loss = 0.0
        var referenceLoss = 0.0
        var divergence = 0.0
    }

    /// The mean of the model's −ln p; 0 without tokens.
    public var loss: Double { mean(sums.loss) }
    /// The mean of the reference's −ln p; 0 without tokens.
    public var referenceLoss: Double { mean(sums.referenceLoss) }
    /// The mean of KL(reference ‖ model), in nats; 0 without tokens.
    public var divergence: Double { mean(sums.divergence) }
    /// The share of tokens before which the most probable one wasn't the reference's, from 0 to 1.
    public var changedTopShare: Double { mean(Double(changedTopCount)) }

    init(first: Int, last: Int) {
        self.first = first
        self.last = last
    }

    private func mean(_ sum: Double) -> Double { count > 0 ? sum / Double(count) : 0 }

    mutating func add(_ difference: PredictionDifference) {
        count += 1
        changedTopCount += difference.changesTop ? 1 : 0
        sums.loss += difference.loss
        sums.referenceLoss += difference.referenceLoss
        sums.divergence += difference.divergence
    }

    enum CodingKeys: CodingKey { case first, last, count, loss, referenceLoss, divergence, changedTopShare }

    /// Writes `first`, `last`, `count`, `loss`, `referenceLoss`, `divergence` and `changedTopShare`.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(first, forKey: .first)
        try container.encode(last, forKey: .last)
        try container.encode(count, forKey: .count)
        try container.encode(loss, forKey: .loss)
        try container.encode(referenceLoss, forKey: .referenceLoss)
        try container.encode(divergence, forKey: .divergence)
        try container.encode(changedTopShare, forKey: .changedTopShare)
    }
}

/// How far a model is from its reference with one attention setting.
public struct ComparisonRow: Sendable, Encodable, Equatable {
    /// The setting that was asked for, as ``AttentionSetting/name`` has it.
    public let setting: String
    /// The mode that ran: `plain`, `selfExtend`, or the text of another, such as `string:2730:128`.
    public let mode: String
    /// G; nil: the mode isn't Self-Extend.
    public let groupSize: Int?
    /// W; nil: the mode isn't Self-Extend.
    public let neighborWindow: Int?
    /// The number of windows.
    public let windowCount: Int
    /// The number of tokens that were predicted.
    public let tokenCount: Int
    /// The mean of KL(reference ‖ model), in nats a token.
    public let divergence: Double
    /// The share of tokens before which the most probable one wasn't the reference's, from 0 to 1.
    public let changedTopShare: Double
    /// The exponential of the mean of the model's −ln p.
    public let perplexity: Double
    /// The exponential of the mean of the reference's −ln p.
    public let referencePerplexity: Double
    /// The same by position.
    public let buckets: [ComparisonBucket]
    /// The time for all windows and both models, in seconds.
    public let seconds: Double

    init(
        setting: AttentionSetting, mode: AttentionMode, windowCount: Int, buckets: [ComparisonBucket], seconds: Double
    ) {
        self.setting = setting.name
        self.mode = mode.reportedName
        groupSize = mode.selfExtend?.groupSize
        neighborWindow = mode.selfExtend?.neighborWindow
        self.windowCount = windowCount
        let count = buckets.reduce(0) { $0 + $1.count }
        func mean(_ number: (ComparisonBucket) -> Double) -> Double {
            buckets.reduce(0) { $0 + number($1) } / Double(max(1, count))
        }
        tokenCount = count
        divergence = mean(\.sums.divergence)
        changedTopShare = mean { Double($0.changedTopCount) }
        perplexity = exp(mean(\.sums.loss))
        referencePerplexity = exp(mean(\.sums.referenceLoss))
        self.buckets = buckets
        self.seconds = seconds
    }
}
