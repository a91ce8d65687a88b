extension LineChart {
    /// Loss against position, a line for each attention setting.
    ///
    /// - Parameters:
    ///   - rows: Of one text, with equal buckets.
    ///   - modelName: The model, for the title.
    ///   - textName: The text, for the subtitle.
    ///   - contextLength: The context that the model was trained for, which is marked.
    public static func loss(
        _ rows: [PerplexityRow], modelName: String, textName: String, contextLength: Int
    ) -> LineChart {
        func grouped(_ number: Int) -> String { ChartNumber.label(Double(number), decimals: 0) }
        let windowCount = rows.first?.windowCount ?? 0
        let length = (rows.first?.buckets.last?.last ?? 0) + 1
        return LineChart(
            title: "\(modelName): loss against position",
            subtitle: "\(textName), \(windowCount) window\(windowCount == 1 ? "" : "s") of \(grouped(length)) tokens",
            xAxisName: "position", yAxisName: "mean of −ln p",
            series: rows.map { row in
                let settings = row.groupSize.map {
                    "Self-Extend, G = \(grouped($0)), W = \(grouped(row.neighborWindow ?? 0))"
                }
                return Series(
                    name: settings ?? "as it was trained",
                    points: row.buckets.filter { $0.count > 0 }.map {
                        Point(x: Double($0.first + $0.last) / 2, y: $0.loss)
                    })
            },
            markers: contextLength < length
                ? [ChartMarker(position: Double(contextLength), label: "trained context")] : [])
    }
}
