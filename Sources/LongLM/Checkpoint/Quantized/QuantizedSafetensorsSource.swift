import SIMDKernels

/// The weights of a safetensors checkpoint that keeps quantised matrices in parts: codes in one tensor, scales in
/// another.
///
/// A matrix answers to the name that it has unquantised. Its rows come in ``QuantizedMatrix/format``, made from the parts
/// while they are read. All other tensors are those of the checkpoint.
struct QuantizedSafetensorsSource: WeightSource {
    private let stored: SafetensorsSource
    private let matrices: [String: QuantizedMatrix]
    /// Biases that are 0. Some writers give one to every quantised matrix, whether the model has it or not.
    private let zeroBiases: Set<String>

    /// Finds the quantised matrices of a checkpoint, and checks the types and shapes of their parts.
    ///
    /// - Parameters:
    ///   - stored: The checkpoint.
    ///   - form: How it is quantised.
    /// - Throws: ``CheckpointError`` when parts are missing, or don't fit each other or the form.
    init(_ stored: SafetensorsSource, form: any QuantizationForm) throws(CheckpointError) {
        self.stored = stored
        var matrices: [String: QuantizedMatrix] = [:]
        for name in stored.storedNames {
            if let matrix = try form.matrix(of: name, in: stored) { matrices[matrix.tensor.name] = matrix }
        }
        self.matrices = matrices
        var zeroBiases: Set<String> = []
        for matrix in matrices.values {
            guard let module = matrix.tensor.name.removing(suffix: ".weight"),
                let bias = stored.tensor(module + ".bias"), bias.shape == [matrix.rowCount], bias.format != nil,
                try stored.floats(of: bias).allSatisfy({ $0 == 0 })
            else { continue }
            zeroBiases.insert(bias.name)
        }
        self.zeroBiases = zeroBiases
    }

    var path: String { stored.path }

    var storedNames: [String] { stored.storedNames.filter { !zeroBiases.contains($0) } }

    func tensor(_ name: String) -> StoredTensor? { matrices[name]?.tensor ?? stored.tensor(name) }

    func readRows(
        _ rows: Range<Int>, of tensor: StoredTensor, into target: UnsafeMutableRawBufferPointer
    ) throws(CheckpointError) {
        guard let matrix = matrices[tensor.name] else { return try stored.readRows(rows, of: tensor, into: target) }
        try matrix.readRows(rows, into: target)
    }

    func floats(of tensor: StoredTensor) throws(CheckpointError) -> [Float] {
        guard let matrix = matrices[tensor.name] else { return try stored.floats(of: tensor) }
        let bytes = AlignedBuffer(byteCount: matrix.tensor.byteCount)
        let buffer = UnsafeMutableRawBufferPointer(start: bytes.bytes, count: matrix.tensor.byteCount)
        try matrix.readRows(0..<matrix.rowCount, into: buffer)
        return matrix.format.widened(UnsafeRawBufferPointer(buffer), count: matrix.tensor.elementCount)
    }
}

/// Opens the weights of a model's directory in Hugging Face's form, quantised or not.
///
/// - Parameters:
///   - directory: The directory.
///   - configuration: The contents of its config.json, which says how weights are quantised.
/// - Throws: ``CheckpointError`` when the files aren't valid, or the weights are quantised in a form that isn't read.
package func openWeights(directory: String, configuration: [UInt8]) throws(CheckpointError) -> any WeightSource {
    let stored = try SafetensorsSource(path: directory)
    guard let form = try QuantizationReader.form(directory: directory, configuration: configuration) else {
        return stored
    }
    return try QuantizedSafetensorsSource(stored, form: form)
}

/// A form in which checkpoints keep quantised matrices. One conformance, in a file of its own, is one form.
protocol QuantizationForm: Sendable {
    /// The matrix whose codes are in a stored tensor; nil for a tensor that holds no codes.
    ///
    /// - Throws: ``CheckpointError`` when other parts of the matrix are missing, or don't fit.
    func matrix(of name: String, in source: SafetensorsSource) throws(CheckpointError) -> QuantizedMatrix?
}

/// What reads the codes and scales of one matrix from its parts.
protocol QuantizedParts: Sendable {
    /// Reads codes without a sign, a byte each: [rows, K].
    func readCodes(_ rows: Range<Int>, into target: UnsafeMutableBufferPointer<UInt8>) throws(CheckpointError)

    /// Reads the scales of some rows, and what goes with them.
    func scales(_ rows: Range<Int>) throws(CheckpointError) -> QuantizedScales
}

/// The scales of some rows, [rows, groups].
struct QuantizedScales {
    var scales: [Float]
    /// Zero points, or minima; empty where there are none.
    var offsets: [Float] = []
}
