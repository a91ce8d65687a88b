/// A strict reader of JSON (RFC 8259), from the first byte to the last.
///
/// Every file that others have written passes through it. It is the package's own because Foundation's decoders keep one
/// of two equal keys in silence, take two keys for equal that differ in Unicode normalisation, and can spend half a
/// minute on a small hostile file. It refuses:
///
/// - text that isn't UTF-8, or begins with a byte order mark;
/// - anything outside of the grammar: comments, trailing commas, text after the value, and, unless it is asked to read
///   them, the `NaN` and `Infinity` that Python writes;
/// - a key that occurs twice in one object;
/// - half a surrogate pair as an escape;
/// - numbers that no `Double` can hold, and nesting deeper than ``maximumDepth``.
///
/// Time and memory are linear in the length of the text, and nothing is allocated that hasn't been read.
///
/// There are two ways to use it. ``JSONValue/init(parsing:readsNonFinite:)`` reads a whole text into a value. The reader itself takes
/// one token after another, for a text whose form is known and that is too large to keep: it allocates no more than its
/// caller keeps. After an error a reader is of no more use.
package struct JSONReader {
    /// The deepest nesting of arrays and objects that is read. A bound, so that a hostile file can't exhaust the stack.
    package static let maximumDepth = 64

    let bytes: UnsafeRawBufferPointer
    /// The array whose bytes these are, where strings shall be slices of it.
    let array: [UInt8]?
    /// Whether `NaN`, `Infinity` and `-Infinity` are numbers, as in Python.
    let readsNonFinite: Bool
    /// The next byte to be read.
    package internal(set) var offset = 0
    private var depth = 0

    /// A reader of a text, which must stay in place while it reads.
    ///
    /// - Throws: ``JSONError`` when the text isn't UTF-8 or begins with a byte order mark.
    package init(_ bytes: UnsafeRawBufferPointer) throws(JSONError) {
        try self.init(bytes, array: nil, readsNonFinite: false)
    }

    init(_ bytes: UnsafeRawBufferPointer, array: [UInt8]?, readsNonFinite: Bool) throws(JSONError) {
        self.bytes = bytes
        self.array = array
        self.readsNonFinite = readsNonFinite
        if let offset = firstInvalidUTF8(in: bytes) { throw JSONError(.notUTF8, at: offset, in: bytes) }
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
            throw failure("a byte order mark, which JSON doesn't allow")
        }
    }

    // MARK: Errors

    func failure(_ reason: String, at offset: Int? = nil) -> JSONError {
        JSONError(.malformed(reason), at: offset ?? self.offset, in: bytes)
    }

    /// The error where something else than `what` is next.
    func expected(_ what: String) -> JSONError {
        failure("expected \(what)" + (offset == bytes.count ? ", but the text ends here" : ""))
    }

    // MARK: Tokens

    /// The next byte; nil at the end.
    var byte: UInt8? { offset < bytes.count ? bytes[offset] : nil }

    /// The next byte that isn't white space, which stays unread.
    mutating func peek() -> UInt8? {
        while offset < bytes.count {
            switch bytes[offset] {
            case 0x20, 0x09, 0x0A, 0x0D: offset += 1
            default: return bytes[offset]
            }
        }
        return nil
    }

    /// Reads a byte if it is the next one after white space.
    mutating func skip(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        offset += 1
        return true
    }

    /// Reads the bracket that opens an array or an object.
    mutating func open() throws(JSONError) {
        guard depth < Self.maximumDepth else { throw failure("nested deeper than \(Self.maximumDepth) levels") }
        depth += 1
        offset += 1
    }

    /// Reads what stands before the next element of an array, and says whether there is one.
    mutating func hasElement(isFirst: Bool) throws(JSONError) -> Bool {
        if skip(UInt8(ascii: "]")) {
            depth -= 1
            return false
        }
        guard isFirst || skip(UInt8(ascii: ",")) else { throw expected("',' or ']'") }
        return true
    }

    /// Reads the next key of an object with the colon after it; nil at the object's end.
    ///
    /// - Parameter keys: The keys that were read before.
    mutating func nextKey(after keys: inout KeySet) throws(JSONError) -> ArraySlice<UInt8>? {
        if skip(UInt8(ascii: "}")) {
            depth -= 1
            return nil
        }
        guard keys.isEmpty || skip(UInt8(ascii: ",")) else { throw expected("',' or '}'") }
        guard peek() == UInt8(ascii: "\"") else {
            throw expected("a key in double quotes" + (keys.isEmpty ? " or '}'" : ""))
        }
        let start = offset
        let key = try stringBytes()
        guard keys.insert(key) else {
            throw JSONError(.duplicateKey(path: String(decoding: key, as: UTF8.self)), at: start, in: bytes)
        }
        guard skip(UInt8(ascii: ":")) else { throw expected("':'") }
        return key
    }
}

// MARK: - Reading a known form

extension JSONReader {
    /// Reads an object, and calls `member` with each key. `member` reads the key's value.
    ///
    /// - Parameter translate: Makes the caller's error of this reader's.
    package mutating func object<Failure: Error>(
        _ translate: (JSONError) -> Failure, member: (inout JSONReader, String) throws(Failure) -> Void
    ) throws(Failure) {
        var keys = KeySet()
        do throws(JSONError) {
            guard peek() == UInt8(ascii: "{") else { throw expected("an object") }
            try open()
        } catch { throw translate(error) }
        while true {
            let key: ArraySlice<UInt8>?
            do throws(JSONError) {
                key = try nextKey(after: &keys)
            } catch { throw translate(error) }
            guard let key else { return }
            try member(&self, String(decoding: key, as: UTF8.self))
        }
    }

    /// Reads an array. `element` reads each element.
    ///
    /// - Parameter translate: Makes the caller's error of this reader's.
    package mutating func array<Failure: Error>(
        _ translate: (JSONError) -> Failure, element: (inout JSONReader) throws(Failure) -> Void
    ) throws(Failure) {
        do throws(JSONError) {
            guard peek() == UInt8(ascii: "[") else { throw expected("an array") }
            try open()
        } catch { throw translate(error) }
        var isFirst = true
        while true {
            do throws(JSONError) {
                guard try hasElement(isFirst: isFirst) else { return }
            } catch { throw translate(error) }
            isFirst = false
            try element(&self)
        }
    }

    /// Reads a string.
    package mutating func string() throws(JSONError) -> String {
        guard peek() == UInt8(ascii: "\"") else { throw expected("a string") }
        return String(decoding: try stringBytes(), as: UTF8.self)
    }

    /// Reads an integer that isn't negative.
    package mutating func naturalNumber() throws(JSONError) -> Int {
        let first = peek()
        let start = offset
        guard let first, first.isDigit, case .integer(let integer) = try number() else {
            throw failure("expected an integer from 0 to \(Int.max)", at: start)
        }
        return integer
    }

    /// Reads an array of integers that aren't negative.
    package mutating func naturalNumbers() throws(JSONError) -> [Int] {
        guard peek() == UInt8(ascii: "[") else { throw expected("an array") }
        try open()
        var numbers: [Int] = []
        while try hasElement(isFirst: numbers.isEmpty) { numbers.append(try naturalNumber()) }
        return numbers
    }

    /// Reads a value of any kind and forgets it.
    package mutating func skipValue() throws(JSONError) {
        switch peek() {
        case UInt8(ascii: "{"):
            try open()
            var keys = KeySet()
            while let key = try nextKey(after: &keys) {
                do throws(JSONError) {
                    try skipValue()
                } catch { throw error.within(String(decoding: key, as: UTF8.self)) }
            }
        case UInt8(ascii: "["):
            try open()
            var count = 0
            while try hasElement(isFirst: count == 0) {
                do throws(JSONError) {
                    try skipValue()
                } catch { throw error.within("[\(count)]") }
                count += 1
            }
        default: _ = try scalar()
        }
    }

    /// Makes sure that nothing but white space is left.
    package mutating func expectEnd() throws(JSONError) {
        if peek() != nil { throw failure("unexpected text after the end") }
    }
}
