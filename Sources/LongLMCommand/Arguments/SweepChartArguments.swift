import ArgumentParser
import Foundation
import LongLMEvaluation

/// Options for the files of maps.
struct SweepChartArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Draw the map to this SVG file. Several settings get a file each, with the setting in its name: map-auto.svg.",
            valueName: "file"))
    var svg: String?

    @Option(help: ArgumentHelp("Write a page with all maps and rows to this HTML file.", valueName: "file"))
    var html: String?

    /// Refuses files that can't be written.
    func check() throws(CommandError) {
        try checkOutput(svg)
        try checkOutput(html)
    }

    /// Draws the maps.
    ///
    /// - Parameters:
    ///   - settings: The settings, with a map each.
    ///   - document: The map of a setting as an SVG document.
    ///   - page: The page with all maps.
    func write(
        _ settings: [String], svg document: (String) -> String, html page: () -> String
    ) throws(CommandError) {
        if let svg {
            for setting in settings {
                let path = settings.count == 1 ? svg : Self.path(svg, setting)
                try writeFile(Data(document(setting).utf8), to: path)
            }
        }
        if let html { try writeFile(Data(page().utf8), to: html) }
    }

    /// `map.svg` for the setting `4:1024` becomes `map-4-1024.svg`.
    private static func path(_ path: String, _ setting: String) -> String {
        let suffix = "-" + setting.replacingOccurrences(of: ":", with: "-")
        let url = URL(fileURLWithPath: path)
        guard !url.pathExtension.isEmpty else { return path + suffix }
        return path.dropLast(url.pathExtension.count + 1) + suffix + "." + url.pathExtension
    }
}

/// The log of a merge, unless rows are missing and `partial` doesn't accept it.
func completeLog<Header>(
    _ merged: (log: SweepLog<Header>, missingCount: Int), partial: Bool
) throws(CommandError) -> SweepLog<Header> {
    guard merged.missingCount == 0 || partial else {
        throw .invalidInput(
            "\(merged.missingCount) of \(merged.missingCount + merged.log.rows.count) rows are missing; finish the parts "
                + "with --resume, or accept it with --partial")
    }
    return merged.log
}
