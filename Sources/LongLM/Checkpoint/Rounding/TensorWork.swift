import GGUF
import SIMDKernels

/// What becomes one tensor of a GGUF file.
struct TensorWork: Sendable {
    /// Its name there.
    let name: String
    let shape: [Int]
    let choice: QuantizationTarget.Choice
    /// The tensors of the source that follow each other in it. A matrix has one.
    var parts: [StoredTensor]
    var order = GGUFNames.RowOrder.same
    /// Hq or Hkv, for rows in another order.
    var headCount = 1
    /// What is added to each number of a vector.
    var addend: Float = 0

    var type: GGUFTensorType { choice.type }
    var elementCount: Int { shape.contains(0) ? 0 : shape.reduce(1, *) }
    /// What the numbers come from, such as `BF16`.
    var sourceTypeName: String { parts.first?.typeName ?? "" }

    /// Whether the bytes stay what they are, but for the order of rows.
    var isCopied: Bool {
        guard parts.count == 1, addend == 0, let format = parts[0].format else { return false }
        return WeightFormat(type) == format
    }

    /// Which row of the source is stored in a place.
    func row(at place: Int) -> Int { order.row(at: place, rowCount: shape[0], headCount: headCount) }
}

/// What became of one tensor.
package struct TensorOutcome: Sendable {
    /// Its name in the file.
    package let name: String
    /// What its numbers were, such as `BF16`.
    package let sourceType: String
    /// Its type, and what it has taken the place of.
    package let choice: QuantizationTarget.Choice
    /// How many numbers it has.
    package let elementCount: Int
    /// The bytes that it had.
    package let sourceByteCount: Int
    /// The bytes that it has.
    package let byteCount: Int
    /// The sum of the squares of all numbers.
    package let squares: Double
    /// The sum of the squares of all errors.
    package let squaredErrors: Double

    /// The root mean square of the errors by that of the numbers; 0 for zeros.
    package var relativeError: Double { squares > 0 ? (squaredErrors / squares).squareRoot() : 0 }
}

/// Rounds tensors piece by piece. No more than a few rows are in memory at once.
struct TensorRounder {
    let source: any WeightSource
    let threadCount: Int
    let instructionSet: InstructionSet

    /// How many numbers of a matrix are read, rounded and written together, and how many of them a thread takes at once:
    /// few, so that they stay in its cache.
    private static let (pieceLength, shareLength) = (1 << 23, 1 << 14)

    /// Rounds a tensor.
    ///
    /// - Parameters:
    ///   - work: The tensor.
    ///   - progress: Told how many numbers have been written since its last call.
    ///   - append: Takes the bytes, in their order.
    /// - Throws: ``CheckpointError`` when numbers can't be read, or the task is cancelled, and what `append` throws.
    func round(
        _ work: TensorWork, progress: (Int) -> Void, append: (UnsafeRawBufferPointer) throws(CheckpointError) -> Void
    ) throws(CheckpointError) -> TensorOutcome {
        var errors = RowQuantizer.Errors()
        if work.shape.count == 2, work.parts.count == 1, work.addend == 0 {
            errors = try roundMatrix(work, progress, append)
        } else {
            try writeFloats(work, append)
            progress(work.elementCount)
        }
        return TensorOutcome(
            name: work.name, sourceType: work.sourceTypeName, choice: work.choice, elementCount: work.elementCount,
            sourceByteCount: work.parts.reduce(0) { $0 + $1.byteCount },
            byteCount: work.elementCount / work.type.blockLength * work.type.blockByteCount, squares: errors.squares,
            squaredErrors: errors.squaredErrors)
    }

    /// Vectors, which are written as 32-bit floats, and matrices that are put together.
    private func writeFloats(
        _ work: TensorWork, _ append: (UnsafeRawBufferPointer) throws(CheckpointError) -> Void
    ) throws(CheckpointError) {
        var numbers: [Float] = []
        if Task.isCancelled { throw .cancelled }
        for part in work.parts { numbers += try source.floats(of: part) }
        guard let rowCount = work.shape.first, rowCount > 0 else { return }
        let rowLength = numbers.count / rowCount
        var words: [UInt32] = []
        words.reserveCapacity(numbers.count)
        for place in 0..<rowCount {
            let first = work.row(at: place) * rowLength
            for number in numbers[first..<(first + rowLength)] {
                // A sum with 0 would change −0.
                words.append((work.addend == 0 ? number : number + work.addend).bitPattern.littleEndian)
            }
        }
        let type = work.type
        precondition(type == .float32, "only whole matrices are rounded")
        try words.withUnsafeBufferPointer { (words) throws(CheckpointError) in
            try append(UnsafeRawBufferPointer(words))
        }
    }

    private func roundMatrix(
        _ work: TensorWork, _ progress: (Int) -> Void,
        _ append: (UnsafeRawBufferPointer) throws(CheckpointError) -> Void
    ) throws(CheckpointError) -> RowQuantizer.Errors {
        let (rowCount, columnCount, tensor) = (work.shape[0], work.shape[1], work.parts[0])
        guard let format = tensor.format else {
            throw .unsupportedTensorType(file: tensor.file, tensor: tensor.name, type: tensor.typeName)
        }
        var total = RowQuantizer.Errors()
        guard rowCount > 0, columnCount > 0 else { return total }
        let rowByteCount = columnCount / work.type.blockLength * work.type.blockByteCount
        let pieceRowCount = min(rowCount, max(Self.pieceLength / columnCount, 1))
        let target = AlignedBuffer(byteCount: pieceRowCount * rowByteCount)
        var first = 0
        while first < rowCount {
            let rows = first..<min(first + pieceRowCount, rowCount)
            let job = PieceJob(
                work: work, source: source, format: format, rows: rows, rowByteCount: rowByteCount,
                target: target.bytes, workerCount: threadCount,
                shareRowCount: max(Self.shareLength / columnCount, 1))
            Team.run(job, threadCount: threadCount, instructionSet: instructionSet)
            if let failure = job.failures.lazy.compactMap({ $0 }).first { throw failure }
            if Task.isCancelled { throw .cancelled }
            for sums in job.sums { total += sums }
            try append(UnsafeRawBufferPointer(start: target.bytes, count: rows.count * rowByteCount))
            progress(rows.count * columnCount)
            first = rows.upperBound
        }
        return total
    }

    /// Some rows of a matrix, of which each worker takes a share.
    private final class PieceJob: TeamJob {
        let work: TensorWork
        let source: any WeightSource
        let format: WeightFormat
        let rows: Range<Int>
        let rowByteCount: Int
        let target: UnsafeMutableRawPointer
        let shareRowCount: Int
        /// One for each worker, which writes its own alone.
        private let results: UnsafeMutableBufferPointer<(sums: RowQuantizer.Errors, failure: CheckpointError?)>

        init(
            work: TensorWork, source: any WeightSource, format: WeightFormat, rows: Range<Int>, rowByteCount: Int,
            target: UnsafeMutableRawPointer, workerCount: Int, shareRowCount: Int
        ) {
            self.work = work
            self.source = source
            self.format = format
            self.rows = rows
            self.rowByteCount = rowByteCount
            self.target = target
            self.shareRowCount = shareRowCount
            results = .allocate(capacity: workerCount)
            results.initialize(repeating: (RowQuantizer.Errors(), nil))
        }

        deinit {
            results.deinitialize()
            results.deallocate()
        }

        var sums: [RowQuantizer.Errors] { results.map(\.sums) }
        var failures: [CheckpointError?] { results.map(\.failure) }

        func run(on worker: Worker) {
            let begin = rows.lowerBound + rows.count * worker.index / worker.count
            let end = rows.lowerBound + rows.count * (worker.index + 1) / worker.count
            do throws(CheckpointError) {
                results[worker.index].sums = try round(begin..<end)
            } catch { results[worker.index].failure = error }
        }

        private func round(_ share: Range<Int>) throws(CheckpointError) -> RowQuantizer.Errors {
            let (tensor, columnCount) = (work.parts[0], work.shape[1])
            let size = tensor.byteCount / work.shape[0]
            let bytes = AlignedBuffer(byteCount: min(shareRowCount, share.count) * size)
            var sums = RowQuantizer.Errors()
            var first = share.lowerBound
            while first < share.upperBound {
                let some = first..<min(first + shareRowCount, share.upperBound)
                first = some.upperBound
                let room = UnsafeMutableRawBufferPointer(start: bytes.bytes, count: some.count * size)
                try read(some, tensor, size, into: room)
                let place = target + (some.lowerBound - rows.lowerBound) * rowByteCount
                let rounded = UnsafeMutableRawBufferPointer(start: place, count: some.count * rowByteCount)
                if work.isCopied {
                    rounded.copyMemory(from: UnsafeRawBufferPointer(room))
                    continue
                }
                let count = some.count * columnCount
                let numbers = format.widened(UnsafeRawBufferPointer(room), count: count)
                numbers.withUnsafeBufferPointer { numbers in
                    guard let start = numbers.baseAddress else { return }
                    for row in 0..<some.count {
                        sums += RowQuantizer.quantize(
                            start + row * columnCount, columnCount: columnCount, to: work.type,
                            place + row * rowByteCount)
                    }
                }
            }
            return sums
        }

        private func read(
            _ places: Range<Int>, _ tensor: StoredTensor, _ size: Int, into room: UnsafeMutableRawBufferPointer
        ) throws(CheckpointError) {
            if work.order == .same { return try source.readRows(places, of: tensor, into: room) }
            for (index, place) in places.enumerated() {
                let row = work.row(at: place)
                let part = UnsafeMutableRawBufferPointer(rebasing: room[(index * size)..<((index + 1) * size)])
                try source.readRows(row..<(row + 1), of: tensor, into: part)
            }
        }
    }
}
