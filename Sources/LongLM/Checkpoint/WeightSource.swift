import SIMDKernels

/// Whatever holds the weights of a model: a container format behind one interface.
///
/// A source answers to the names of Hugging Face's checkpoints. A container that names, orders or stores tensors in
/// another way translates here: it may assemble a tensor from several that are stored, and give its rows in another
/// order. Families, plan and packer see nothing of that.
package protocol WeightSource: Sendable {
    /// The path of the file or directory, by which errors name the whole.
    var path: String { get }

    /// The names of all tensors that are stored. Each must be taken by somebody, or known to change nothing.
    var storedNames: [String] { get }

    /// What is known of a tensor without reading its numbers; nil when there is none of this name.
    func tensor(_ name: String) -> StoredTensor?

    /// Copies the bytes of some rows of a tensor in its ``StoredTensor/format``, row after row. A row is what the tensor's
    /// first dimension counts.
    ///
    /// - Parameters:
    ///   - rows: Which rows.
    ///   - tensor: The tensor.
    ///   - target: Where they go: as many bytes as they have.
    /// - Throws: ``CheckpointError`` when they can't be read.
    func readRows(
        _ rows: Range<Int>, of tensor: StoredTensor, into target: UnsafeMutableRawBufferPointer
    ) throws(CheckpointError)

    /// All numbers of a tensor that has a ``StoredTensor/format``, widened exactly.
    ///
    /// - Throws: ``CheckpointError`` when they can't be read.
    func floats(of tensor: StoredTensor) throws(CheckpointError) -> [Float]
}

/// What a source knows of one tensor.
package struct StoredTensor: Sendable, Equatable {
    /// The name by which it is asked for.
    package let name: String
    /// The path of its file.
    package let file: String
    /// Its dimensions, outermost first; none for a scalar.
    package let shape: [Int]
    /// What the container calls the type of its numbers, such as `BF16`.
    package let typeName: String
    /// How its numbers are stored; nil for a type that can't be computed with.
    package let format: WeightFormat?
    /// The bytes of all its rows in that format. They are those in the file, unless the source assembles it.
    package let byteCount: Int
    /// The stored tensors that it consists of: for most its name alone; quantised weights may keep their scales beside them.
    package let partNames: [String]
    /// By how much its numbers are larger than in Hugging Face's checkpoints. GGUF stores Gemma's normalisations with the
    /// 1 that models add to them.
    package let offset: Float

    /// A tensor; by default it consists of itself, and has the numbers of Hugging Face's checkpoints.
    package init(
        name: String, file: String, shape: [Int], typeName: String, format: WeightFormat?, byteCount: Int,
        partNames: [String]? = nil, offset: Float = 0
    ) {
        self.name = name
        self.file = file
        self.shape = shape
        self.typeName = typeName
        self.format = format
        self.byteCount = byteCount
        self.partNames = partNames ?? [name]
        self.offset = offset
    }

    /// How many numbers it has.
    package var elementCount: Int {
        // Where a dimension is zero, the product of the others may overflow.
        shape.contains(0) ? 0 : shape.reduce(1, *)
    }
}

/// Opens what holds the weights at a path. A new container format is recognised here.
///
/// - Parameter path: A directory with `model.safetensors` or its shards, one safetensors file, a GGUF file or the first of
///   its shards, or a directory with nothing else.
/// - Throws: ``CheckpointError`` when the files aren't valid.
package func openWeights(at path: String) throws(CheckpointError) -> any WeightSource {
    switch try ModelLocation(path) {
    case .huggingFace(let path): try SafetensorsSource(path: path)
    case .gguf(let path): try GGUFSource(path: path)
    }
}
