import Foundation

/// Standard output and standard error.
enum Terminal {
    /// Whether standard error is a terminal, where a line can be redrawn.
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

    /// Writes a line to standard error. It is lost without an error if standard error is closed.
    static func writeError(_ line: String) { drawError(line.singleLine + "\n") }

    /// Writes text to standard error as it is.
    static func drawError(_ text: String) { try? FileHandle.standardError.write(contentsOf: Data(text.utf8)) }
}

extension String {
    /// The text as one line that is safe on a terminal. Control characters are escaped, since an error can quote a file's
    /// contents, and a very long text is cut.
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
    /// The text with spaces before it, up to a width.
    func aligned(right width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }

    /// The text with spaces after it, up to a width.
    func aligned(left width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
