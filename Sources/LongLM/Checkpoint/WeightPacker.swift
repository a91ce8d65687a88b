import SIMDKernels

/// Carries a plan out: reads the numbers of a source and packs them into the order in which the kernels read them.
final class WeightPacker {
    private let source: any WeightSource
    private let threadCount: Int
    private let instructionSet: InstructionSet
    private let reservation: MemoryReservation
    private let progress: ((Double) -> Void)?
    private let totalByteCount: Int
    private let arena: BufferArena
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
        arena = BufferArena(expectedByteCount: plan.byteCount)
    }

    /// Packs a matrix.
    ///
    /// - Throws: ``CheckpointError`` when its numbers can't be read, or the task is cancelled.
    func pack(_ matrix: PlannedMatrix) throws(CheckpointError) -> PackedMatrix {
        if Task.isCancelled { throw .cancelled }
        var failure: CheckpointError?
        let packed = PackedMatrix(
            format: matrix.storedFormat, storedFormat: matrix.packedFormat, rowCount: matrix.rowCount,
            columnCount: matrix.columnCount, threadCount: threadCount, instructionSet: instructionSet, arena: arena
        ) { rows, target in
            do throws(CheckpointError) {
                try read(rows, of: matrix, into: target)
            } catch { failure = error }
            if failure == nil { report(target.count) }
            return failure == nil
        }
        if let failure { throw failure }
        count(packed.byteCount)
        return packed
    }

    /// Copies rows of a matrix, which may lie in several places of its tensor.
    ///
    /// - Parameter rows: Which ones, counted in the matrix.
    private func read(
        _ rows: Range<Int>, of matrix: PlannedMatrix, into target: UnsafeMutableRawBufferPointer
    ) throws(CheckpointError) {
        let rowByteCount = target.count / rows.count
        // The matrix's row at which each place begins.
        var first = 0
        var copied = 0
        for place in matrix.rows {
            let part = rows.clamped(to: first..<(first + place.count))
            if !part.isEmpty {
                let stored = (place.lowerBound + part.lowerBound - first)..<(place.lowerBound + part.upperBound - first)
                let room = target[(copied * rowByteCount)..<((copied + part.count) * rowByteCount)]
                try source.readRows(stored, of: matrix.tensor, into: UnsafeMutableRawBufferPointer(rebasing: room))
                copied += part.count
            }
            first += place.count
        }
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
