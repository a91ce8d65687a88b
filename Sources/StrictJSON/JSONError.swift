/// Why a text was refused, and where.
package struct JSONError: Error, Equatable, Sendable {
    /// What is wrong.
    package enum Fault: Equatable, Sendable {
        /// The text isn't UTF-8.
        case notUTF8
        /// The text breaks the grammar of JSON or a limit of this reader.
        case malformed(String)
        /// A key occurs twice in one object. The path leads to it from the top: `added_tokens[3].content`.
        case duplicateKey(path: String)
    }

    /// What is wrong.
    package private(set) var fault: Fault
    /// The byte at which reading stopped.
    package let offset: Int
    /// The line of that byte, from 1.
    package let line: Int
    /// The character of that line, from 1.
    package let column: Int

    init(_ fault: Fault, at offset: Int, in bytes: UnsafeRawBufferPointer) {
        self.fault = fault
        self.offset = offset
        var (line, column) = (1, 1)
        for byte in bytes[..<offset] {
            if byte == UInt8(ascii: "\n") {
                (line, column) = (line + 1, 1)
            } else if byte & 0xC0 != 0x80 {
                // Each character has one byte that doesn't continue another.
                column += 1
            }
        }
        self.line = line
        self.column = column
    }

    /// What is wrong, without the place.
    package var reason: String {
        switch fault {
        case .notUTF8: "not UTF-8 text"
        case .malformed(let reason): reason
        case .duplicateKey(let path): "the key \(path) occurs twice"
        }
    }

    /// The place and what is wrong there: `line 3, column 7: expected ':'`.
    package var text: String { "line \(line), column \(column): \(reason)" }

    /// The same error in a value that stands in an array or an object.
    ///
    /// - Parameter step: The value's key, or its index in brackets.
    func within(_ step: String) -> JSONError {
        guard case .duplicateKey(let path) = fault else { return self }
        var error = self
        error.fault = .duplicateKey(path: path.hasPrefix("[") ? step + path : "\(step).\(path)")
        return error
    }
}
