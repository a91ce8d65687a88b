import SIMDKernels

extension ForwardPass {
    /// Looks the tokens' embeddings up and scales them.
    func embed(_ tokens: [Int], by embedding: PackedMatrix, into hidden: Activations) {
        let scale = configuration.embeddingScale
        schedule.rows.forEachRow { row in
            let vector = hidden.row(row)
            embedding.copyRow(tokens[row], to: vector)
            if scale != 1 { for column in 0..<hidden.columnCount { vector[column] *= scale } }
        }
        schedule.endStep()
    }
}
