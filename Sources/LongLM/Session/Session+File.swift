import SIMDKernels
import Safetensors

// A saved session is one safetensors file:
//
//   __metadata__           format, version, model (its fingerprint), the settings that decide about bits, and the capacity
//   tokens                 I64 [N]
//   logits                 F32 [V], or [0] where the session has none
//   layers.L.keys          F32 or BF16 [N, Hkv, D], rotated to their (grouped) positions
//   layers.L.values        the same
//   layers.L.neighbor_keys the same of the last M positions, rotated to true positions; of layers with a neighbor window
//   checksums              U8 [8 · count]: a little-endian hash of the metadata, and of each tensor in the order of names
//
// Numbers are stored as the cache holds them, so that a restored session continues with the same bits.

extension Session {
    static let formatName = "swift-longlm session"
    static let formatVersion = "1"
    /// The key of the saved session's capacity, for who makes a session of the file. Files of 0.1.0 don't have it, and a
    /// session of another capacity restores the file, too.
    static let capacityKey = "capacity"

    /// Writes all that the session holds to one safetensors file. It is written under a temporary name first, so the
    /// file is always either complete or unchanged.
    ///
    /// - Parameter path: Where the file goes; an existing file is replaced. The file is little larger than the keys and
    ///   values are in memory.
    /// - Throws: ``SessionFileError/safetensors(_:)`` if it can't be written, ``SessionFileError/session(_:)`` if the
    ///   session is empty, this is called from a prefill's `progress`, or there is no memory for a layer's copy.
    public func save(to path: String) throws(SessionFileError) {
        if isProcessing { throw .session(.busy) }
        if position == 0 { throw .session(.noTokens) }
        let metadata = self.metadata
        var writer = SafetensorsWriter(metadata: metadata)
        let checksums = Checksums(metadata: metadata)
        let parts = parts(length: position, neighborCount: position - cache.earliestNeighborPosition)
        let reservation = try reserve(
            parts.map { $0.shape.reduce(1, *) * $0.dtype.bitWidth / 8 }.max() ?? 0, for: .sessionFile)
        defer { withExtendedLifetime(reservation) {} }
        do {
            for part in parts {
                try writer.add(part.name, dtype: part.dtype, shape: part.shape) { [self] in
                    let bytes = contents(part)
                    bytes.withUnsafeBytes { checksums.add(part.name, $0) }
                    return bytes
                }
            }
            // The writer puts the narrowest numbers last, so this is written after all others.
            try writer.add("checksums", dtype: .uint8, shape: [8 * (writer.tensorCount + 1)]) { checksums.bytes }
            try writer.write(to: path)
        } catch { throw .safetensors(error) }
    }

    /// Replaces all that the session holds with what ``save(to:)`` wrote. The session continues with the same bits as
    /// the saved one.
    ///
    /// - Parameter path: A file of the same model, attention mode and cache format. The capacities of the two sessions
    ///   may differ, except for models whose rotary frequencies depend on the capacity.
    /// - Throws: ``SessionFileError``; the session is then unchanged.
    public func restore(from path: String) throws(SessionFileError) {
        if isProcessing { throw .session(.busy) }
        let file: SafetensorsFile
        do {
            file = try SafetensorsFile(path: path)
        } catch { throw .safetensors(error) }
        try checkMetadata(file)
        // A tensor's bytes, and its numbers as 32-bit floats.
        let copies = try reserve(3 * (file.tensors.map(\.byteCount).max() ?? 0), for: .sessionFile)
        defer { withExtendedLifetime(copies) {} }
        let saved = try SavedTensors(file)
        let tokens = try saved.tokens()
        if tokens.isEmpty { throw .notASession(file: path, reason: "it has no tokens") }
        guard tokens.count <= capacity else {
            throw .session(.capacityExceeded(needed: tokens.count, capacity: capacity))
        }
        let neighborCount = saved.neighborCount(layer: extendedLayers.first ?? 0)
        if let window = attention.method.ringWindow {
            guard (min(tokens.count, window - 1)...tokens.count).contains(neighborCount) else {
                throw .notASession(
                    file: path,
                    reason: "it has \(neighborCount) neighbor keys for \(tokens.count) tokens and a window of "
                        + "\(window)")
            }
        }
        let parts = parts(length: tokens.count, neighborCount: neighborCount, logitCount: saved.logitCount)
        try saved.check(parts)
        let vocabularySize = model.configuration.vocabularySize
        guard saved.logitCount == 0 || saved.logitCount == vocabularySize else {
            throw .notASession(file: path, reason: "it has \(saved.logitCount) logits, not \(vocabularySize)")
        }
        do {
            try checkVocabulary(tokens)
        } catch { throw .session(error) }

        // Until the file has been read whole, the session keeps what it has.
        let second =
            position == 0
            ? nil : try reserve(cache.byteCount, for: .session(length: capacity, cacheFormat: cacheFormat))
        defer { withExtendedLifetime(second) {} }
        let cache = position == 0 ? cache : KeyValueCache(cache.size)
        cache.reserve(0..<tokens.count)
        for part in parts {
            guard case .cache(let layer, let kind) = part.content else { continue }
            cache.fill(layer, kind, from: try saved.bytes(part.name), end: tokens.count)
        }
        cache.beginRing(at: tokens.count - neighborCount)
        take(cache, tokens: tokens, logits: try saved.floats("logits"))
    }

    private func reserve(
        _ byteCount: Int, for purpose: MemoryShortage.Purpose
    ) throws(SessionFileError) -> MemoryReservation {
        do {
            return try model.memory.reserve(byteCount, for: purpose)
        } catch { throw .session(.memory(error)) }
    }

    /// The layers that have neighbor keys.
    private var extendedLayers: [Int] {
        if attention.method.ringWindow == nil { return [] }
        return model.configuration.layerAttention.indices.filter { model.configuration.layerAttention[$0].isExtended }
    }

    /// The settings that affect a session's bits, by their names in the file and in errors.
    private var settings: [(name: String, value: String)] {
        var settings = attention.settings
        settings.append(("cache_type", cacheFormat.rawValue))
        settings.append(("arithmetic", model.instructionSet.isFused ? "fused" : "unfused"))
        if model.configuration.frequenciesDependOnLength {
            settings.append(("length", String(options.frequencyLength)))
        }
        return settings
    }

    private var metadata: [String: String] {
        var metadata = Dictionary(uniqueKeysWithValues: settings.map { ($0.name, $0.value) })
        metadata["format"] = Self.formatName
        metadata["version"] = Self.formatVersion
        metadata["model"] = model.fingerprint
        metadata[Self.capacityKey] = String(capacity)
        return metadata
    }

    /// Throws for a file that isn't a saved session of this model.
    static func checkOrigin(of file: SafetensorsFile, model: LanguageModel) throws(SessionFileError) {
        guard file.metadata["format"] == formatName else {
            throw .notASession(file: file.path, reason: "its metadata don't say that it is one")
        }
        guard let version = file.metadata["version"], version == formatVersion else {
            throw .notASession(
                file: file.path, reason: "version \(file.metadata["version"] ?? "missing"), not \(formatVersion)")
        }
        guard let saved = file.metadata["model"], saved == model.fingerprint else {
            throw .otherModel(
                file: file.path, saved: file.metadata["model"] ?? "missing", expected: model.fingerprint)
        }
    }

    private func checkMetadata(_ file: SafetensorsFile) throws(SessionFileError) {
        try Self.checkOrigin(of: file, model: model)
        for (name, value) in settings where file.metadata[name] != value {
            throw .otherSetting(
                file: file.path, name: name, saved: file.metadata[name] ?? "missing", expected: value)
        }
        let knownCount = file.metadata[Self.capacityKey] == nil ? metadata.count - 1 : metadata.count
        guard file.metadata.count == knownCount else {
            throw .notASession(file: file.path, reason: "it has metadata that are not known")
        }
    }

    /// The tensors of a file, except the checksums.
    private func parts(length: Int, neighborCount: Int, logitCount: Int? = nil) -> [Part] {
        let logitCount = logitCount ?? logits.count
        let row = [
            model.configuration.keyValueHeadCount, cacheFormat.savedLength(model.configuration.headDimension),
        ]
        let dtype = cacheFormat.savedType
        var parts = [
            Part(name: "tokens", dtype: .int64, shape: [length], content: .tokens),
            Part(name: "logits", dtype: .float32, shape: [logitCount], content: .logits),
        ]
        let extendedLayers = Set(extendedLayers)
        for layer in 0..<model.configuration.layerCount {
            func add(_ kind: CachedKind, _ name: String, _ count: Int) {
                parts.append(
                    Part(
                        name: "layers.\(layer).\(name)", dtype: dtype, shape: [count] + row,
                        content: .cache(layer: layer, kind)))
            }
            add(.keys, "keys", length)
            add(.values, "values", length)
            if extendedLayers.contains(layer) { add(.neighborKeys, "neighbor_keys", neighborCount) }
        }
        return parts
    }

    /// The numbers of a part, little-endian.
    private func contents(_ part: Part) -> [UInt8] {
        switch part.content {
        case .tokens: littleEndianBytes(tokens.map { Int64($0).littleEndian })
        case .logits: littleEndianBytes(logits.map(\.bitPattern.littleEndian))
        case .cache(let layer, let kind): cache.littleEndianBytes(layer, kind, end: position)
        }
    }
}

private func littleEndianBytes(_ numbers: [some FixedWidthInteger]) -> [UInt8] {
    numbers.withUnsafeBytes { Array($0) }
}

/// One tensor of a saved session.
private struct Part {
    enum Content {
        case tokens, logits
        case cache(layer: Int, CachedKind)
    }

    let name: String
    let dtype: DType
    let shape: [Int]
    let content: Content
}

/// What a cache holds for a layer.
enum CachedKind {
    case keys, values, neighborKeys
}

extension KeyValueCache {
    /// The positions that a kind has in a text of `end` tokens.
    private func positions(_ kind: CachedKind, count: Int, end: Int) -> Range<Int> {
        kind == .neighborKeys ? (end - count)..<end : 0..<count
    }

    /// All of a layer's numbers of one kind, [count, Hkv, D], in the form that the cache's format has in files.
    fileprivate func littleEndianBytes(_ layer: Int, _ kind: CachedKind, end: Int) -> [UInt8] {
        let (headCount, dimension) = (shape.keyValueHeadCount, shape.headDimension)
        let count = kind == .neighborKeys ? end - earliestNeighborPosition : end
        // The standard library shares one empty array, and would write to it here.
        if count == 0 { return [] }
        let size = shape.cacheFormat.byteCount(dimension)
        return [UInt8](unsafeUninitializedCapacity: count * headCount * size) { buffer, initialized in
            let bytes = UnsafeMutableRawBufferPointer(buffer)
            withUnsafeTemporaryAllocation(of: Float.self, capacity: headCount * dimension) { row in
                guard let row = row.baseAddress, var target = bytes.baseAddress else { return }
                for position in positions(kind, count: count, end: end) {
                    let segment = segments(layer: layer)[position / AttentionShape.segmentLength]
                    switch kind {
                    case .keys: shape.loadKey(position: position, segment: segment, into: row)
                    case .values: shape.loadValue(position: position, segment: segment, into: row)
                    case .neighborKeys:
                        shape.loadNeighborKey(
                            position: position, ring: ring(layer: layer), panelCount: ringPanelCount, into: row)
                    }
                    for head in 0..<headCount {
                        shape.cacheFormat.encode(row + head * dimension, headDimension: dimension, to: target)
                        target += size
                    }
                }
            }
            initialized = count * headCount * size
        }
    }

    /// The inverse. Room for `end` positions must have been reserved.
    fileprivate func fill(_ layer: Int, _ kind: CachedKind, from bytes: [UInt8], end: Int) {
        let (headCount, dimension) = (shape.keyValueHeadCount, shape.headDimension)
        let size = shape.cacheFormat.byteCount(dimension)
        bytes.withUnsafeBytes { bytes in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: headCount * dimension) { row in
                guard let row = row.baseAddress, var source = bytes.baseAddress else { return }
                for position in positions(kind, count: bytes.count / (headCount * size), end: end) {
                    for head in 0..<headCount {
                        shape.cacheFormat.decode(source, headDimension: dimension, to: row + head * dimension)
                        source += size
                    }
                    let segment = segments(layer: layer)[position / AttentionShape.segmentLength]
                    switch kind {
                    case .keys: shape.storeKey(row, position: position, segment: segment)
                    case .values: shape.storeValue(row, position: position, segment: segment)
                    case .neighborKeys:
                        shape.storeNeighborKey(
                            row, position: position, ring: ring(layer: layer), panelCount: ringPanelCount)
                    }
                }
            }
        }
    }
}

extension CacheFormat {
    /// The type of the tensors of a saved session.
    fileprivate var savedType: DType {
        switch self {
        case .float32: .float32
        case .bfloat16: .bfloat16
        // Pairs of bytes: the writer puts the narrowest numbers last, and the checksums, which are bytes, must be.
        case .int8: .uint16
        }
    }

    /// The last dimension of those tensors: the numbers of a head, or the pairs of bytes that hold its scales and codes. D
    /// is even.
    fileprivate func savedLength(_ headDimension: Int) -> Int {
        switch self {
        case .float32, .bfloat16: headDimension
        case .int8: byteCount(headDimension) / 2
        }
    }
}

/// The checksums of a file, gathered while its tensors are written.
private final class Checksums {
    private let metadataHash: UInt64
    // A list, because Swift may consider two different names equal.
    private var hashes: [(name: String, hash: UInt64)] = []

    init(metadata: [String: String]) {
        var hash = WordHash()
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
            hash.add(key)
            hash.add(value)
        }
        metadataHash = hash.value
    }

    func add(_ name: String, _ bytes: UnsafeRawBufferPointer) {
        hashes.append((name, WordHash.hash(bytes)))
    }

    /// The hash of the metadata, then those of all tensors in the order of their names.
    var bytes: [UInt8] {
        let all = [metadataHash] + hashes.sorted { $0.name < $1.name }.map(\.hash)
        return littleEndianBytes(all.map(\.littleEndian))
    }
}

/// The tensors of a file, each compared with its checksum before it is used.
private struct SavedTensors {
    private let file: SafetensorsFile

    /// Compares all checksums.
    init(_ file: SafetensorsFile) throws(SessionFileError) {
        self.file = file
        let found = Checksums(metadata: file.metadata)
        var names: [String] = []
        for name in file.tensorNames.sorted() where name != "checksums" {
            names.append(name)
            try Self.bytes(name, file).withUnsafeBytes { found.add(name, $0) }
        }
        let stated = try Self.bytes("checksums", file)
        let computed = found.bytes
        guard stated.count == computed.count else {
            throw .damaged(file: file.path, part: "the list of tensors")
        }
        for (index, name) in (["the metadata"] + names).enumerated() {
            let range = (8 * index)..<(8 * index + 8)
            if stated[range] != computed[range] { throw .damaged(file: file.path, part: name) }
        }
    }

    private static func tensor(_ name: String, _ file: SafetensorsFile) throws(SessionFileError) -> TensorView {
        do {
            return try file.tensor(name)
        } catch { throw .safetensors(error) }
    }

    private static func bytes(_ name: String, _ file: SafetensorsFile) throws(SessionFileError) -> [UInt8] {
        do {
            return try file.tensor(name).bytes()
        } catch { throw .safetensors(error) }
    }

    /// The first dimension of a tensor, 0 without one.
    private func count(_ name: String) -> Int { file.tensors.first { $0.name == name }?.shape.first ?? 0 }

    var logitCount: Int { count("logits") }
    func neighborCount(layer: Int) -> Int { count("layers.\(layer).neighbor_keys") }

    /// Throws for a file that has other tensors.
    func check(_ parts: [Part]) throws(SessionFileError) {
        guard file.tensors.count == parts.count + 1 else {
            throw .notASession(file: file.path, reason: "it has \(file.tensors.count) tensors, not \(parts.count + 1)")
        }
        for part in parts {
            let info = try Self.tensor(part.name, file).info
            guard info.shape == part.shape, info.dtype == part.dtype else {
                throw .notASession(
                    file: file.path,
                    reason: "tensor \(part.name) is \(info.dtype.rawValue) \(info.shape), not "
                        + "\(part.dtype.rawValue) \(part.shape)")
            }
        }
    }

    func tokens() throws(SessionFileError) -> [Int] {
        let tensor = try Self.tensor("tokens", file)
        do {
            return try tensor.integers()
        } catch { throw .safetensors(error) }
    }

    func bytes(_ name: String) throws(SessionFileError) -> [UInt8] {
        let tensor = try Self.tensor(name, file)
        do {
            return try tensor.bytes()
        } catch { throw .safetensors(error) }
    }

    func floats(_ name: String) throws(SessionFileError) -> [Float] {
        let tensor = try Self.tensor(name, file)
        do {
            return try tensor.floats()
        } catch { throw .safetensors(error) }
    }
}
