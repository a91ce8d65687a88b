/// Which numbers of a checkpoint make a matrix of the model.
struct MatrixDescription: Sendable {
    /// The tensor's name in Hugging Face's checkpoints.
    var name: String
    /// The tensor is [tensorRowCount, columnCount].
    let tensorRowCount: Int
    let columnCount: Int
    /// The tensor's rows that the matrix consists of, in this order.
    private(set) var rows: [Range<Int>]

    /// A whole tensor [rowCount, columnCount].
    init(_ name: String, rowCount: Int, columnCount: Int) {
        self.name = name
        tensorRowCount = rowCount
        self.columnCount = columnCount
        rows = [0..<rowCount]
    }

    /// The rows of the matrix.
    var rowCount: Int { rows.totalCount }

    /// A matrix of some of the tensor's rows, which is what a fused projection is cut into.
    func taking(_ rows: [Range<Int>]) -> MatrixDescription {
        precondition(rows.allSatisfy { $0.lowerBound >= 0 && $0.upperBound <= tensorRowCount }, "the tensor has them")
        var part = self
        part.rows = rows
        return part
    }
}

/// Which numbers of a checkpoint make a vector of the model.
struct VectorDescription: Sendable {
    /// The tensor's name in Hugging Face's checkpoints.
    var name: String
    /// The tensor is [tensorCount].
    let tensorCount: Int
    /// The tensor's elements that the vector consists of, in this order.
    private(set) var elements: [Range<Int>]
    /// What is added to each number. It is 1 where checkpoints store the distance from 1.
    let addend: Float

    /// A whole tensor of `count` numbers.
    init(_ name: String, count: Int, addend: Float = 0) {
        self.name = name
        tensorCount = count
        elements = [0..<count]
        self.addend = addend
    }

    /// A vector of some of the tensor's elements, which is what the bias of a fused projection is cut into.
    func taking(_ elements: [Range<Int>]) -> VectorDescription {
        precondition(elements.allSatisfy { $0.lowerBound >= 0 && $0.upperBound <= tensorCount }, "the tensor has them")
        var part = self
        part.elements = elements
        return part
    }
}

extension [Range<Int>] {
    /// How many elements all ranges have together.
    var totalCount: Int { reduce(0) { $0 + $1.count } }
}
