import Foundation

/// Standard output and standard error.
enum Terminal {
    /// Whether standard error is a terminal, where a line can be redrawn.
    static var errorIsTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    /// Whether standard output is a terminal, which shows colours.
    static var outputIsTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    /// How many characters fit on a line of standard error; nil if it doesn't say.
    static var errorColumnCount: Int? {
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return Int(size.ws_col)
    }

    /// Writes text to standard output at once: to a terminal with its control characters escaped, since a file or a model
    /// may have written them, and to everything else as it is.
    static func write(_ text: String) throws(CommandError) {
        try draw(outputIsTerminal ? text.withEscapedControls : text)
    }

    /// Writes text to standard output as it is, control characters included.
    static func draw(_ text: String) throws(CommandError) {
        do {
            try FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
        } catch {
            throw .invalidInput("standard output can't be written to")
        }
    }

    /// Writes a value as JSON, with its keys in order, and a line break.
    static func write(json value: some Encodable) throws {
        try write(value, formatting: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
    }

    /// Writes a value as JSON in one line, with its keys in order.
    static func write(jsonLine value: some Encodable) throws {
        try write(value, formatting: [.sortedKeys, .withoutEscapingSlashes])
    }

    private static func write(_ value: some Encodable, formatting: JSONEncoder.OutputFormatting) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = formatting
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        try write(String(decoding: try encoder.encode(value), as: UTF8.self) + "\n")
    }

    /// Writes a line to standard error. It is lost without an error if standard error is closed.
    static func writeError(_ line: String) { drawError(ProcessArguments.asGiven(line).singleLine + "\n") }

    /// Writes text to standard error as it is.
    static func drawError(_ text: String) { try? FileHandle.standardError.write(contentsOf: Data(text.utf8)) }
}

extension String {
    /// The text as one line that is safe on a terminal. Control characters are escaped, since an error can quote a file's
    /// contents, and a very long text is cut.
    var singleLine: String {
        let longest = 4000
        let line = String(String.UnicodeScalarView(unicodeScalars.prefix(longest))).escapingControls { _ in true }
        return unicodeScalars.count > longest ? line + "…" : line
    }

    /// The text with its control characters escaped, but for line breaks and tabs.
    var withEscapedControls: String { escapingControls { $0 != "\n" && $0 != "\t" } }

    private func escapingControls(where isUnwanted: (Unicode.Scalar) -> Bool) -> String {
        var escaped = String.UnicodeScalarView()
        for scalar in unicodeScalars {
            if scalar.steersTerminal, isUnwanted(scalar) {
                escaped += scalar.escaped(asASCII: true).unicodeScalars
            } else {
                escaped.append(scalar)
            }
        }
        return String(escaped)
    }
}

extension String {
    /// The text with spaces before it, up to a width.
    func aligned(right width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }

    /// The text with spaces after it, up to a width.
    func aligned(left width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}

extension Int {
    /// A number of threads in words.
    var threads: String { self == 1 ? "1 thread" : "\(self) threads" }
}

extension Unicode.Scalar {
    /// Whether a terminal obeys this character instead of showing it: control characters, further line breaks, and those
    /// that turn the direction of a text around.
    fileprivate var steersTerminal: Bool {
        switch properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: true
        case .format: (0x202A...0x202E).contains(value) || (0x2066...0x2069).contains(value)
        default: false
        }
    }
}
