/// Puts the lines of an entry together.
///
/// A line that ends with a backslash goes on in the next one. A line that begins with three quotation marks begins a block,
/// which ends with a line that ends with three. What stands in a block is never a command.
struct EntryAssembler {
    private static let mark = "\"\"\""

    private var lines: [String] = []
    private var isBlock = false

    /// Whether an entry has begun and isn't complete.
    var isWaiting: Bool { isBlock || !lines.isEmpty }

    /// How many bytes of UTF-8 wait.
    private(set) var byteCount = 0

    /// Adds a line.
    ///
    /// - Returns: The entry, if it is now complete and has more in it than white space.
    /// - Throws: ``CommandError`` for a command that can't be understood.
    mutating func add(_ line: String) throws(CommandError) -> ChatEntry? {
        byteCount += line.utf8.count
        if !isBlock, lines.isEmpty, line.hasPrefix(Self.mark) {
            isBlock = true
            return try addToBlock(String(line.dropFirst(Self.mark.count)))
        }
        if isBlock { return try addToBlock(line) }
        if line.hasSuffix("\\") {
            lines.append(String(line.dropLast()))
            return nil
        }
        lines.append(line)
        return try finish()
    }

    private mutating func addToBlock(_ line: String) throws(CommandError) -> ChatEntry? {
        guard line.hasSuffix(Self.mark) else {
            lines.append(line)
            return nil
        }
        lines.append(String(line.dropLast(Self.mark.count)))
        return try finish()
    }

    /// Ends the entry with what there is of it.
    mutating func finish() throws(CommandError) -> ChatEntry? {
        defer { clear() }
        var lines = lines
        if isBlock {
            // The marks may stand in lines of their own.
            if lines.first == "" { lines.removeFirst() }
            if lines.last == "" { lines.removeLast() }
        }
        let text = lines.joined(separator: "\n")
        if text.allSatisfy(\.isWhitespace) { return nil }
        return isBlock ? .message(text) : try ChatEntry(text)
    }

    /// Forgets what there is of an entry.
    mutating func clear() {
        lines = []
        isBlock = false
        byteCount = 0
    }
}
