import ArgumentParser
import Foundation
import LongLM

/// `longlm inspect`
struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show a checkpoint's tensors and the memory that the model needs.",
        discussion: """
            Reads headers only, so it is quick for a checkpoint of any size. For a directory with config.json it also \
            says how much memory weights and KV cache take for --length tokens.
            """)

    @Argument(help: ArgumentHelp("A model's directory, or a safetensors file.", valueName: "dir|file"))
    var path: String

    @Option(help: ArgumentHelp("Tokens to reckon memory for; by default the model's context.", valueName: "n"))
    var length: Int?

    @Option(help: ArgumentHelp("Self-Extend's W, whose ring of keys is reckoned with.", valueName: "w"))
    var neighborWindow: Int?

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
            throw CommandError.invalidInput("\(path): no such file or directory")
        }
        guard isDirectory.boolValue || length == nil && neighborWindow == nil else {
            throw CommandError.invalidInput("\(path): --length and --neighbor-window need a directory with config.json")
        }
        let files = isDirectory.boolValue ? try Checkpoint(directory: path).files : [try SafetensorsFile(path: path)]
        var report = Report(files: files)
        if isDirectory.boolValue {
            do {
                let configuration = try ModelConfiguration(contentsOfFile: path + "/config.json")
                report.model = Report.Model(
                    configuration, weightBytes: report.weightBytes, length: length ?? configuration.contextLength,
                    neighborWindow: neighborWindow)
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
        let cacheBytes: Int
        let totalBytes: Int

        init(_ configuration: ModelConfiguration, weightBytes: Int, length: Int, neighborWindow: Int?) {
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
            cacheBytes = configuration.cacheByteCount(length: length, neighborWindow: neighborWindow)
            totalBytes = weightBytes + cacheBytes
        }
    }

    let tensors: [Tensor]
    let parameters: Int
    let weightBytes: Int
    var model: Model?
    var modelError: String?

    init(files: [SafetensorsFile]) {
        tensors = files.flatMap { file in
            file.tensors.map {
                Tensor(
                    name: $0.name, dtype: $0.dtype.rawValue, shape: $0.shape, bytes: $0.byteCount, file: file.path)
            }
        }
        parameters = files.reduce(0) { $0 + $1.tensors.reduce(0) { $0 + $1.elementCount } }
        weightBytes = tensors.reduce(0) { $0 + $1.bytes }
    }

    var text: String {
        let rows = tensors.map { tensor in
            (
                tensor.name, tensor.dtype, "[" + tensor.shape.map(String.init).joined(separator: ", ") + "]",
                tensor.bytes.formattedBytes
            )
        }
        let nameWidth = rows.map(\.0.count).max() ?? 0
        let shapeWidth = rows.map(\.2.count).max() ?? 0
        var lines = rows.map { name, dtype, shape, bytes in
            "\(name.aligned(left: nameWidth))  \(dtype.aligned(left: 7))  \(shape.aligned(left: shapeWidth))  \(bytes)"
        }
        if !lines.isEmpty { lines.append("") }
        lines.append("tensors     \(tensors.count.grouped)")
        lines.append("parameters  \(parameters.grouped)")
        lines.append("weights     \(weightBytes.formattedBytes)")
        if let model {
            lines.append(
                "model       \(model.modelType): \(model.layers) layers, hidden \(model.hiddenSize), feed-forward "
                    + "\(model.intermediateSize), \(model.queryHeads) query and \(model.keyValueHeads) key-value heads "
                    + "of \(model.headDimension), vocabulary \(model.vocabularySize.grouped)")
            lines.append("context     \(model.contextLength.grouped) tokens")
            lines.append(
                "memory      \(model.totalBytes.formattedBytes) for \(model.length.grouped) tokens: weights and a KV "
                    + "cache of \(model.cacheBytes.formattedBytes); activations come on top")
        }
        if let modelError { lines.append("model       \(modelError.singleLine)") }
        return lines.joined(separator: "\n") + "\n"
    }
}
