extension String {
    /// The text as one line for a terminal. Control characters, format characters and line separators could end the line
    /// or steer the terminal, so they become escapes such as `\n` and `\u{1B}`. After `maximum` scalars an ellipsis
    /// replaces the rest.
    func singleLine(maximum: Int) -> String {
        var line = ""
        for scalar in unicodeScalars.prefix(maximum) {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator: line += scalar.escaped(asASCII: true)
            default: line.unicodeScalars.append(scalar)
            }
        }
        return unicodeScalars.dropFirst(maximum).isEmpty ? line : line + "…"
    }
}
