import Foundation
import GGUF
import SIMDKernels
import Tokenization

/// Writes a model as a GGUF file whose weights are rounded, tensor by tensor.
///
/// It's made from headers, and refuses there what can't be written. ``write(to:threadCount:progress:)`` then needs little
/// memory: no more than a few rows of a matrix are there at once.
package struct ModelQuantizer {
    private let source: any WeightSource
    private let target: QuantizationTarget
    private let entries: GGUFEntries
    private let works: [TensorWork]
    private let rotaryTensors: [(name: String, numbers: [Float])]
    /// The files that the weights come from.
    private let files: Set<String>

    /// Plans the file.
    ///
    /// - Parameters:
    ///   - path: A model's directory, or a GGUF file.
    ///   - target: Which type each tensor gets.
    ///   - hasTokenizer: Whether a directory's tokenizer is written too. Without it, only this engine's tests can use the
    ///     file.
    /// - Throws: ``QuantizationError`` when the model can't be read, or can't be written as a GGUF file.
    package init(
        path: String, target: QuantizationTarget, hasTokenizer: Bool = true
    ) throws(QuantizationError) {
        let (checkpoint, plan): (ModelCheckpoint, WeightPlan)
        do throws(ModelError) {
            checkpoint = try ModelCheckpoint(path: path)
            // It refuses weights that aren't those of the model.
            plan = try checkpoint.weightPlan()
        } catch { throw .model(error) }
        self.target = target
        source = checkpoint.source
        files = Set(plan.entries.map(\.tensor.file))
        if let gguf = checkpoint.source as? GGUFSource {
            entries = Self.entries(of: gguf.checkpoint.metadata, target)
            works = Self.works(of: gguf, target)
            rotaryTensors = []
            return
        }
        let configuration = checkpoint.configuration
        let name = URL(filePath: path).standardizedFileURL.lastPathComponent
        let model = try GGUFModelEntries(configuration, name: name, file: path)
        let works = try Self.works(of: plan, configuration, model.architecture, target, file: path)
        try Self.check(model, works, configuration, file: path)
        var entries = model.entries
        entries.add(target)
        if hasTokenizer {
            entries.add(try Self.vocabulary(checkpoint, directory: path))
        } else {
            for (name, token) in [("bos", configuration.beginningToken), ("eos", checkpoint.endTokens.first)] {
                if let token { entries.add("tokenizer.ggml.\(name)_token_id", .uint32(UInt32(clamping: token))) }
            }
        }
        self.entries = entries
        self.works = works
        rotaryTensors = model.rotaryTensors
    }

    private static func vocabulary(
        _ checkpoint: ModelCheckpoint, directory: String
    ) throws(QuantizationError) -> TokenizerVocabulary {
        if let reason = ForeignModel.foreignTokenizer(directory) {
            throw .model(.notAModel(path: directory, reason: reason))
        }
        do throws(TokenizerError) {
            return try TokenizerVocabulary(
                directory: directory, tokenCount: checkpoint.configuration.vocabularySize,
                beginning: checkpoint.configuration.beginningToken, ends: checkpoint.endTokens)
        } catch { throw .tokenizer(error) }
    }

    /// Writes the file.
    ///
    /// - Parameters:
    ///   - path: Where it goes. It replaces a file that is there, but none of the model.
    ///   - threadCount: Threads to round with; nil: as for ``LoadOptions/threadCount``.
    ///   - room: The bytes that the disk has left; nil: what the system says.
    ///   - progress: Called with the fraction of the numbers that are written, which rises to 1.
    /// - Returns: What became of each tensor.
    /// - Throws: ``QuantizationError`` when the disk is too small, a file can't be read or written, an option can't be, or
    ///   the task is cancelled. Nothing is left behind then, and what was there stays.
    package func write(
        to path: String, threadCount: Int? = nil, room: Int? = nil, progress: ((Double) -> Void)? = nil
    ) throws(QuantizationError) -> [TensorOutcome] {
        let rounder: TensorRounder
        do throws(ModelError) {
            let options = LoadOptions(threadCount: threadCount)
            rounder = TensorRounder(
                source: source, threadCount: try options.checkedThreadCount(),
                instructionSet: try options.checkedInstructionSet())
        } catch { throw .model(error) }
        guard !files.contains(where: { Self.isSameFile($0, path) }) else { throw .replacesModel(file: path) }
        let layout = try layout(file: path)
        try Self.checkRoom(for: layout.byteCount, path, room)
        do throws(CheckpointError) {
            return try write(layout, to: path, rounder, progress)
        } catch {
            if case .gguf(let error) = error { throw .gguf(error) }
            throw .model(.checkpoint(error))
        }
    }

    /// Where everything will lie in the file.
    ///
    /// - Throws: ``QuantizationError/gguf(_:)`` when it would break a rule of the format.
    package func layout(file: String) throws(QuantizationError) -> GGUFLayout {
        let rotary = rotaryTensors.map { ($0.name, GGUFTensorType.float32, [$0.numbers.count]) }
        do throws(GGUFError) {
            return try GGUFLayout(
                file: file, entries: entries, tensors: rotary + works.map { ($0.name, $0.type, $0.shape) })
        } catch { throw .gguf(error) }
    }

    private func write(
        _ layout: GGUFLayout, to path: String, _ rounder: TensorRounder, _ progress: ((Double) -> Void)?
    ) throws(CheckpointError) -> [TensorOutcome] {
        let stream: GGUFStream
        do throws(GGUFError) {
            stream = try GGUFStream(path: path, layout)
            for tensor in rotaryTensors {
                let words = tensor.numbers.map(\.bitPattern.littleEndian)
                try words.withUnsafeBufferPointer { [stream] (words) throws(GGUFError) in
                    try stream.append(UnsafeRawBufferPointer(words))
                }
            }
        } catch { throw .gguf(error) }
        let outcomes = try round(to: stream, rounder, progress)
        do throws(GGUFError) { try stream.finish() } catch { throw .gguf(error) }
        return outcomes
    }

    private func round(
        to stream: GGUFStream, _ rounder: TensorRounder, _ progress: ((Double) -> Void)?
    ) throws(CheckpointError) -> [TensorOutcome] {
        let total = Double(max(works.reduce(0) { $0 + $1.elementCount }, 1))
        var written = 0
        var outcomes: [TensorOutcome] = []
        for work in works {
            let outcome = try rounder.round(
                work,
                progress: { count in
                    written += count
                    progress?(Double(written) / total)
                },
                append: { (bytes) throws(CheckpointError) in
                    do throws(GGUFError) { try stream.append(bytes) } catch { throw .gguf(error) }
                })
            outcomes.append(outcome)
        }
        return outcomes
    }
}

extension GGUFEntries {
    /// Adds the keys that say how weights are rounded.
    fileprivate mutating func add(_ target: QuantizationTarget) {
        add("general.file_type", .uint32(target.fileType))
        add("general.quantization_version", .uint32(2))
    }
}

// MARK: - The plan of a GGUF file

extension ModelQuantizer {
    /// All keys but those that change.
    private static func entries(of metadata: GGUFMetadata, _ target: QuantizationTarget) -> GGUFEntries {
        let changed: Set = [
            "general.file_type", "general.quantization_version", "general.alignment", "split.no", "split.count",
            "split.tensors.count",
        ]
        var entries = GGUFEntries()
        for key in metadata.keys where !changed.contains(key) {
            if let value = metadata[key] { entries.add(key, value) }
        }
        entries.add(target)
        return entries
    }

    private static func works(of source: GGUFSource, _ target: QuantizationTarget) -> [TensorWork] {
        source.checkpoint.tensors.compactMap { info in
            guard let tensor = source.tensor(info.name) else { return nil }
            return TensorWork(
                name: info.name, shape: info.shape,
                choice: target.choice(info.name, shape: info.shape, stored: info.type), parts: [tensor])
        }
    }
}

// MARK: - The plan of a directory

extension ModelQuantizer {
    private static func works(
        of plan: WeightPlan, _ configuration: ModelConfiguration, _ architecture: String, _ target: QuantizationTarget,
        file: String
    ) throws(QuantizationError) -> [TensorWork] {
        guard let names = GGUFNames(architecture: architecture) else {
            throw .inexpressible(file: file, part: "the architecture \(architecture)")
        }
        var works: [TensorWork] = []
        var places: [String: Int] = [:]
        var seen: Set<String> = []
        for tensor in plan.entries.map(\.tensor) where seen.insert(tensor.name).inserted {
            guard let (module, suffix) = names.stored(tensor.name) else {
                throw .inexpressible(file: file, part: "the tensor \(tensor.name)")
            }
            let name = module.name + suffix
            if module.head != nil, let place = places[name] {
                works[place].parts.append(tensor)
                continue
            }
            places[name] = works.count
            // The norms of all heads are one tensor.
            let headCount =
                module.name.hasSuffix("k_norm") ? configuration.keyValueHeadCount : configuration.queryHeadCount
            let shape = (module.head == nil ? [] : [headCount]) + tensor.shape
            var work = TensorWork(
                name: name, shape: shape, choice: target.choice(name, shape: shape, stored: nil), parts: [tensor])
            work.order = module.order
            work.headCount =
                module.name.hasSuffix("attn_k") ? configuration.keyValueHeadCount : configuration.queryHeadCount
            if names.normsHoldOne, name.hasSuffix("_norm.weight") { work.addend = 1 }
            works.append(work)
        }
        return works
    }

    /// Reads the keys back, and refuses a model that they don't describe. The tensors are there without their numbers.
    private static func check(
        _ model: GGUFModelEntries, _ works: [TensorWork], _ configuration: ModelConfiguration, file: String
    ) throws(QuantizationError) {
        let empty = works.map { ($0.name, GGUFTensorType.float32, Array($0.shape.dropLast()) + [0]) }
        let rotary = model.rotaryTensors.map { ($0.name, GGUFTensorType.float32, [$0.numbers.count]) }
        let written: ModelConfiguration
        do {
            let layout = try GGUFLayout(file: file, entries: model.entries, tensors: rotary + empty)
            var bytes = layout.header
            for tensor in model.rotaryTensors {
                for number in tensor.numbers {
                    withUnsafeBytes(of: number.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
                }
                while bytes.count % 32 != 0 { bytes.append(0) }
            }
            let source = try GGUFSource(GGUFCheckpoint(GGUFFile(bytes: bytes, name: file)))
            written = try ModelConfiguration(GGUFConfiguration(source))
        } catch { throw .inexpressible(file: file, part: "this model (\(error))") }
        if let part = configuration.difference(from: written) {
            throw .inexpressible(file: file, part: "\(part) of this model")
        }
    }
}

// MARK: - The place of the file

extension ModelQuantizer {
    private static func isSameFile(_ path: String, _ other: String) -> Bool {
        func real(_ path: String) -> String { URL(filePath: path).resolvingSymlinksInPath().standardizedFileURL.path }
        return real(path) == real(other)
    }

    /// Refuses a regular file for which the disk has no room.
    private static func checkRoom(
        for byteCount: Int, _ path: String, _ stated: Int?
    ) throws(QuantizationError) {
        let type = (try? FileManager.default.attributesOfItem(atPath: path))?[.type] as? FileAttributeType
        guard type == nil || type == .typeRegular || type == .typeSymbolicLink else { return }
        let folder = URL(filePath: path).resolvingSymlinksInPath().deletingLastPathComponent().path
        let attributes = try? FileManager.default.attributesOfFileSystem(forPath: folder)
        let available = stated ?? (attributes?[.systemFreeSize] as? NSNumber)?.intValue
        guard let available, byteCount > available else { return }
        throw .diskTooSmall(file: path, byteCount: byteCount, available: available)
    }
}
