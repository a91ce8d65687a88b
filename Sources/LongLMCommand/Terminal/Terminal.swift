import Foundation

/// Standard output and standard error.
enum Terminal {
    /// Whether standard error is a terminal, on which a line can be drawn over.
    static var errorIsTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    /// Whether standard output is a terminal, which shows colours.
    static var outputIsTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    /// Writes text to standard output at once.
    static func write(_ text: String) throws(CommandError) {
        do {
            try FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
        } catch {
            throw .invalidInput("standard output can't be written to")
        }
    }

    /// Writes a value as JSON, with its keys in order, and a line break.
    static func write(json value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        try write(String(decoding: try encoder.encode(value), as: UTF8.self) + "\n")
    }

    /// Writes a line to standard error. When nobody can read it, nobody misses it.
    static func writeError(_ line: String) { drawError(line.singleLine + "\n") }

    /// Writes text to standard error as it is.
    static func drawError(_ text: String) { try? FileHandle.standardError.write(contentsOf: Data(text.utf8)) }
}

extension String {
    /// As one line that a terminal only shows: control characters, which a foreign file can put into an error, are
    /// escaped, and what no reader would want to the end is cut.
    var singleLine: String {
        let longest = 4000
        var line = ""
        for scalar in unicodeScalars.prefix(longest) {
            let isControl = scalar.properties.generalCategory == .control
            line += isControl ? scalar.escaped(asASCII: true) : String(scalar)
        }
        return unicodeScalars.count > longest ? line + "…" : line
    }
}

extension String {
    /// With spaces in front, up to a width.
    func aligned(right width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }

    /// With spaces after it, up to a width.
    func aligned(left width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
