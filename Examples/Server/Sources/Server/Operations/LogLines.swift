import ArgumentParser
import Foundation
import Logging

/// How lines of the log are written.
enum LogFormat: String, ExpressibleByArgument, CaseIterable, Sendable { case text, json }

/// Writes the log to standard error, one line for each event. Whatever text stands in it can't begin another line.
struct LogLines: LogHandler {
    let label: String
    let format: LogFormat
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    init(label: String, format: LogFormat, level: Logger.Level) {
        self.label = label
        self.format = format
        logLevel = level
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let values = metadata.merging(metadataProvider?.get() ?? [:]) { $1 }.merging(event.metadata ?? [:]) { $1 }
        let line =
            switch format {
            case .text: text(event, values)
            case .json: json(event, values)
            }
        // In one piece, so that lines of different threads don't mix.
        let bytes = Array((line + "\n").utf8)
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            // Nobody reads the log.
            if count <= 0 { return }
            rest = rest.dropFirst(count)
        }
    }

    private static func time() -> String {
        Date.now.formatted(
            .iso8601.year().month().day().timeZone(separator: .omitted).time(includingFractionalSeconds: true))
    }

    private func text(_ event: LogEvent, _ values: Logger.Metadata) -> String {
        let fields = values.sorted { $0.key < $1.key }.map { " \($0.key)=\(Self.escaped("\($0.value)"))" }
        return "\(Self.time()) \(event.level) \(label): \(Self.plain("\(event.message)"))" + fields.joined()
    }

    private func json(_ event: LogEvent, _ values: Logger.Metadata) -> String {
        var members: [JSONValue.Member] = [
            .init("time", .string(Self.time())), .init("level", .string(event.level.rawValue)),
            .init("logger", .string(label)), .init("message", .string("\(event.message)")),
        ]
        for (key, value) in values.sorted(by: { $0.key < $1.key }) {
            switch value {
            case .stringConvertible(let number as Int): members.append(.init(key, .integer(number)))
            case .stringConvertible(let number as Double): members.append(.init(key, .double(number)))
            default: members.append(.init(key, .string("\(value)")))
            }
        }
        return JSONValue.object(members).text()
    }

    /// A value as it stands behind an equals sign: in quotation marks if it has more than letters, digits and signs.
    private static func escaped(_ value: String) -> String {
        let isPlain = value.unicodeScalars.allSatisfy { (0x21...0x7E).contains($0.value) && $0 != "\"" && $0 != "\\" }
        return isPlain && !value.isEmpty ? value : value.debugDescription
    }

    /// A message without what moves the cursor.
    private static func plain(_ text: String) -> String {
        text.unicodeScalars.contains { $0.properties.generalCategory == .control } ? text.debugDescription : text
    }
}
