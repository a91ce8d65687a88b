import SIMDKernels

/// The shapes that tests, benchmarks and `longlm bench` share, so that the kernels that are timed are those that are
/// tested.
public enum KernelShape {
    /// Products of activations [M, K] with weights [N, K].
    public struct Product: Sendable, Hashable {
        /// M.
        public let rowCount: Int
        /// N.
        public let outputCount: Int
        /// K.
        public let inputCount: Int

        /// A product's shape.
        public init(rowCount: Int, outputCount: Int, inputCount: Int) {
            self.rowCount = rowCount
            self.outputCount = outputCount
            self.inputCount = inputCount
        }

        /// Multiplications and additions.
        public var operationCount: Double { 2 * Double(rowCount) * Double(outputCount) * Double(inputCount) }
    }

    /// GEMMs of 512 rows: two of a 7-billion-parameter model's, and SmolLM2-135M's feed-forward block and vocabulary.
    public static let products = [
        Product(rowCount: 512, outputCount: 4096, inputCount: 4096),
        Product(rowCount: 512, outputCount: 11008, inputCount: 4096),
        Product(rowCount: 512, outputCount: 1536, inputCount: 576),
        Product(rowCount: 512, outputCount: 576, inputCount: 1536),
        Product(rowCount: 512, outputCount: 49152, inputCount: 576),
    ]

    /// GEMVs. Their weights are larger than the caches of most machines.
    public static let vectorProducts = [
        Product(rowCount: 1, outputCount: 49152, inputCount: 576),
        Product(rowCount: 1, outputCount: 11008, inputCount: 4096),
        Product(rowCount: 1, outputCount: 49152, inputCount: 2304),
    ]

    /// The lengths of texts for which attention is measured.
    public static let attentionLengths = [4096, 8192, 32768]

    /// The heads of attention: SmolLM2-135M's 9 of queries and 3 of keys and values, 64 wide.
    public static func attention(cacheFormat: CacheFormat) -> AttentionShape {
        AttentionShape(queryHeadCount: 9, keyValueHeadCount: 3, headDimension: 64, cacheFormat: cacheFormat)
    }

    /// W of the measurements with Self-Extend.
    public static let neighborWindow = 1024

    /// The zones of keys that attention is measured with.
    public enum Zones: String, Sendable, CaseIterable {
        /// One zone.
        case plain
        /// Far keys, and the last ``KernelShape/neighborWindow`` in a copy of their own.
        case selfExtend = "selfextend"
        /// Far keys, and near ones from a third of 8,192 positions back, in one copy.
        case string
        /// Earlier chunks, the chunk before and the query's own, in one copy; as many positions to a chunk as Dual Chunk
        /// Attention has for a trained context of 8,192.
        case dualChunk = "dualchunk"

        var zones: [AttentionZone] {
            let first = AttentionZone(from: .beginning)
            return switch self {
            case .plain: [first]
            case .selfExtend: [first, AttentionZone(from: .last(KernelShape.neighborWindow), keys: .ring)]
            case .string: [first, AttentionZone(from: .last(2730))]
            case .dualChunk:
                [
                    first, AttentionZone(from: .chunk(length: 5120, before: 1)),
                    AttentionZone(from: .chunk(length: 5120)),
                ]
            }
        }
    }
}
