import SIMDKernels

/// The activations of forward passes of up to a number of rows, allocated once.
final class Workspace {
    /// The most rows of one forward pass. Longer inputs are taken in several passes, which bounds the memory for
    /// activations and changes no bit of the result.
    static let maximumRowCount = 512

    /// The stream.
    let hidden: Activations
    /// What attention's projections give.
    let heads: ProjectedHeads
    /// Positions of the rows in flight.
    let rotations: Rotations
    /// Queries at those positions, for each zone of keys: [rows, Hq · D].
    let queries: [Activations]
    /// What attention gives.
    let attended: Activations
    /// The inside of a feed-forward block.
    let inside: Activations
    /// What a block adds to the stream, where it is normalised first.
    let projected: Activations
    /// Floats from one row's place to the next in packed inputs, whatever is packed: workers that are at different steps
    /// don't overwrite each other's rows.
    let packedRowStride: Int
    private let sharedNormed: Activations
    private let sharedPacked: AlignedBuffer
    /// For each worker: memory inside of a step, and its private rows.
    private let workers: AlignedBuffer
    private let buffers: [AlignedBuffer]
    private let sizes: Sizes

    /// How many floats the buffers have.
    struct Sizes {
        let rowCount: Int
        fileprivate let threadCount: Int
        fileprivate let hidden: Int
        fileprivate let queries: Int
        fileprivate let keys: Int
        fileprivate let inside: Int
        /// The widest input of a product.
        fileprivate let widest: Int
        fileprivate let rotaryDimension: Int
        fileprivate let localRotaryDimension: Int
        /// Floats of a worker's scratch memory, and of its private rows.
        fileprivate let scratch: Int
        fileprivate let privateRows: Int

        /// - Parameters:
        ///   - rowCount: The most rows of a pass.
        ///   - threadCount: The most workers of a team.
        init(_ configuration: ModelConfiguration, rowCount: Int, threadCount: Int) {
            self.rowCount = rowCount
            self.threadCount = threadCount
            hidden = configuration.hiddenSize
            queries = configuration.queryWidth
            keys = configuration.keyWidth
            inside = configuration.intermediateSize
            widest = max(hidden, queries, inside)
            rotaryDimension = configuration.rotary.dimension
            localRotaryDimension = configuration.localRotary?.dimension ?? 0
            let attentionFloats = CacheFormat.allCases.map {
                TwoPassAttention.scratchFloatCount(shape: configuration.attentionShape(cacheFormat: $0))
            }
            // Whole cache lines, so that workers don't share one.
            func wholeLines(_ floatCount: Int) -> Int { (floatCount + 15) / 16 * 16 }
            scratch = wholeLines(
                max(GEMM.scratchFloatCount(maximumRowCount: rowCount), attentionFloats.max() ?? 0, keys))
            privateRows = wholeLines(
                PassSchedule.maximumPrivateRowCount * hidden
                    + GEMM.packedInputFloatCount(rowCount: PassSchedule.maximumPrivateRowCount, columnCount: widest))
        }

        fileprivate var packed: Int { GEMM.packedInputFloatCount(rowCount: rowCount, columnCount: widest) }
        fileprivate var worker: Int { scratch + privateRows }

        /// The size in bytes.
        var byteCount: Int {
            let rotations = Rotations.floatCount(
                rowCount: rowCount, dimension: rotaryDimension, localDimension: localRotaryDimension)
            let floats =
                rowCount * (3 * hidden + (2 + ZoneQueries.limit) * queries + 2 * keys + inside) + rotations + packed
                + threadCount * worker
            return floats * MemoryLayout<Float>.stride
        }
    }

    init(_ sizes: Sizes) {
        self.sizes = sizes
        var buffers: [AlignedBuffer] = []
        func activations(_ columnCount: Int) -> Activations {
            let buffer = AlignedBuffer(floatCount: sizes.rowCount * columnCount)
            buffers.append(buffer)
            return Activations(floats: buffer.floats, columnCount: columnCount)
        }
        hidden = activations(sizes.hidden)
        sharedNormed = activations(sizes.hidden)
        projected = activations(sizes.hidden)
        heads = ProjectedHeads(
            queries: activations(sizes.queries), keys: activations(sizes.keys), values: activations(sizes.keys))
        queries = (0..<ZoneQueries.limit).map { _ in activations(sizes.queries) }
        attended = activations(sizes.queries)
        inside = activations(sizes.inside)
        self.buffers = buffers
        rotations = Rotations(
            rowCount: sizes.rowCount, dimension: sizes.rotaryDimension, localDimension: sizes.localRotaryDimension)
        packedRowStride = sizes.widest
        sharedPacked = AlignedBuffer(floatCount: sizes.packed)
        workers = AlignedBuffer(floatCount: sizes.threadCount * sizes.worker)
    }

    /// The size in bytes: what ``Sizes`` says.
    var byteCount: Int {
        (buffers + [sharedPacked, workers]).reduce(rotations.byteCount) { $0 + $1.byteCount }
    }

    /// How many bytes passes have written when none had more than this many rows.
    func writtenByteCount(rowCount: Int) -> Int { byteCount * rowCount / sizes.rowCount }

    /// The normalised stream: the pass's, or each worker's own.
    func normed(_ schedule: PassSchedule) -> Activations {
        guard schedule.division == .private else { return sharedNormed }
        return Activations(floats: privateRows(schedule.worker), columnCount: sizes.hidden)
    }

    /// Where the input of a product is packed.
    func packed(_ schedule: PassSchedule) -> UnsafeMutablePointer<Float> {
        guard schedule.division == .private else { return sharedPacked.floats }
        return privateRows(schedule.worker) + PassSchedule.maximumPrivateRowCount * sizes.hidden
    }

    /// A worker's own memory inside of a step.
    func scratch(_ worker: Worker) -> UnsafeMutablePointer<Float> { workers.floats + worker.index * sizes.worker }

    private func privateRows(_ worker: Worker) -> UnsafeMutablePointer<Float> { scratch(worker) + sizes.scratch }
}

/// A matrix of activations, row-major, with a row for each of a pass's. Its memory is the workspace's.
struct Activations {
    let floats: UnsafeMutablePointer<Float>
    let columnCount: Int

    /// [columnCount].
    func row(_ row: Int) -> UnsafeMutablePointer<Float> { floats + row * columnCount }
}

/// Queries, keys and values as projected.
struct ProjectedHeads {
    /// [rows, Hq · D].
    let queries: Activations
    /// [rows, Hkv · D].
    let keys: Activations
    /// [rows, Hkv · D].
    let values: Activations
}
