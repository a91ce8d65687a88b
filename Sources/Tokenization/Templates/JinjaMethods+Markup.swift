/// The methods of strings that are marked as safe HTML: what is put into one is escaped, and what comes out is marked, as
/// MarkupSafe does it.
extension JinjaInterpreter {
    func call(
        _ name: String, ofMarkup text: JinjaText, _ arguments: JinjaArguments
    ) throws(JinjaError) -> JinjaValue {
        var arguments = arguments
        switch name {
        case "replace", "ljust", "rjust", "center":
            // The second argument is what is put in.
            if arguments.positional.count > 1 { arguments.positional[1] = try escaped(arguments.positional[1]) }
        case "join":
            if let joined = arguments.positional.first {
                var elements: [JinjaValue] = []
                for element in try self.elements(of: joined) { elements.append(try escaped(element)) }
                arguments.positional[0] = try list(elements)
            }
        case "format":
            for index in arguments.positional.indices {
                arguments.positional[index] = try escaped(arguments.positional[index])
            }
            for index in arguments.named.indices {
                arguments.named[index].value = try escaped(arguments.named[index].value)
            }
        default: break
        }
        return try marked(try call(name, of: text, arguments))
    }

    private func escaped(_ value: JinjaValue) throws(JinjaError) -> JinjaValue {
        let text = try text(of: value)
        try study(text.count)
        try make(text.count)
        let escaped = text.escapedForHTML
        try make(escaped.size - text.count)
        return .text(escaped)
    }

    private func marked(_ value: JinjaValue) throws(JinjaError) -> JinjaValue {
        switch value {
        case .text(let text): .text(text.marked(true))
        case .list(let elements): try list(elements.values.map { .text(($0.text ?? JinjaText()).marked(true)) })
        case .tuple(let elements): try tuple(elements.values.map { .text(($0.text ?? JinjaText()).marked(true)) })
        default: value
        }
    }
}
