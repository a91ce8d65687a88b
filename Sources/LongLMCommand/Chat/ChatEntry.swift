/// What somebody enters in a chat: a message, or a command.
enum ChatEntry: Equatable {
    case message(String)
    case clear
    case save(String)
    case load(String)
    case system(String)
    case stats
    case help
    case exit

    /// Reads an entry. What begins with a slash is a command, but for what begins with two, which is a message with one of
    /// them.
    ///
    /// - Throws: ``CommandError`` for a command that isn't known, or that lacks its argument or has one too many.
    init(_ text: String) throws(CommandError) {
        guard text.hasPrefix("/") else {
            self = .message(text)
            return
        }
        guard !text.hasPrefix("//") else {
            self = .message(String(text.dropFirst()))
            return
        }
        let name = text.prefix { !$0.isWhitespace }
        let argument = text.dropFirst(name.count).drop { $0.isWhitespace }.trimmingEnd
        switch name {
        case "/clear": self = try Self.alone(.clear, name, argument)
        case "/stats": self = try Self.alone(.stats, name, argument)
        case "/help": self = try Self.alone(.help, name, argument)
        case "/exit": self = try Self.alone(.exit, name, argument)
        case "/save": self = .save(try Self.needed(argument, name, "FILE"))
        case "/load": self = .load(try Self.needed(argument, name, "FILE"))
        case "/system": self = .system(try Self.needed(argument, name, "TEXT"))
        default:
            throw .invalidInput(
                "there is no command \(name) (see /help); begin a message with // for one that begins with a slash")
        }
    }

    private static func alone(
        _ entry: ChatEntry, _ name: Substring, _ argument: String
    ) throws(CommandError) -> ChatEntry {
        guard argument.isEmpty else { throw .invalidInput("\(name) takes nothing after it") }
        return entry
    }

    private static func needed(
        _ argument: String, _ name: Substring, _ placeholder: String
    ) throws(CommandError) -> String {
        guard !argument.isEmpty else { throw .invalidInput("\(name) needs something after it: \(name) \(placeholder)") }
        return argument
    }

    /// What `/help` shows.
    static let explanation = """
        /clear          forget the conversation, but for the system message and the document
        /system TEXT    set the system message, and keep the conversation
        /save FILE      write the conversation to FILE as JSON, and the model's state to FILE.session
        /load FILE      continue a saved conversation
        /stats          show how full the context is, and how fast the last answer was
        /help           show this
        /exit           leave; so does Ctrl-D

        A line that ends with \\ goes on in the next one. A text between lines of \"\"\" is one message, too.
        // at the beginning of a message stands for one slash. Ctrl-C ends an answer.
        """
}

extension Substring {
    /// Without white space at the end.
    fileprivate var trimmingEnd: String {
        var rest = self
        while let last = rest.last, last.isWhitespace { rest.removeLast() }
        return String(rest)
    }
}
