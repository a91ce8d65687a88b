extension PackedMatrix {
    /// The bytes that a packed matrix occupies, padding included: what ``byteCount`` of the packed matrix is.
    ///
    /// - Parameters:
    ///   - rowCount: N, at least 1.
    ///   - columnCount: K, at least 1.
    ///   - format: How the packed matrix stores its numbers.
    package static func byteCount(rowCount: Int, columnCount: Int, format: WeightFormat) -> Int {
        let panelCount = (rowCount + panelWidth - 1) / panelWidth
        let wordCount = (columnCount * format.byteCount + 3) / 4
        return panelCount * panelWidth * wordCount * 4
    }
}
