import SIMDKernels

/// Carries a plan out: reads the numbers of a source and packs them into the order in which the kernels read them.
final class WeightPacker {
    private let source: any WeightSource
    private let threadCount: Int
    private let instructionSet: InstructionSet
    private let reservation: MemoryReservation
    private let progress: ((Double) -> Void)?
    private let totalByteCount: Int
    private let arena = BufferArena()
    private var readByteCount = 0
    /// The memory that all weights take that have been packed, in bytes.
    private(set) var packedByteCount = 0

    /// - Parameters:
    ///   - plan: What will be packed.
    ///   - source: What holds it.
    ///   - threadCount: Threads to pack with.
    ///   - instructionSet: What to pack with; the processor must have it.
    ///   - reservation: The memory for it. It is told how much has been taken.
    ///   - progress: Called with the fraction of the plan that has been read, which rises to 1.
    init(
        _ plan: WeightPlan, from source: any WeightSource, threadCount: Int, instructionSet: InstructionSet,
        reservation: MemoryReservation, progress: ((Double) -> Void)?
    ) {
        self.source = source
        self.threadCount = threadCount
        self.instructionSet = instructionSet
        self.reservation = reservation
        self.progress = progress
        totalByteCount = plan.storedByteCount
    }

    /// Packs a matrix.
    ///
    /// - Throws: ``CheckpointError`` when its numbers can't be read, or the task is cancelled.
    func pack(_ matrix: PlannedMatrix) throws(CheckpointError) -> PackedMatrix {
        if Task.isCancelled { throw .cancelled }
        let packed = matrix.rows.count == 1 ? try packPart(matrix, matrix.rows[0]) : try packGathered(matrix)
        count(packed.byteCount)
        return packed
    }

    /// Packs rows that lie one after the other, straight from the source.
    private func packPart(_ matrix: PlannedMatrix, _ rows: Range<Int>) throws(CheckpointError) -> PackedMatrix {
        var done = 0
        return try source.withRows(rows, of: matrix.tensor) { bytes in
            pack(bytes, matrix) { count in
                // Given back piece by piece, so that a large matrix is not in memory twice.
                let piece = (rows.lowerBound + done)..<(rows.lowerBound + count)
                source.discardRows(piece, of: matrix.tensor)
                report(matrix.tensor.byteCount(of: [piece]))
                done = count
            }
        }
    }

    /// Packs rows from several places. They are copied first, because such matrices are small parts of a checkpoint.
    private func packGathered(_ matrix: PlannedMatrix) throws(CheckpointError) -> PackedMatrix {
        var gathered: [UInt8] = []
        gathered.reserveCapacity(matrix.storedByteCount)
        for range in matrix.rows {
            try source.withRows(range, of: matrix.tensor) { gathered += $0 }
        }
        let packed = gathered.withUnsafeBytes { pack($0, matrix) { _ in } }
        report(matrix.storedByteCount)
        return packed
    }

    private func pack(
        _ bytes: UnsafeRawBufferPointer, _ matrix: PlannedMatrix, progress: (Int) -> Void
    ) -> PackedMatrix {
        PackedMatrix(
            packing: bytes, format: matrix.storedFormat, storedFormat: matrix.packedFormat, rowCount: matrix.rowCount,
            columnCount: matrix.columnCount, threadCount: threadCount, instructionSet: instructionSet, arena: arena,
            progress: progress)
    }

    /// Reads a vector as 32-bit floats.
    ///
    /// - Throws: ``CheckpointError`` when its numbers can't be read, or the task is cancelled.
    func pack(_ vector: PlannedVector) throws(CheckpointError) -> AlignedBuffer {
        if Task.isCancelled { throw .cancelled }
        let numbers = try source.floats(of: vector.tensor)
        let buffer = AlignedBuffer(floatCount: vector.count)
        var count = 0
        for range in vector.elements {
            for element in range {
                // A sum with 0 would change −0.
                buffer.floats[count] = vector.addend == 0 ? numbers[element] : numbers[element] + vector.addend
                count += 1
            }
            source.discardRows(range, of: vector.tensor)
        }
        report(vector.storedByteCount)
        self.count(buffer.byteCount)
        return buffer
    }

    private func count(_ byteCount: Int) {
        packedByteCount += byteCount
        reservation.usedByteCount = packedByteCount
    }

    private func report(_ byteCount: Int) {
        readByteCount += byteCount
        progress?(Double(readByteCount) / Double(totalByteCount))
    }
}
