import ArgumentParser
import Logging

/// What is written to standard error.
struct LogOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The least important events to log: \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")).",
            valueName: "level"))
    var logLevel = Logger.Level.info

    @Option(help: "How lines of the log are written, one for each event: text or json.")
    var logFormat = LogFormat.text

    /// Makes all loggers write as these options say.
    func bootstrap() {
        LoggingSystem.bootstrap { [logFormat, logLevel] in LogLines(label: $0, format: logFormat, level: logLevel) }
    }
}

extension Logger.Level: @retroactive ExpressibleByArgument {}
