import SIMDKernels

/// The rotary positions of a pass's rows, as cosines and sines.
struct Rotations {
    /// Queries that meet the keys of each zone; only of sequences whose attention method moves positions.
    let zoneQueries: [RotationTable]
    /// Keys as their segments have them; as ``zoneQueries``.
    let segmentKey: RotationTable
    /// Queries and keys at their true positions: those of plain attention, and keys in the ring.
    let own: RotationTable
    /// True positions by the frequencies of local layers; only where the model has such layers.
    let local: RotationTable
    /// What a row's queries are multiplied by in extended layers: the scale of scores times the method's query scale.
    fileprivate let queryFactors: AlignedBuffer

    init(rowCount: Int, dimension: Int, localDimension: Int) {
        func table(_ dimension: Int) -> RotationTable { RotationTable(rowCount: rowCount, dimension: dimension) }
        zoneQueries = (0..<ZoneQueries.limit).map { _ in table(dimension) }
        segmentKey = table(dimension)
        own = table(dimension)
        local = table(localDimension)
        queryFactors = AlignedBuffer(floatCount: rowCount)
    }

    /// The floats of all tables.
    static func floatCount(rowCount: Int, dimension: Int, localDimension: Int) -> Int {
        rowCount * ((ZoneQueries.limit + 2) * dimension + localDimension + 1)
    }

    /// The size in bytes.
    var byteCount: Int {
        (zoneQueries + [segmentKey, own, local]).reduce(queryFactors.byteCount) { $0 + $1.storage.byteCount }
    }

    /// What a row's queries are multiplied by in extended layers.
    func queryFactor(_ row: Int) -> Float { queryFactors.floats[row] }

    /// Between which positions a layer of a sequence takes its scores.
    func positions(
        ofLayer layer: Int, _ configuration: ModelConfiguration, _ sequence: SequenceState
    ) -> LayerPositions {
        if configuration.isExtended(layer, of: sequence) {
            return .zones(sequence.zones.count, hasRing: sequence.zones.last?.keys == .ring)
        }
        return switch configuration.layerAttention[layer].rotation {
        case .global: .one(own)
        case .local: .one(local)
        case .none: .one(nil)
        }
    }
}

/// Between which positions a layer takes its scores.
enum LayerPositions {
    /// All scores between the positions of one table; nil: without rotation.
    case one(RotationTable?)
    /// The keys of each zone between positions of their own.
    case zones(Int, hasRing: Bool)
}

extension ModelConfiguration {
    /// Whether the attention method of a sequence moves positions in a layer.
    func isExtended(_ layer: Int, of sequence: SequenceState) -> Bool {
        sequence.zones.count > 1 && layerAttention[layer].isExtended
    }
}

extension ForwardPass {
    /// Computes the rotations of all rows' positions.
    func fill(_ rotations: Rotations) {
        schedule.rows.forEachRow { row in
            let run = pass.run(ofRow: row)
            let (sequence, position) = (run.sequence, run.position(ofRow: row))
            let (method, frequencies) = (sequence.method, sequence.frequencies)
            rotations.own.fill(row: row, frequencies) { _ in Float(position) }
            if sequence.zones.count > 1 {
                let blockCount = method.pairBlockCount
                for zone in sequence.zones.indices {
                    rotations.zoneQueries[zone].fill(row: row, frequencies, pairBlockCount: blockCount) {
                        method.queryPosition(position, zone: zone, pairBlock: $0)
                    }
                }
                rotations.segmentKey.fill(row: row, frequencies, pairBlockCount: blockCount) {
                    method.keyPosition(position, pairBlock: $0)
                }
                rotations.queryFactors.floats[row] = configuration.attentionScale * method.queryScale(position)
            }
            if let localFrequencies = sequence.localFrequencies {
                rotations.local.fill(row: row, localFrequencies) { _ in Float(position) }
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

    /// Sets the position of a row, which may be fractional.
    ///
    /// - Parameters:
    ///   - row: The row.
    ///   - frequencies: Of all pairs.
    ///   - pairBlockCount: The pairs are divided into this many blocks, as equal as can be.
    ///   - position: The position of a block of pairs.
    func fill(
        row: Int, _ frequencies: RotaryFrequencies, pairBlockCount: Int = 1, position: (_ pairBlock: Int) -> Float
    ) {
        frequencies.inverse.withUnsafeBufferPointer { inverse in
            for block in 0..<pairBlockCount {
                let pairs = (block * half / pairBlockCount)..<((block + 1) * half / pairBlockCount)
                Rotary.fillAngles(
                    position: position(block), inverseFrequencies: UnsafeBufferPointer(rebasing: inverse[pairs]),
                    factor: frequencies.factor, cosines: cosines(row) + pairs.lowerBound,
                    sines: sines(row) + pairs.lowerBound)
            }
        }
    }
}
