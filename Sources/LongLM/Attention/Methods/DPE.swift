/// DPE: Self-Extend with a group size for each block of rotary frequencies (Lu et al., 2025: arXiv 2504.18857).
///
/// The pairs of a head's components are divided into B blocks of equal size, from the highest frequencies to the lowest. A
/// key fewer than W positions back is scored at its true distance. A farther key is scored, in block b, between the positions
/// ⌊i/G_b⌋ + W − ⌊W/G_b⌋ and ⌊j/G_b⌋. Far keys and the last W keys are kept as two copies, as for Self-Extend.
public struct DPE: Sendable, Equatable {
    /// G_b: one for each block. Their number divides that of the rotary pairs of a head.
    public var groupSizes: [Int]
    /// W: how many of the last keys, including the query's own, keep their true positions. At least 1.
    public var neighborWindow: Int

    /// DPE with a group size for each block, and a window.
    public init(groupSizes: [Int], neighborWindow: Int) {
        self.groupSizes = groupSizes
        self.neighborWindow = neighborWindow
    }

    /// The authors' settings for Llama-3-8B-Instruct (8,192 tokens) at 128k.
    public static let llama3 = DPE(groupSizes: [2, 8, 2, 8, 32, 32, 32, 4], neighborWindow: 1_024)
    /// The authors' settings for Mistral-7B-Instruct-v0.2 at 128k.
    public static let mistral = DPE(groupSizes: [4, 16, 2, 16, 32, 16, 16, 2], neighborWindow: 1_024)
    /// The authors' settings for Llama-3.1-8B-Instruct at 128k.
    public static let llama31 = DPE(groupSizes: [2, 32, 32, 2, 2, 2, 2, 1], neighborWindow: 1_024)
    /// The authors' settings for Qwen2.5-7B at 128k.
    public static let qwen25 = DPE(groupSizes: [2, 16, 8, 8, 32, 8, 2, 4], neighborWindow: 1_024)

    /// The authors' settings, by their names in texts.
    static let published: [(name: String, settings: DPE)] = [
        ("llama-3-8b", .llama3), ("mistral-7b-v0.2", .mistral), ("llama-3.1-8b", .llama31), ("qwen2.5-7b", .qwen25),
    ]
}

extension DPE: NeighborMethod {
    package var pairBlockCount: Int { groupSizes.count }

    package func farQueryPosition(_ position: Int, pairBlock: Int) -> Float {
        let groupSize = groupSizes[pairBlock]
        return Float(position / groupSize + neighborWindow - neighborWindow / groupSize)
    }

    package func keyPosition(_ position: Int, pairBlock: Int) -> Float { Float(position / groupSizes[pairBlock]) }

    /// (L − W) · G + W for the greatest G. In such a text, distances go beyond L in blocks with a smaller G. The method
    /// intends that: the pairs of these blocks have turned through all angles in the training.
    package func capacity(contextLength: Int) -> Int {
        SelfExtend(groupSize: groupSizes.max() ?? 1, neighborWindow: neighborWindow)
            .capacity(contextLength: contextLength)
    }

    package func validate(contextLength: Int) throws(AttentionError) {
        guard !groupSizes.isEmpty else {
            throw .invalidOption(InvalidOption("number of group sizes", 0, allowed: "at least 1"))
        }
        for groupSize in groupSizes {
            try SelfExtend(groupSize: groupSize, neighborWindow: neighborWindow).validate(contextLength: contextLength)
        }
    }

    package func validate(for model: ModelConfiguration) throws(AttentionError) {
        try validate(contextLength: model.contextLength)
        let pairCount = model.rotary.dimension / 2
        guard pairCount.isMultiple(of: groupSizes.count) else {
            throw .invalidOption(
                InvalidOption(
                    "number of group sizes", groupSizes.count,
                    allowed: "a divisor of the \(pairCount) rotary pairs of the model's heads"))
        }
    }
}

extension DPE: NamedMethod {
    package static var name: String { "dpe" }
    package static var title: String { "DPE" }
    package static var form: String {
        "dpe:G1,…,GB:W, such as dpe:2,8,2,8:1024, or dpe: and one of " + published.map(\.name).joined(separator: ", ")
    }
    package var mode: AttentionMode { .dpe(self) }
    package var settings: String { groupSizes.map(String.init).joined(separator: ",") + ":\(neighborWindow)" }

    package init?(_ settings: inout SettingsReader) {
        if let published = settings.value(named: Self.published.map { ($0.name, $0.settings) }) {
            self = published
            return
        }
        guard let groupSizes = settings.integers(), let window = settings.integer() else { return nil }
        self.init(groupSizes: groupSizes, neighborWindow: window)
    }

    /// The authors' settings for Llama-3-8B-Instruct, which are for 16 times its context of 8,192, scaled to N/L. DPE
    /// measures group sizes for each model, so these are no more than a start.
    package static func recommended(length: Int, trainedContext: Int) -> DPE {
        let published = DPE.llama3
        return DPE(
            groupSizes: published.groupSizes.map { groupSize in
                (groupSize * length + 16 * trainedContext - 1) / (16 * trainedContext)
            }, neighborWindow: max(1, trainedContext / 8))
    }
}
