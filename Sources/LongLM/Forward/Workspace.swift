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

    /// How many floats the buffers have.
    struct Sizes {
        let rowCount: Int
        let threadCount: Int
        let hidden: Int
        let queries: Int
        let keys: Int
        let gated: Int
        let packed: Int
        let packedRowStride: Int
        let rotaryDimension: Int
        let localRotaryDimension: Int
        let scratchStride: Int
        let privateStride: Int

        /// - Parameters:
        ///   - rowCount: The most rows of a pass.
        ///   - threadCount: The most workers of a team.
        init(_ configuration: ModelConfiguration, rowCount: Int, threadCount: Int) {
            self.rowCount = rowCount
            self.threadCount = threadCount
            hidden = rowCount * configuration.hiddenSize
            queries = rowCount * configuration.queryWidth
            keys = rowCount * configuration.keyWidth
            gated = rowCount * configuration.intermediateSize
            let widest = max(configuration.hiddenSize, configuration.queryWidth, configuration.intermediateSize)
            packedRowStride = widest
            packed = GEMM.packedInputFloatCount(rowCount: rowCount, columnCount: widest)
            rotaryDimension = configuration.rotary.dimension
            localRotaryDimension = configuration.localRotary?.dimension ?? 0
            let attentionFloats = [CacheFormat.float32, .bfloat16].map {
                TwoPassAttention.scratchFloatCount(shape: configuration.attentionShape(cacheFormat: $0))
            }
            let scratchFloats = max(
                GEMM.scratchFloatCount(maximumRowCount: rowCount), attentionFloats.max() ?? 0, configuration.keyWidth)
            // Whole cache lines, so that workers don't share one.
            scratchStride = (scratchFloats + 15) / 16 * 16
            let privateFloats =
                Workspace.privateRowLimit * configuration.hiddenSize
                + GEMM.packedInputFloatCount(rowCount: Workspace.privateRowLimit, columnCount: widest)
            privateStride = (privateFloats + 15) / 16 * 16
        }

        /// The size in bytes.
        var byteCount: Int {
            let rotations = rowCount * (3 * rotaryDimension + localRotaryDimension)
            let floats =
                3 * hidden + 4 * queries + 2 * keys + gated + packed + rotations + rowCount
                + threadCount * (scratchStride + privateStride)
            return floats * MemoryLayout<Float>.stride
        }
    }

    private let sizes: Sizes

    /// How much of it passes have written when none had more than this many rows, in bytes.
    func writtenByteCount(rowCount: Int) -> Int { byteCount * rowCount / sizes.rowCount }

    init(_ sizes: Sizes) {
        self.sizes = sizes
        let rows = sizes.rowCount
        hidden = AlignedBuffer(floatCount: sizes.hidden)
        normed = AlignedBuffer(floatCount: sizes.hidden)
        projected = AlignedBuffer(floatCount: sizes.hidden)
        packedRowStride = sizes.packedRowStride
        packed = AlignedBuffer(floatCount: sizes.packed)
        projectedQueries = AlignedBuffer(floatCount: sizes.queries)
        queries = AlignedBuffer(floatCount: sizes.queries)
        neighborQueries = AlignedBuffer(floatCount: sizes.queries)
        attended = AlignedBuffer(floatCount: sizes.queries)
        keys = AlignedBuffer(floatCount: sizes.keys)
        values = AlignedBuffer(floatCount: sizes.keys)
        gated = AlignedBuffer(floatCount: sizes.gated)
        queryRotation = RotationTable(rowCount: rows, dimension: sizes.rotaryDimension)
        keyRotation = RotationTable(rowCount: rows, dimension: sizes.rotaryDimension)
        neighborRotation = RotationTable(rowCount: rows, dimension: sizes.rotaryDimension)
        localRotation = RotationTable(rowCount: rows, dimension: sizes.localRotaryDimension)
        queryFactors = AlignedBuffer(floatCount: rows)
        scratchStride = sizes.scratchStride
        scratch = AlignedBuffer(floatCount: scratchStride * sizes.threadCount)
        privateStride = sizes.privateStride
        privateRows = AlignedBuffer(floatCount: privateStride * sizes.threadCount)
    }

    /// The size in bytes: what ``Sizes`` says.
    var byteCount: Int {
        let buffers = [
            hidden, normed, projected, packed, projectedQueries, queries, neighborQueries, attended, keys, values,
            gated,
            queryRotation.storage, keyRotation.storage, neighborRotation.storage, localRotation.storage, queryFactors,
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
