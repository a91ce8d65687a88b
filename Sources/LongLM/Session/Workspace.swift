import SIMDKernels

/// The activations of forward passes of up to a number of rows, allocated once.
final class Workspace {
    /// The most rows of one forward pass: longer inputs are taken in steps of this many, which bounds the memory for
    /// activations and changes no bit of the result.
    static let rowLimit = 512

    let hidden: AlignedBuffer
    let normed: AlignedBuffer
    let packed: AlignedBuffer
    /// Floats from one row's place in `packed` to the next, whatever is packed: workers that are at different steps don't
    /// overwrite each other's rows.
    let packedRowStride: Int
    /// As projected; rotated against the segments' keys; rotated against the neighbor keys.
    let projectedQueries: AlignedBuffer
    let queries: AlignedBuffer
    let neighborQueries: AlignedBuffer
    let keys: AlignedBuffer
    let values: AlignedBuffer
    let attended: AlignedBuffer
    /// What a block adds to the stream, where it is normalised first.
    let projected: AlignedBuffer
    let gated: AlignedBuffer
    /// Cosines and sines of the positions in flight.
    let queryRotation: RotationTable
    let keyRotation: RotationTable
    let neighborRotation: RotationTable
    let localRotation: RotationTable
    /// What every query of a row is multiplied by: the scale of scores and the mode's query scale.
    let queryFactors: AlignedBuffer
    private let scratch: AlignedBuffer
    private let scratchStride: Int
    private let privateRows: AlignedBuffer
    private let privateStride: Int

    /// Up to this many rows every worker normalises and packs all of them for itself, in memory of its own.
    static let privateRowLimit = 4

    /// - Parameters:
    ///   - rows: The most rows of a pass.
    ///   - threadCount: The most workers of a team.
    init(_ configuration: ModelConfiguration, rowCount rows: Int, threadCount: Int) {
        let queryWidth = configuration.queryWidth
        let keyWidth = configuration.keyWidth
        let widest = max(configuration.hiddenSize, queryWidth, configuration.intermediateSize)
        hidden = AlignedBuffer(floatCount: rows * configuration.hiddenSize)
        normed = AlignedBuffer(floatCount: rows * configuration.hiddenSize)
        packedRowStride = widest
        packed = AlignedBuffer(floatCount: GEMM.packedInputFloatCount(rowCount: rows, columnCount: widest))
        projectedQueries = AlignedBuffer(floatCount: rows * queryWidth)
        queries = AlignedBuffer(floatCount: rows * queryWidth)
        neighborQueries = AlignedBuffer(floatCount: rows * queryWidth)
        keys = AlignedBuffer(floatCount: rows * keyWidth)
        values = AlignedBuffer(floatCount: rows * keyWidth)
        attended = AlignedBuffer(floatCount: rows * queryWidth)
        projected = AlignedBuffer(floatCount: rows * configuration.hiddenSize)
        gated = AlignedBuffer(floatCount: rows * configuration.intermediateSize)
        queryRotation = RotationTable(rowCount: rows, dimension: configuration.rotary.dimension)
        keyRotation = RotationTable(rowCount: rows, dimension: configuration.rotary.dimension)
        neighborRotation = RotationTable(rowCount: rows, dimension: configuration.rotary.dimension)
        localRotation = RotationTable(rowCount: rows, dimension: configuration.localRotary?.dimension ?? 0)
        queryFactors = AlignedBuffer(floatCount: rows)
        let attentionFloats = [ElementType.float32, .bfloat16].map {
            TwoPassAttention.scratchFloatCount(shape: configuration.attentionShape(cacheType: $0))
        }
        let scratchFloats = max(
            GEMM.scratchFloatCount(maximumRowCount: rows), attentionFloats.max() ?? 0, keyWidth)
        // Whole cache lines, so that workers don't share one.
        scratchStride = (scratchFloats + 15) / 16 * 16
        scratch = AlignedBuffer(floatCount: scratchStride * threadCount)
        let privateFloats =
            Self.privateRowLimit * configuration.hiddenSize
            + GEMM.packedInputFloatCount(rowCount: Self.privateRowLimit, columnCount: widest)
        privateStride = (privateFloats + 15) / 16 * 16
        privateRows = AlignedBuffer(floatCount: privateStride * threadCount)
    }

    /// The size in bytes.
    var byteCount: Int {
        let buffers = [
            hidden, normed, packed, projectedQueries, queries, neighborQueries, keys, values, attended, projected,
            gated, queryRotation.storage, keyRotation.storage, neighborRotation.storage, localRotation.storage,
            queryFactors,
            scratch, privateRows,
        ]
        return buffers.reduce(0) { $0 + $1.byteCount }
    }

    /// One worker's own rows: the normalised stream [privateRowLimit, hiddenSize].
    func privateNormed(_ worker: Worker) -> UnsafeMutablePointer<Float> {
        privateRows.floats + worker.index * privateStride
    }

    /// One worker's own packed rows.
    func privatePacked(_ worker: Worker, hiddenSize: Int) -> UnsafeMutablePointer<Float> {
        privateNormed(worker) + Self.privateRowLimit * hiddenSize
    }

    /// One worker's own memory.
    func scratch(_ worker: Worker) -> UnsafeMutablePointer<Float> { scratch.floats + worker.index * scratchStride }
}

/// Cosines and sines for one position per row.
struct RotationTable {
    fileprivate let storage: AlignedBuffer
    private let rowCount: Int
    private let half: Int

    /// How many components are rotated.
    var dimension: Int { 2 * half }

    init(rowCount: Int, dimension: Int) {
        self.rowCount = rowCount
        half = dimension / 2
        storage = AlignedBuffer(floatCount: rowCount * dimension)
    }

    /// [R/2].
    func cosines(_ row: Int) -> UnsafeMutablePointer<Float> { storage.floats + row * half }
    /// [R/2].
    func sines(_ row: Int) -> UnsafeMutablePointer<Float> { storage.floats + (rowCount + row) * half }

    /// Sets a row's position, which may be fractional.
    func fill(row: Int, position: Float, _ frequencies: RotaryFrequencies) {
        frequencies.inverse.withUnsafeBufferPointer { inverse in
            Rotary.fillAngles(
                position: position, inverseFrequencies: inverse, factor: frequencies.factor, cosines: cosines(row),
                sines: sines(row))
        }
    }
}
