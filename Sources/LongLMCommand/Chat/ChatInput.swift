import Foundation

/// Reads the entries of a chat from standard input: a terminal, whose own line editing is used, a pipe, or a file.
struct ChatInput {
    /// The most bytes of one entry.
    static let largestEntry = 64 << 20

    /// Whether somebody types.
    let isInteractive = isatty(STDIN_FILENO) == 1
    private let interruption: ChatInterruption
    private var assembler = EntryAssembler()
    private var bytes: [UInt8] = []
    /// How many of ``bytes`` have no line's end in them.
    private var searched = 0
    private var isAtEnd = false

    /// - Parameter interruption: Knows whether Ctrl-C has ended a line.
    init(_ interruption: ChatInterruption) { self.interruption = interruption }

    /// The next entry; nil at the end of the input.
    ///
    /// - Throws: ``CommandError`` for a command that can't be understood, and for input that isn't UTF-8 or too long. The
    ///   next call goes on after it.
    mutating func next() throws(CommandError) -> ChatEntry? {
        while true {
            if isInteractive { Terminal.drawError(assembler.isWaiting ? ". " : "> ") }
            let line = try nextLine()
            if interruption.takeLine() { assembler.clear() }
            guard let line else {
                if isInteractive { Terminal.drawError("\n") }
                return try assembler.finish()
            }
            guard assembler.byteCount + line.utf8.count <= Self.largestEntry else { throw tooLong() }
            if let entry = try assembler.add(line) { return entry }
        }
    }

    /// A line without its end; nil at the end of the input.
    private mutating func nextLine() throws(CommandError) -> String? {
        while true {
            if let end = bytes[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                let line = bytes[..<end]
                let text = String(validating: line.last == UInt8(ascii: "\r") ? line.dropLast() : line, as: UTF8.self)
                bytes.removeFirst(end + 1)
                searched = 0
                guard let text else { throw notText() }
                return text
            }
            searched = bytes.count
            guard searched <= Self.largestEntry else { throw tooLong() }
            if isAtEnd { return try rest() }
            try readMore()
        }
    }

    /// What follows the last line's end; nil if nothing does.
    private mutating func rest() throws(CommandError) -> String? {
        defer {
            bytes = []
            searched = 0
        }
        if bytes.isEmpty { return nil }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw notText() }
        return text
    }

    private mutating func readMore() throws(CommandError) {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        let count = read(STDIN_FILENO, &buffer, buffer.count)
        if count > 0 {
            bytes += buffer[..<count]
        } else if count == 0 {
            isAtEnd = true
        } else if errno != EINTR {
            isAtEnd = true
            throw .invalidInput("standard input: can't be read: \(String(cString: strerror(errno)))")
        }
    }

    private mutating func notText() -> CommandError {
        assembler.clear()
        return .invalidInput("standard input: is not UTF-8 text")
    }

    private mutating func tooLong() -> CommandError {
        assembler.clear()
        bytes = []
        searched = 0
        return .invalidInput("a message has more than \(Self.largestEntry.formattedBytes); --file takes long documents")
    }
}
