import Foundation

/// What several targets do with an input.
enum Input {
    /// Splits an input of two texts at the first byte 255, which no text in UTF-8 has.
    static func halves(_ input: [UInt8]) -> (first: [UInt8], second: String) {
        guard let end = input.firstIndex(of: 255) else { return (input, "") }
        return (Array(input[..<end]), String(decoding: input[(end + 1)...], as: UTF8.self))
    }

    /// A text as a JSON string.
    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case _ where scalar.value < 32:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    /// Writes an input to a file, for readers that take a path. There is one file a process, since a fuzzer runs one input
    /// after the other.
    static func file(_ input: [UInt8], extension name: String) -> String {
        let path = NSTemporaryDirectory() + "longlm-fuzz-\(ProcessInfo.processInfo.processIdentifier).\(name)"
        guard FileManager.default.createFile(atPath: path, contents: Data(input)) else {
            fatalError("can't write \(path)")
        }
        return path
    }
}
