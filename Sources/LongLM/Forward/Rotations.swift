import SIMDKernels

/// The rotary positions of a pass's rows, as cosines and sines.
///
/// An attention method that scores keys between further positions gets a further table here, and a further case of
/// ``LayerPositions``.
struct Rotations {
    /// Queries that meet far keys; only of sequences whose attention mode isn't the plain one.
    let farQuery: RotationTable
    /// Keys that are met from afar; as ``farQuery``.
    let farKey: RotationTable
    /// Queries and keys at their true positions: those of plain attention, and neighbors in the other modes.
    let neighbor: RotationTable
    /// True positions by the frequencies of local layers; only where the model has such layers.
    let local: RotationTable
    /// What a row's queries are multiplied by in extended layers: the scale of scores times the mode's query scale.
    fileprivate let queryFactors: AlignedBuffer

    init(rowCount: Int, dimension: Int, localDimension: Int) {
        farQuery = RotationTable(rowCount: rowCount, dimension: dimension)
        farKey = RotationTable(rowCount: rowCount, dimension: dimension)
        neighbor = RotationTable(rowCount: rowCount, dimension: dimension)
        local = RotationTable(rowCount: rowCount, dimension: localDimension)
        queryFactors = AlignedBuffer(floatCount: rowCount)
    }

    /// The floats of all tables.
    static func floatCount(rowCount: Int, dimension: Int, localDimension: Int) -> Int {
        rowCount * (3 * dimension + localDimension + 1)
    }

    /// The size in bytes.
    var byteCount: Int {
        [farQuery, farKey, neighbor, local].reduce(queryFactors.byteCount) { $0 + $1.storage.byteCount }
    }

    /// What a row's queries are multiplied by in extended layers.
    func queryFactor(_ row: Int) -> Float { queryFactors.floats[row] }

    /// Between which positions a layer of a sequence takes its scores.
    func positions(
        ofLayer layer: Int, _ configuration: ModelConfiguration, _ attention: AttentionMode
    ) -> LayerPositions {
        if configuration.isExtended(layer, by: attention) { return .farAndNeighbor }
        return switch configuration.layerAttention[layer].rotation {
        case .global: .one(neighbor)
        case .local: .one(local)
        case .none: .one(nil)
        }
    }
}

/// Between which positions a layer takes its scores.
enum LayerPositions {
    /// All scores between the positions of one table; nil: without rotation.
    case one(RotationTable?)
    /// Far keys between the far positions, neighbor keys between true ones.
    case farAndNeighbor
}

extension ModelConfiguration {
    /// Whether an attention mode scores the far keys of a layer between other positions than the near ones.
    func isExtended(_ layer: Int, by attention: AttentionMode) -> Bool {
        attention.method.movesPositions && layerAttention[layer].isExtended
    }
}

extension ForwardPass {
    /// Computes the rotations of all rows' positions.
    func fill(_ rotations: Rotations) {
        schedule.rows.forEachRow { row in
            let run = pass.run(ofRow: row)
            let (sequence, position) = (run.sequence, run.position(ofRow: row))
            let method = sequence.attention.method
            rotations.neighbor.fill(row: row, position: Float(position), sequence.frequencies)
            if method.movesPositions {
                let query = method.queryPosition(position, zone: 0, pairBlock: 0)
                let key = method.keyPosition(position, pairBlock: 0)
                rotations.farQuery.fill(row: row, position: query, sequence.frequencies)
                rotations.farKey.fill(row: row, position: key, sequence.frequencies)
                rotations.queryFactors.floats[row] = configuration.attentionScale * method.queryScale(position)
            }
            if let localFrequencies = sequence.localFrequencies {
                rotations.local.fill(row: row, position: Float(position), localFrequencies)
            }
        }
        schedule.endStep()
    }
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
