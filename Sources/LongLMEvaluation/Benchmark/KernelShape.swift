import SIMDKernels

/// The shapes that tests, benchmarks and `longlm bench` share: one table, so that what is fast is also what is tested.
public enum KernelShape {
    /// Products of activations [M, K] with weights [N, K].
    public struct Product: Sendable, Equatable {
        /// M.
        public let rowCount: Int
        /// N.
        public let outputCount: Int
        /// K.
        public let inputCount: Int

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

    /// GEMVs, whose weights are more than the caches of most machines hold.
    public static let vectorProducts = [
        Product(rowCount: 1, outputCount: 49152, inputCount: 576),
        Product(rowCount: 1, outputCount: 11008, inputCount: 4096),
        Product(rowCount: 1, outputCount: 49152, inputCount: 2304),
    ]

    /// Texts of these lengths are attended by 9 query and 3 key-value heads of 64, SmolLM2-135M's.
    public static let attentionLengths = [4096, 8192, 32768]

    /// Those heads.
    public static func attention(cacheFormat: CacheFormat) -> AttentionShape {
        AttentionShape(queryHeadCount: 9, keyValueHeadCount: 3, headDimension: 64, cacheFormat: cacheFormat)
    }

    /// W where attention is measured with a window.
    public static let neighborWindow = 1024
}
