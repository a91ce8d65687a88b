import SIMDKernels

/// A decoder whose matrices and vectors have been found in a checkpoint.
typealias PlannedDecoder = DecoderParts<PlannedMatrix, PlannedVector>

/// Where a decoder's weights come from, and what they will take.
struct DecoderPlan {
    let decoder: PlannedDecoder
    let weights: WeightPlan

    /// Matches what a family describes with what a source holds. Only headers are read.
    ///
    /// - Parameter packedFormat: How matrices will be stored; nil: each as the source stores it.
    /// - Throws: ``CheckpointError`` when a tensor is missing, can't be used, or belongs to no part of the model.
    init(
        _ description: DecoderDescription, from source: any WeightSource, packedFormat: WeightFormat?
    ) throws(CheckpointError) {
        var plan = WeightPlan(from: source, packedFormat: packedFormat)
        let described = description.named(as: source)
        let vocabularies = [described.embedding.name, described.untiedVocabulary?.name]
        decoder = try described.map { (matrix) throws(CheckpointError) in
            try plan.add(matrix, isVocabulary: vocabularies.contains(matrix.name))
        } vector: { (vector) throws(CheckpointError) in
            try plan.add(vector)
        }
        try plan.refuseUntaken(except: description.isRedundant)
        weights = plan
    }

    /// Reads and packs the weights.
    ///
    /// - Throws: ``CheckpointError`` when they can't be read, or the task is cancelled.
    func pack(with packer: WeightPacker) throws(CheckpointError) -> DecoderWeights {
        try decoder.map { (matrix) throws(CheckpointError) in
            try packer.pack(matrix)
        } vector: { (vector) throws(CheckpointError) in
            try packer.pack(vector)
        }
    }
}

extension DecoderDescription {
    /// The decoder with the names that a source has: some checkpoints leave the stem out. An absent embedding keeps its
    /// usual name, by which it is then reported.
    fileprivate func named(as source: any WeightSource) -> DescribedDecoder {
        let usual = decoder.embedding.name
        guard source.tensor(usual) == nil, source.tensor(withoutStem(usual)) != nil else { return decoder }
        return decoder.map { matrix in
            var matrix = matrix
            matrix.name = withoutStem(matrix.name)
            return matrix
        } vector: { vector in
            var vector = vector
            vector.name = withoutStem(vector.name)
            return vector
        }
    }

    private func withoutStem(_ name: String) -> String {
        name.hasPrefix(names.stem) ? String(name.dropFirst(names.stem.count)) : name
    }

    /// Whether a tensor changes nothing: a copy of a tied embedding, or what old checkpoints store although it follows from
    /// the configuration, which is rotary frequencies and causal masks.
    fileprivate func isRedundant(_ name: String) -> Bool {
        name.hasSuffix(".rotary_emb.inv_freq") || name.hasSuffix(".attention.bias")
            || name.hasSuffix(".attention.masked_bias")
            || decoder.untiedVocabulary == nil && name == names.vocabulary + ".weight"
    }
}
