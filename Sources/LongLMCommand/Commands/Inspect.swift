import ArgumentParser
import Foundation
import LongLM

/// `longlm inspect`
struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show a checkpoint's tensors and the memory that the model needs.",
        discussion: """
            Reads only headers, so it is quick for a checkpoint of any size. For a directory with config.json and for a \
            GGUF file it also shows the format in which each tensor will be stored with --precision and --weights, and how \
            much memory the weights and a KV cache for --length tokens take. Of a GGUF file it shows the metadata, too.
            """)

    @Argument(help: ArgumentHelp("A model's directory, or a safetensors or GGUF file.", valueName: "dir|file"))
    var path: String

    @Option(help: ArgumentHelp("Tokens in the KV cache; by default, the model's context length.", valueName: "n"))
    var length: Int?

    @Option(help: ArgumentHelp("Self-Extend's W; its ring of keys is counted too.", valueName: "w"))
    var neighborWindow: Int?

    @OptionGroup var precision: PrecisionArguments

    @Flag(help: "Print one JSON object instead of the table.")
    var json = false

    func validate() throws {
        if let length, !(1...(1 << 24)).contains(length) {
            throw ValidationError("--length is \(length); it must be between 1 and \(1 << 24)")
        }
        if let neighborWindow, !(1...(1 << 24)).contains(neighborWindow) {
            throw ValidationError("--neighbor-window is \(neighborWindow); it must be between 1 and \(1 << 24)")
        }
    }

    func run() throws {
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
            // It may be a model's name; the error says what to do then.
            _ = try ModelLocation(ofModel: path)
            throw CommandError.invalidInput("\(path): no such file or directory")
        }
        // Parts of a model are looked at as well.
        let location = try ModelLocation(path)
        var hasModel = isDirectory.boolValue
        if case .gguf = location { hasModel = true }
        guard hasModel || length == nil && neighborWindow == nil && !precision.isStated else {
            throw CommandError.invalidInput(
                "\(path): --length, --neighbor-window, --precision, --weights and --cache need a model")
        }
        var report: Report
        switch location {
        case .huggingFace(let path): report = Report(try openWeights(at: path))
        case .gguf(let path): report = Report(try GGUFCheckpoint(path: path))
        }
        if hasModel {
            do {
                let checkpoint = try ModelCheckpoint(path: path)
                let plan = try checkpoint.weightPlan(precision.loadOptions())
                report.add(plan)
                report.model = Report.Model(
                    checkpoint.configuration, weightBytes: plan.byteCount,
                    length: length ?? checkpoint.configuration.contextLength, neighborWindow: neighborWindow,
                    cacheFormat: precision.cacheFormat)
            } catch {
                // The tensors can be looked at all the same.
                report.modelError = "\(error)"
            }
        }
        try json ? Terminal.write(json: report) : Terminal.write(report.text)
    }
}

/// What `inspect --json` prints.
private struct Report: Encodable {
    struct Tensor: Encodable {
        let name: String
        let dtype: String
        let shape: [Int]
        let bytes: Int
        let file: String
        /// How the model will store it. Absent for a tensor that is left out, and without a model.
        var format: String?
        /// The memory that the model will take for it, present with `format`.
        var packedBytes: Int?
    }

    struct Model: Encodable {
        let modelType: String
        let layers: Int
        let hiddenSize: Int
        let intermediateSize: Int
        let queryHeads: Int
        let keyValueHeads: Int
        let headDimension: Int
        let vocabularySize: Int
        let contextLength: Int
        let length: Int
        /// The packed weights.
        let weightBytes: Int
        let cacheBytes: Int
        let totalBytes: Int

        init(
            _ configuration: ModelConfiguration, weightBytes: Int, length: Int, neighborWindow: Int?,
            cacheFormat: CacheFormat
        ) {
            modelType = configuration.modelType
            layers = configuration.layerCount
            hiddenSize = configuration.hiddenSize
            intermediateSize = configuration.intermediateSize
            queryHeads = configuration.queryHeadCount
            keyValueHeads = configuration.keyValueHeadCount
            headDimension = configuration.headDimension
            vocabularySize = configuration.vocabularySize
            contextLength = configuration.contextLength
            self.length = length
            self.weightBytes = weightBytes
            cacheBytes = configuration.cacheByteCount(
                length: length, neighborWindow: neighborWindow, cacheFormat: cacheFormat)
            totalBytes = weightBytes + cacheBytes
        }
    }

    private(set) var tensors: [Tensor]
    /// Of quantised matrices in parts, what the model has.
    private(set) var parameters: Int
    /// The tensors as they are stored in the files.
    let weightBytes: Int
    var model: Model?
    var modelError: String?
    /// Of a GGUF file: all keys, and the bits that a number takes on average.
    private(set) var metadata: [MetadataEntry]?
    private(set) var bitsPerWeight: Double?

    init(_ checkpoint: GGUFCheckpoint) {
        tensors = checkpoint.files.flatMap { file in
            file.tensors.map {
                Tensor(name: $0.name, dtype: $0.type.name, shape: $0.shape, bytes: $0.byteCount, file: file.path)
            }
        }
        parameters = checkpoint.tensors.reduce(0) { $0 + $1.elementCount }
        weightBytes = checkpoint.byteCount
        metadata = MetadataEntry.all(of: checkpoint.metadata)
        if parameters > 0 { bitsPerWeight = 8 * Double(weightBytes) / Double(parameters) }
    }

    init(_ source: any WeightSource) {
        let stored = source.storedNames.compactMap(source.tensor)
        tensors = stored.map {
            Tensor(name: $0.name, dtype: $0.typeName, shape: $0.shape, bytes: $0.byteCount, file: $0.file)
        }
        parameters = stored.reduce(0) { $0 + $1.elementCount }
        weightBytes = stored.reduce(0) { $0 + $1.byteCount }
    }

    /// Adds how a model stores each tensor. The parts of a fused tensor are counted together.
    mutating func add(_ plan: WeightPlan) {
        // A source may answer to other names than those that are stored.
        let entries = Dictionary(grouping: plan.entries) { $0.tensor.partNames.first ?? $0.tensor.name }
        for index in tensors.indices {
            guard let parts = entries[tensors[index].name] else { continue }
            tensors[index].format = parts.first?.format.rawValue
            tensors[index].packedBytes = parts.reduce(0) { $0 + $1.byteCount }
        }
        // Scales, for instance: they are a part of the matrix in front of them.
        let others = plan.entries.flatMap { entry in
            entry.tensor.partNames.dropFirst().map { ($0, entry.format.rawValue) }
        }
        guard !others.isEmpty else { return }
        let formats = Dictionary(others) { first, _ in first }
        for index in tensors.indices where tensors[index].format == nil {
            guard let format = formats[tensors[index].name] else { continue }
            tensors[index].format = format
            tensors[index].packedBytes = 0
        }
        let whole = Dictionary(plan.entries.map { ($0.tensor.name, $0.tensor.elementCount) }) { first, _ in first }
        parameters = whole.values.reduce(0, +)
    }

    var text: String {
        let rows = tensors.map { tensor in
            [
                tensor.name, tensor.dtype, "[" + tensor.shape.map(String.init).joined(separator: ", ") + "]",
                tensor.bytes.formattedBytes, model == nil ? "" : tensor.format ?? "left out",
            ]
        }
        let widths = (0..<5).map { column in rows.map(\.[column].count).max() ?? 0 }
        var lines = MetadataEntry.lines(metadata ?? [])
        if !lines.isEmpty { lines.append("") }
        lines += rows.map { row in
            let line = zip(row, widths).map { $0.aligned(left: $1) }.joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
        if !rows.isEmpty { lines.append("") }
        lines.append("tensors     \(tensors.count.grouped)")
        lines.append("parameters  \(parameters.grouped)")
        lines.append("weights     \(weightBytes.formattedBytes)")
        if let bitsPerWeight {
            let counts = Dictionary(grouping: tensors, by: \.dtype).mapValues(\.count)
            let types = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { "\($0.value) \($0.key)" }
            lines.append("formats     \(types.joined(separator: ", "))")
            lines.append("per weight  " + String(format: "%.2f bits", bitsPerWeight))
        }
        if let model {
            lines.append(
                "model       \(model.modelType): \(model.layers) layers, hidden \(model.hiddenSize), feed-forward "
                    + "\(model.intermediateSize), \(model.queryHeads) query and \(model.keyValueHeads) key-value heads "
                    + "of \(model.headDimension), vocabulary \(model.vocabularySize.grouped)")
            lines.append("context     \(model.contextLength.grouped) tokens")
            lines.append(
                "memory      \(model.totalBytes.formattedBytes) for \(model.length.grouped) tokens: weights of "
                    + "\(model.weightBytes.formattedBytes) and a KV cache of \(model.cacheBytes.formattedBytes); "
                    + "activations come on top")
        }
        if let modelError { lines.append("model       \(modelError.singleLine)") }
        return lines.joined(separator: "\n") + "\n"
    }
}
