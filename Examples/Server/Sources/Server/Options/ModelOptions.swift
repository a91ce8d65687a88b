import ArgumentParser
import LongLM

/// Which model is served, and how it computes.
struct ModelOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("The model's directory; its last part is what clients call the model.", valueName: "dir"))
    var model: String

    @Option(
        help: ArgumentHelp(
            """
            How texts beyond the trained context are read: auto takes Self-Extend with the G and W that --length needs, \
            and the plain model where it reaches as far by itself; G:W sets them; off is the plain model.
            """, valueName: "auto|G:W|off"))
    var selfExtend: SelfExtendChoice = .auto

    @Option(
        help: ArgumentHelp(
            "The most tokens of a conversation, answer included; by default what the model was trained for, or what G:W "
                + "extends that to.", valueName: "n"))
    var length: Int?

    @Option(help: ArgumentHelp("Threads to compute with; by default one per processor.", valueName: "n"))
    var threads: Int?

    @Option(
        help: ArgumentHelp(
            """
            The most bytes of memory for the weights and all conversations, each counted at its full length; by default \
            what the machine has. Requests for which there is none left get status 503.
            """, valueName: "bytes"))
    var memoryLimit: Int?

    func validate() throws {
        try check("length", length ?? 1, 1...1 << 24)
        try check("threads", threads ?? 1, 1...1024)
        try check("memory-limit", memoryLimit ?? 0, 0...Int.max)
    }

    func sessionOptions(_ configuration: ModelConfiguration) throws -> SessionOptions {
        let context = configuration.contextLength
        let attention: AttentionMode =
            switch selfExtend {
            case .auto: try .recommended(length: length ?? context, trainedContext: configuration.trainedContext)
            case .off: .plain
            case .by(let groupSize, let window):
                .selfExtend(SelfExtend(groupSize: groupSize, neighborWindow: window))
            }
        let reach = attention.capacity(contextLength: context)
        if let length, length > reach {
            throw ValidationError("--length is \(length), but the model's positions reach to \(reach)")
        }
        return SessionOptions(attention: attention, threadCount: threads, capacity: length ?? reach)
    }
}

/// What `--self-extend` says.
enum SelfExtendChoice: ExpressibleByArgument, Sendable, CustomStringConvertible {
    case auto
    case off
    case by(groupSize: Int, window: Int)

    init?(argument: String) {
        let numbers = argument.split(separator: ":", omittingEmptySubsequences: false).map { Int($0) }
        switch argument {
        case "auto": self = .auto
        case "off": self = .off
        default:
            guard numbers.count == 2, let groupSize = numbers[0], let window = numbers[1] else { return nil }
            self = .by(groupSize: groupSize, window: window)
        }
    }

    var description: String {
        switch self {
        case .auto: "auto"
        case .off: "off"
        case .by(let groupSize, let window): "\(groupSize):\(window)"
        }
    }
}

/// Refuses a number that is out of range.
func check(_ name: String, _ value: Int, _ range: ClosedRange<Int>) throws {
    guard range.contains(value) else {
        throw ValidationError("--\(name) is \(value); it must be from \(range.lowerBound) to \(range.upperBound)")
    }
}
