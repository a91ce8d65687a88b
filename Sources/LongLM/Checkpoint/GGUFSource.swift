import GGUF
import SIMDKernels

/// The weights of a GGUF file, or of all its shards.
///
/// Tensors are known by two names: those that are stored, and those by which Hugging Face's checkpoints call the same
/// numbers. Under the second kind of name, rows have the order of Hugging Face's checkpoints.
struct GGUFSource: WeightSource {
    let checkpoint: GGUFCheckpoint
    /// `general.architecture`; nil where the file says none.
    let architecture: String?
    /// nil for an architecture that can't be run. Its tensors can be looked at under their own names.
    private let names: GGUFNames?
    /// Hq and Hkv.
    private let headCounts: (query: Int, keyValue: Int)

    /// Maps and checks all files.
    ///
    /// - Parameter path: The file, or the first shard.
    /// - Throws: ``CheckpointError/gguf(_:)``.
    init(path: String) throws(CheckpointError) {
        let checkpoint: GGUFCheckpoint
        do throws(GGUFError) {
            checkpoint = try GGUFCheckpoint(path: path)
        } catch { throw .gguf(error) }
        try self.init(checkpoint)
    }

    /// The weights of files that have been checked.
    ///
    /// - Throws: ``CheckpointError/gguf(_:)``.
    init(_ checkpoint: GGUFCheckpoint) throws(CheckpointError) {
        do throws(GGUFError) {
            let metadata = checkpoint.metadata
            architecture = try metadata.string("general.architecture")
            let key = "\(architecture ?? "").attention.head_count"
            let query = try metadata.integerOrIntegers(key)?.first ?? 0
            headCounts = (query, try metadata.integerOrIntegers(key + "_kv")?.first ?? query)
            names = architecture.flatMap(GGUFNames.init)
            self.checkpoint = checkpoint
        } catch { throw .gguf(error) }
    }

    var path: String { checkpoint.path }

    var storedNames: [String] {
        checkpoint.tensors.map(\.name).filter { names?.rotaryTensors.contains($0) != true }
    }

    func tensor(_ name: String) -> StoredTensor? {
        guard let place = place(of: name) else { return nil }
        let info = place.view.info
        let isNorm = place.view.info.name.hasSuffix("_norm.weight")
        return StoredTensor(
            name: name, file: place.view.path, shape: place.shape, typeName: info.type.name,
            format: WeightFormat(info.type), byteCount: place.range.count, partNames: [info.name],
            offset: name != info.name && isNorm && names?.normsHoldOne == true ? 1 : 0)
    }

    func readRows(
        _ rows: Range<Int>, of tensor: StoredTensor, into target: UnsafeMutableRawBufferPointer
    ) throws(CheckpointError) {
        guard let place = place(of: tensor.name) else {
            throw .missingTensor(file: tensor.file, tensor: tensor.name)
        }
        let (begin, size) = (place.range.lowerBound, place.rowByteCount)
        do throws(GGUFError) {
            if place.order == .same {
                try place.view.read(
                    (begin + rows.lowerBound * size)..<(begin + rows.upperBound * size), into: target)
                return
            }
            for (index, row) in rows.enumerated() {
                let first = begin + place.storedRow(row) * size
                try place.view.read(
                    first..<(first + size),
                    into: UnsafeMutableRawBufferPointer(rebasing: target[(index * size)..<((index + 1) * size)]))
            }
        } catch { throw .gguf(error) }
    }

    func floats(of tensor: StoredTensor) throws(CheckpointError) -> [Float] {
        guard let format = tensor.format else {
            throw .unsupportedTensorType(file: tensor.file, tensor: tensor.name, type: tensor.typeName)
        }
        guard let place = place(of: tensor.name) else {
            throw .missingTensor(file: tensor.file, tensor: tensor.name)
        }
        let count = tensor.elementCount
        guard count % format.columnMultiple == 0, format.rowByteCount(columnCount: count) == place.range.count else {
            throw .malformedTensor(
                file: tensor.file, tensor: tensor.name, reason: "has no whole blocks of \(tensor.typeName)")
        }
        // In one piece, since a block may hold the numbers of several rows; those are put in order as floats.
        let bytes = AlignedBuffer(byteCount: place.range.count)
        let buffer = UnsafeMutableRawBufferPointer(start: bytes.bytes, count: place.range.count)
        do throws(GGUFError) { try place.view.read(place.range, into: buffer) } catch { throw .gguf(error) }
        let floats = format.widened(UnsafeRawBufferPointer(buffer), count: count)
        guard place.order != .same, let rowCount = place.shape.first, rowCount > 0 else { return floats }
        let rowLength = count / rowCount
        return (0..<rowCount).flatMap { row in
            let first = place.storedRow(row) * rowLength
            return floats[first..<(first + rowLength)]
        }
    }
}

// MARK: Places

extension GGUFSource {
    /// Which bytes of which stored tensor are a tensor of some name, and in which order.
    private struct Place {
        let view: GGUFTensorView
        /// The tensor's bytes within those of the stored one.
        let range: Range<Int>
        let shape: [Int]
        var order = GGUFNames.RowOrder.same
        /// Hq or Hkv, for rows in another order.
        var headCount = 1

        var rowByteCount: Int { range.count / max(shape.first ?? 1, 1) }

        /// Where a row is stored.
        func storedRow(_ row: Int) -> Int {
            let rowCount = shape[0]
            switch order {
            case .same: return row
            case .pairs:
                let dimension = rowCount / headCount
                let (head, inHead) = row.quotientAndRemainder(dividingBy: dimension)
                let (component, pair) = inHead.quotientAndRemainder(dividingBy: dimension / 2)
                return head * dimension + 2 * pair + component
            case .partsBeforeHeads:
                let dimension = rowCount / (3 * headCount)
                let (headAndPart, inHead) = row.quotientAndRemainder(dividingBy: dimension)
                let (head, part) = headAndPart.quotientAndRemainder(dividingBy: 3)
                return (part * headCount + head) * dimension + inHead
            }
        }
    }

    /// The place of a tensor by either kind of name; nil when there is none.
    private func place(of name: String) -> Place? {
        if let view = try? checkpoint.tensor(name) {
            return Place(view: view, range: 0..<view.info.byteCount, shape: view.info.shape)
        }
        guard let (module, suffix) = names?.stored(name) else { return nil }
        guard let view = try? checkpoint.tensor(module.name + suffix) else { return fusedPart(module, suffix) }
        if let head = module.head { return headNorm(view, head) }
        var place = Place(view: view, range: 0..<view.info.byteCount, shape: view.info.shape)
        let isKey = module.name.hasSuffix("attn_k")
        let headCount = isKey ? headCounts.keyValue : headCounts.query
        let unit = module.order == .pairs ? 2 : 3
        // Rows that don't make whole heads are another count than the configuration implies, and the plan says so.
        if module.order != .same, headCount > 0, let rowCount = place.shape.first,
            case (let product, false) = unit.multipliedReportingOverflow(by: headCount), rowCount % product == 0
        {
            place.order = module.order
            place.headCount = headCount
        }
        return place
    }

    /// The norm of one head, where those of all are one tensor [heads, D].
    private func headNorm(_ view: GGUFTensorView, _ head: Int) -> Place? {
        let info = view.info
        guard info.shape.count == 2, head >= 0, head < info.shape[0] else { return nil }
        let size = info.byteCount / info.shape[0]
        return Place(view: view, range: (head * size)..<((head + 1) * size), shape: [info.shape[1]])
    }

    /// Queries, keys or values where a file has all in one tensor, as older ones do.
    private func fusedPart(_ module: GGUFNames.Module, _ suffix: String) -> Place? {
        let parts = ["attn_q", "attn_k", "attn_v"]
        guard module.order == .same, let part = parts.firstIndex(where: module.name.hasSuffix),
            let view = try? checkpoint.tensor(module.name.dropLast(6) + "attn_qkv" + suffix)
        else { return nil }
        let (query, keyValue) = headCounts
        let info = view.info
        guard query > 0, keyValue > 0, query <= 1 << 20, keyValue <= 1 << 20, let rowCount = info.shape.first,
            rowCount > 0, rowCount % (query + 2 * keyValue) == 0, info.byteCount % rowCount == 0
        else { return nil }
        let dimension = rowCount / (query + 2 * keyValue)
        let counts = [query, keyValue, keyValue].map { $0 * dimension }
        let first = counts[..<part].reduce(0, +)
        let size = info.byteCount / rowCount
        return Place(
            view: view, range: (first * size)..<((first + counts[part]) * size),
            shape: [counts[part]] + info.shape.dropFirst())
    }
}

extension WeightFormat {
    /// The format of a type of ggml; nil for one that can't be computed with.
    init?(_ type: GGUFTensorType) {
        switch type {
        case .float32: self = .float32
        case .float16: self = .float16
        case .bfloat16: self = .bfloat16
        case .q40: self = .q40
        case .q41: self = .q41
        case .q50: self = .q50
        case .q51: self = .q51
        case .q80: self = .q80
        case .q2K: self = .q2K
        case .q3K: self = .q3K
        case .q4K: self = .q4K
        case .q5K: self = .q5K
        case .q6K: self = .q6K
        case .iq4NL: self = .iq4NL
        case .iq4XS: self = .iq4XS
        default: return nil
        }
    }
}
