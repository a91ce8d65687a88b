import SIMDKernels

extension DecoderWeights {
    /// A hash of all weights, in the order of the layers.
    func addWeights(to hash: inout WordHash) {
        func add(_ buffer: AlignedBuffer?) {
            guard let buffer else { return }
            hash.add(UnsafeRawBufferPointer(start: buffer.bytes, count: buffer.byteCount))
        }
        func add(_ matrix: PackedMatrix) { matrix.withUnsafeBytes { hash.add($0) } }
        func add(_ linear: Linear?) {
            guard let linear else { return }
            add(linear.weight)
            add(linear.bias)
        }
        func add(_ norm: Norm?) {
            add(norm?.weight)
            add(norm?.bias)
        }
        func add(_ norm: HeadNorm?) { for norm in norm?.norms ?? [] { add(norm) } }

        add(embedding)
        for layer in layers {
            add(layer.attentionNorm)
            add(layer.attention.query)
            add(layer.attention.key)
            add(layer.attention.value)
            add(layer.attention.output)
            add(layer.attention.queryNorm)
            add(layer.attention.keyNorm)
            add(layer.feedForwardNorm)
            switch layer.feedForward {
            case .dense(let dense):
                add(dense.gate)
                add(dense.up)
                add(dense.down)
            }
            add(layer.attentionOutputNorm)
            add(layer.feedForwardOutputNorm)
        }
        add(finalNorm)
        add(vocabularyProjection)
    }
}
