import SIMDKernels

/// How the tensors of a checkpoint become the packed weights of a model, known from headers alone.
///
/// The plan is made once, and everybody uses it: the check of memory before a model is loaded, the loader, and the commands
/// that show what a model needs.
package struct WeightPlan: Sendable {
    /// One packed matrix or vector.
    package struct Entry: Sendable {
        /// The tensor that it is taken from, whole or in part.
        package let tensor: StoredTensor
        /// How it will be stored. Vectors are always stored as 32-bit floats.
        package let format: WeightFormat
        /// The bytes that it will occupy, padding included.
        package let byteCount: Int
        /// The bytes of the file that it is made from.
        package let storedByteCount: Int
    }

    /// All matrices and vectors, in the order in which they are packed.
    package private(set) var entries: [Entry] = []
    private let source: any WeightSource
    private let packedFormat: WeightFormat?
    private var takenNames: Set<String> = []

    /// The bytes that all packed weights will occupy.
    package var byteCount: Int { entries.reduce(0) { $0 + $1.byteCount } }

    /// The bytes of the files that are read for them.
    var storedByteCount: Int { entries.reduce(0) { $0 + $1.storedByteCount } }

    /// An empty plan.
    ///
    /// - Parameters:
    ///   - source: What holds the tensors.
    ///   - packedFormat: How matrices will be stored; nil: each as the source stores it.
    init(from source: any WeightSource, packedFormat: WeightFormat?) {
        self.source = source
        self.packedFormat = packedFormat
    }

    /// Adds a matrix.
    ///
    /// - Parameter isVocabulary: Whether it has a row for every token. Its rounding changes every logit. So where the others
    ///   are rounded to 4 bits, it is rounded to 8, or stays as it is if it is quantised already.
    /// - Throws: ``CheckpointError`` when the source has no such tensor, or it can't be used.
    mutating func add(
        _ matrix: MatrixDescription, isVocabulary: Bool = false
    ) throws(CheckpointError) -> PlannedMatrix {
        let (tensor, format) = try take(matrix.name, shape: [matrix.tensorRowCount, matrix.columnCount])
        try check(tensor, format, columnCount: matrix.columnCount)
        // Rows that aren't whole blocks stay as they are.
        let staysWide = isVocabulary && packedFormat == .q40
        let wanted = staysWide ? (format.isQuantized ? format : .q80) : packedFormat
        let packed = wanted.flatMap { matrix.columnCount % $0.columnMultiple == 0 ? $0 : nil } ?? format
        let planned = PlannedMatrix(
            tensor: tensor, storedFormat: format, packedFormat: packed, rows: matrix.rows,
            columnCount: matrix.columnCount)
        entries.append(
            Entry(
                tensor: tensor, format: planned.packedFormat, byteCount: planned.byteCount,
                storedByteCount: planned.storedByteCount))
        return planned
    }

    /// Adds a vector.
    ///
    /// - Throws: ``CheckpointError`` when the source has no such tensor, or it can't be used.
    mutating func add(_ vector: VectorDescription) throws(CheckpointError) -> PlannedVector {
        let (tensor, _) = try take(vector.name, shape: [vector.tensorCount])
        let planned = PlannedVector(tensor: tensor, elements: vector.elements, addend: vector.addend - tensor.offset)
        entries.append(
            Entry(
                tensor: tensor, format: .float32, byteCount: planned.byteCount,
                storedByteCount: planned.storedByteCount))
        return planned
    }

    private mutating func take(
        _ name: String, shape: [Int]
    ) throws(CheckpointError) -> (tensor: StoredTensor, format: WeightFormat) {
        guard let tensor = source.tensor(name) else { throw .missingTensor(file: source.path, tensor: name) }
        guard tensor.shape == shape else {
            throw .wrongShape(file: tensor.file, tensor: name, expected: shape, found: tensor.shape)
        }
        guard let format = tensor.format else {
            throw .unsupportedTensorType(file: tensor.file, tensor: name, type: tensor.typeName)
        }
        takenNames.formUnion(tensor.partNames)
        return (tensor, format)
    }

    /// Refuses a matrix that can't be packed as its format says.
    private func check(
        _ tensor: StoredTensor, _ format: WeightFormat, columnCount: Int
    ) throws(CheckpointError) {
        func malformed(_ reason: String) -> CheckpointError {
            .malformedTensor(file: tensor.file, tensor: tensor.name, reason: reason)
        }
        guard columnCount % format.columnMultiple == 0 else {
            throw malformed("has \(columnCount) columns, which are no multiple of \(format.columnMultiple)")
        }
        let byteCount = tensor.shape[0] * format.rowByteCount(columnCount: columnCount)
        guard tensor.byteCount == byteCount else {
            throw malformed("has \(tensor.byteCount) bytes, but its shape implies \(byteCount)")
        }
    }

    /// Refuses tensors that nobody took, such as biases of a family that has none: leaving them out would change the result.
    ///
    /// - Parameter isRedundant: Whether a tensor of this name changes nothing.
    /// - Throws: ``CheckpointError/unexpectedTensor(file:tensor:)``.
    func refuseUntaken(except isRedundant: (String) -> Bool) throws(CheckpointError) {
        for name in source.storedNames where !takenNames.contains(name) && !isRedundant(name) {
            throw .unexpectedTensor(file: source.tensor(name)?.file ?? source.path, tensor: name)
        }
    }
}

/// A matrix that the source has.
struct PlannedMatrix: Sendable {
    let tensor: StoredTensor
    let storedFormat: WeightFormat
    let packedFormat: WeightFormat
    /// The tensor's rows that the matrix consists of, in this order.
    let rows: [Range<Int>]
    let columnCount: Int

    var rowCount: Int { rows.totalCount }
    var byteCount: Int {
        PackedMatrix.byteCount(rowCount: rowCount, columnCount: columnCount, format: packedFormat)
    }
    var storedByteCount: Int { tensor.byteCount(of: rows) }
}

/// A vector that the source has.
struct PlannedVector: Sendable {
    let tensor: StoredTensor
    /// The tensor's elements that the vector consists of, in this order.
    let elements: [Range<Int>]
    /// What is added to each number.
    let addend: Float

    var count: Int { elements.totalCount }
    var byteCount: Int { count * MemoryLayout<Float>.stride }
    var storedByteCount: Int { tensor.byteCount(of: elements) }
}

extension StoredTensor {
    /// The bytes that some of its rows take, a row being what the first dimension counts.
    func byteCount(of rows: [Range<Int>]) -> Int { byteCount / max(shape.first ?? 1, 1) * rows.totalCount }
}
