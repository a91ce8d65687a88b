/// Follows JSON that a machine allows, so that no key occurs twice in an object. No finite automaton remembers keys.
///
/// Keys are compared as they are spelled. That is enough, because constraints allow one spelling of each key.
struct KeyTracker: Equatable, Sendable {
    /// The keys of each open object; nil for an open array.
    private var open: [Set<[UInt8]>?] = []
    /// Whether a string here would be a key.
    private var expectsKey = false
    private var isInString = false
    private var isInKey = false
    private var isEscaped = false
    /// The beginning of a key.
    private var key: [UInt8] = []

    /// Whether a key has begun with which another key of its object begins, too.
    var mayRepeat: Bool {
        guard isInKey, let keys = open.last ?? nil else { return false }
        return keys.contains { $0.starts(with: key) }
    }

    /// Goes on after a byte.
    ///
    /// - Returns: Whether it is allowed: false if it completes a key that its object has already.
    mutating func read(_ byte: UInt8) -> Bool {
        guard isInString else {
            readOutside(byte)
            return true
        }
        if byte == UInt8(ascii: "\""), !isEscaped {
            isInString = false
            guard isInKey else { return true }
            isInKey = false
            guard !open.isEmpty else { return true }
            return open[open.count - 1]?.insert(key).inserted ?? true
        }
        isEscaped = !isEscaped && byte == UInt8(ascii: "\\")
        if isInKey { key.append(byte) }
        return true
    }

    private mutating func readOutside(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "{"):
            open.append([])
            expectsKey = true
        case UInt8(ascii: "["):
            open.append(nil)
            expectsKey = false
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
            _ = open.popLast()
            expectsKey = false
        case UInt8(ascii: ","): expectsKey = (open.last ?? nil) != nil
        case UInt8(ascii: "\""):
            isInString = true
            isEscaped = false
            isInKey = expectsKey
            expectsKey = false
            key.removeAll()
        default: break
        }
    }

    /// Whether some bytes are allowed next.
    func allows(_ bytes: ArraySlice<UInt8>) -> Bool {
        var tracker = self
        for byte in bytes where !tracker.read(byte) { return false }
        return true
    }
}
