import SIMDKernels

extension ForwardPass {
    /// Normalises the rows whose logits are wanted, and projects them onto the vocabulary.
    ///
    /// - Parameters:
    ///   - rows: Of `hidden`, ascending.
    ///   - logits: [rows.count, V].
    func projectLogits(
        _ rows: [Int], of hidden: Activations, normalizedBy norm: Norm, onto vocabulary: Linear,
        into logits: UnsafeMutablePointer<Float>
    ) {
        if rows.isEmpty { return }
        // These rows are shared out anew.
        schedule.endStepForAllRows()
        var part = self
        part.schedule = PassSchedule(rowCount: rows.count, worker: schedule.worker)
        let normed = workspace.normed(part.schedule)
        part.schedule.shortStepWorker.rows(of: rows.count).forEachRow { index in
            norm.normalization.apply(
                hidden.row(rows[index]), rowCount: 1, columnCount: hidden.columnCount, into: normed.row(index),
                worker: schedule.worker.alone)
        }
        part.schedule.endShortStep()
        part.multiply(
            part.pack(normed, for: vocabulary), by: vocabulary,
            activation: configuration.logitSoftcap.map(Activation.softCap) ?? .identity,
            into: Activations(floats: logits, columnCount: configuration.vocabularySize))
    }

    /// Scores the tokens that follow the first rows, with the logits of some rows at a time.
    func score(
        _ scoring: TokenScoring, of hidden: Activations, normalizedBy norm: Norm, onto vocabulary: Linear
    ) {
        let vocabularySize = configuration.vocabularySize
        var first = 0
        while first < scoring.count {
            let rows = first..<min(first + scoring.rowLimit, scoring.count)
            // It begins with a barrier, after which nobody reads the logits of the rows before.
            projectLogits(
                Array(rows), of: hidden, normalizedBy: norm, onto: vocabulary, into: scoring.logits)
            // Workers may have computed some columns of all rows.
            schedule.endStepForAllRows()
            for index in schedule.worker.share(of: rows.count) {
                scoring.scores[first + index] = TokenScore(
                    of: scoring.tokens[first + index], alternativeCount: scoring.alternativeCount,
                    logits: UnsafeBufferPointer(start: scoring.logits + index * vocabularySize, count: vocabularySize))
            }
            first = rows.upperBound
        }
    }

    /// Writes all rows of the stream, normalised.
    ///
    /// - Parameter states: [rowCount, hidden].
    func output(_ hidden: Activations, normalizedBy norm: Norm, into states: UnsafeMutablePointer<Float>) {
        norm.normalization.apply(
            hidden.floats, rowCount: schedule.rowCount, columnCount: hidden.columnCount, into: states,
            worker: schedule.worker)
        schedule.endStep()
    }
}
