import Charts
import LongLM

/// The lengths by which LongBench-E groups its samples, in words.
public enum DataSetLength: String, CaseIterable, Sendable {
    /// Below 4,000 words.
    case short = "0-4k"
    /// From 4,000 words on.
    case medium = "4k-8k"
    /// From 8,000 words on.
    case long = "8k+"

    /// The group of a sample.
    public init(wordCount: Int) {
        self = wordCount < 4000 ? .short : wordCount < 8000 ? .medium : .long
    }
}

/// Means and pictures of a sweep over data sets.
extension SweepLog where Header == DataSetHeader {
    /// The mean score of a data set's samples with a method; nil: there are none.
    ///
    /// - Parameters:
    ///   - dataSet: The data set; nil: the mean over all data sets that have samples, each with the same weight.
    ///   - setting: The method.
    ///   - length: The group of the samples; nil: all of them.
    public func meanScore(dataSet: String?, setting: String, length: DataSetLength? = nil) -> Double? {
        guard let dataSet else {
            let means = header.dataSets.compactMap { meanScore(dataSet: $0.name, setting: setting, length: length) }
            return means.isEmpty ? nil : means.reduce(0, +) / Double(means.count)
        }
        var (sum, count) = (0.0, 0)
        for row in rows where row.dataSet == dataSet && row.setting == setting {
            guard length == nil || length == DataSetLength(wordCount: row.wordCount) else { continue }
            sum += row.score
            count += 1
        }
        return count == 0 ? nil : sum / Double(count)
    }

    /// A map of one method's mean scores, as an SVG document: the same bytes for the same rows.
    ///
    /// Columns are lengths in words and rows are data sets.
    ///
    /// - Parameter setting: One of the header's.
    public func svg(setting: String) -> String {
        HeatMap(
            title: "\(header.model), \(setting)", subtitle: "Mean scores of \(header.input)", valueName: "mean score",
            xAxisName: "words", columnLabels: DataSetLength.allCases.map(\.rawValue), yAxisName: "data set",
            rowLabels: header.dataSets.map(\.name),
            values: header.dataSets.map { part in
                DataSetLength.allCases.map { meanScore(dataSet: part.name, setting: setting, length: $0) }
            },
            marker: nil
        ).svg()
    }

    /// A page with the maps and the mean scores of all methods: one HTML file without scripts that needs no other.
    public func html() -> String {
        let truncatedCount = Set(rows.filter(\.isTruncated).map { [$0.dataSet, String($0.sample)] }).count
        let page = ChartPage(
            title: "Data sets: \(header.model)",
            introduction:
                "Mean scores of the samples in \(header.input) (SHA-256 \(header.inputHash)), by length in words. The "
                + "template of the prompts was \(header.template), and their form \(header.form). \(truncatedCount) "
                + "prompts lost their middle. The model was trained for "
                + "\(ChartNumber.label(Double(header.contextLength), decimals: 0)) tokens.",
            sections: header.settings.map { setting in
                ChartPage.Section(heading: setting, svg: svg(setting: setting), table: table(setting: setting))
            })
        return page.html()
    }

    private func table(setting: String) -> ChartPage.Table {
        func row(_ part: DataSetPart?) -> [String] {
            let lengths: [DataSetLength?] = [nil] + DataSetLength.allCases
            return [part?.name ?? "mean", part?.metric.rawValue ?? ""]
                + lengths.map { length in
                    meanScore(dataSet: part?.name, setting: setting, length: length).map {
                        ChartNumber.trimmed($0 * 100, decimals: 1)
                    } ?? ""
                }
        }
        return ChartPage.Table(
            header: ["score in %", "metric", "all"] + DataSetLength.allCases.map(\.rawValue),
            rows: header.dataSets.map(row) + [row(nil)])
    }
}
