import Foundation

/// The arguments of the process, with another name for each path that isn't UTF-8.
///
/// Paths of Linux are bytes, and Swift's texts are Unicode. Where an argument isn't UTF-8, the folder or file that it names
/// is opened, though not for reading, and `/proc/self/fd/N` stands for it from there on. Messages show the path as it was
/// given: see ``asGiven(_:)``.
struct ProcessArguments {
    /// The arguments without the program's name.
    private(set) var values: [String] = []
    private var standIns: [(path: String, given: String)] = []

    /// Those of this process; or why one of them can't be used.
    static let own = Result { () throws(CommandError) in
        var arguments = ProcessArguments()
        for index in 1..<max(Int(CommandLine.argc), 1) {
            guard let pointer = CommandLine.unsafeArgv[index] else { continue }
            try arguments.append(
                UnsafeBufferPointer(start: pointer, count: strlen(pointer)).map(UInt8.init(bitPattern:)))
        }
        return arguments
    }

    /// A message with the paths as they were given, their bytes that aren't UTF-8 escaped.
    static func asGiven(_ message: String) -> String {
        guard case .success(let arguments) = own else { return message }
        return arguments.standIns.reduce(message) { message, standIn in
            var result = ""
            var rest = message[...]
            while let range = rest.range(of: standIn.path) {
                let isLongerNumber = rest[range.upperBound...].first?.isNumber ?? false
                result += rest[..<range.lowerBound] + (isLongerNumber ? standIn.path : standIn.given)
                rest = rest[range.upperBound...]
            }
            return result + rest
        }
    }

    /// The command line of this process without some of its options, as a shell reads it.
    static func commandLine(without left: Set<String>) -> String {
        guard case .success(let arguments) = own else { return "longlm" }
        let plain = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:,=+%@")
        let words = arguments.values.filter { !left.contains($0) }.map { word in
            !word.isEmpty && word.allSatisfy(plain.contains)
                ? word : "'" + word.replacingOccurrences(of: "'", with: "'\\''") + "'"
        }
        return asGiven((["longlm"] + words).joined(separator: " "))
    }

    private mutating func append(_ bytes: [UInt8]) throws(CommandError) {
        if let text = String(validating: bytes, as: UTF8.self) {
            values.append(text)
            return
        }
        // --option=path
        if bytes.starts(with: "--".utf8), let equals = bytes.firstIndex(of: UInt8(ascii: "=")),
            let option = String(validating: bytes[...equals], as: UTF8.self)
        {
            values.append(option + (try path(Array(bytes[(equals + 1)...]))))
        } else {
            values.append(try path(bytes))
        }
    }

    /// The path that stands for one that isn't UTF-8. A name in UTF-8 at its end is kept: it may be that of a file to be
    /// made, or one of several shards.
    private mutating func path(_ bytes: [UInt8]) throws(CommandError) -> String {
        let nameStart = (bytes.lastIndex(of: UInt8(ascii: "/")) ?? -1) + 1
        let name = String(validating: bytes[nameStart...], as: UTF8.self)
        let opened = name == nil ? bytes : Array(bytes[..<nameStart])
        #if os(Linux)
            // O_PATH, which Glibc's module doesn't have.
            let flags: CInt = 0x20_0000
            let descriptor = (opened.map(CChar.init(bitPattern:)) + [0]).withUnsafeBufferPointer {
                $0.baseAddress.map { open($0, flags) } ?? -1
            }
        #else
            // Other systems' file systems refuse such names.
            let descriptor: CInt = -1
        #endif
        guard descriptor >= 0 else {
            throw .invalidInput("the argument \(Self.escaped(bytes)) isn't UTF-8 and names no file or folder")
        }
        let path = "/proc/self/fd/\(descriptor)"
        guard let name else {
            standIns.append((path, Self.escaped(bytes)))
            return path
        }
        // Without the slash: a digit after it belongs to a name.
        standIns.append((path, Self.escaped(opened.dropLast())))
        return path + "/" + name
    }

    /// Bytes as a text in which \xNN stands for each that isn't UTF-8.
    private static func escaped(_ bytes: some Sequence<UInt8>) -> String {
        var text = ""
        var rest = Array(bytes)[...]
        while let first = rest.first {
            let scalars = (1...4).lazy.compactMap { String(validating: rest.prefix($0), as: UTF8.self) }
            let scalar = scalars.first
            text += scalar ?? "\\x" + String(first, radix: 16)
            rest = rest.dropFirst(scalar?.utf8.count ?? 1)
        }
        return text
    }
}
