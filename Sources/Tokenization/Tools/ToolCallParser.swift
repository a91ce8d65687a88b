/// Finds the calls of functions in an answer that comes in pieces.
///
/// ```swift
/// var parser = ToolCallParser(form: .hermes)
/// for event in parser.append("Let me see.<tool_call>{\"name\": \"now\", \"arguments\": {}}</tool_call>") + parser.finish() {
///     switch event {
///     case .text(let text): print(text)
///     case .calls(let calls, _): print(calls.map(\.name))
///     }
/// }
/// ```
///
/// Text is passed on as soon as it can't be the beginning of a call. A call is given when it is complete, and its arguments
/// are JSON then. What begins like a call and turns out not to be one is text like any other, so nothing is lost: the
/// texts and the sources of all events, joined, are the answer. How the answer is cut into pieces changes neither the
/// calls nor the text. Time is linear in its length.
///
/// A thought at the answer's beginning, from `<think>` to `</think>` or from `[THINK]` to `[/THINK]`, is text: a model may
/// consider a call there without making it.
public struct ToolCallParser: Sendable {
    /// A part of the answer.
    public enum Event: Sendable, Equatable {
        /// Text that belongs to no call.
        case text(String)
        /// Calls that are complete, and the text that spells them. Marks around calls come without any.
        case calls([ToolCall], source: String)
    }

    /// The longest text of a call, in bytes. What grows longer is text.
    static let maximumByteCount = 1 << 20

    /// The marks around thoughts. Their first bytes stand nowhere else in them.
    private static let thoughts: [(opening: [UInt8], closing: [UInt8])] = [
        ("<think>", "</think>"), ("[THINK]", "[/THINK]"),
    ].map { (Array($0.0.utf8), Array($0.1.utf8)) }

    private enum State {
        /// At the answer's beginning, where a thought may begin.
        case start
        /// Within a thought; how much of each closing mark has come last.
        case thought(matched: [Int])
        /// Text, in which marks may stand.
        case text
        /// Where a call may stand without a mark: before the answer's first letter, and after another call.
        case beginning(separators: String)
        /// Within a call.
        case call(CallProgress)
    }

    private let form: ToolCallForm
    private let names: Set<String>?
    private let startsInThought: Bool
    private let marks: [(bytes: [UInt8], isOpening: Bool)]
    private var state: State
    /// Text that is neither part of a call nor passed on yet.
    private var text: [UInt8] = []
    /// The beginning of a mark, or the text of a call, that is held back.
    private var held: [UInt8] = []
    private var events: [Event] = []

    /// A parser at the beginning of an answer.
    ///
    /// - Parameters:
    ///   - form: How the model writes calls; ``ChatFormat/toolCallForm`` finds it.
    ///   - names: The functions that there are; nil: not known. They matter for ``ToolCallForm/llama3`` alone: an answer
    ///     there is a call only if it names one of them, since it could be JSON that was asked for. Where a mark says that
    ///     a call comes, it is a call whatever it names.
    ///   - startsInThought: Whether the prompt has begun a thought, which the answer only ends:
    ///     ``ChatFormat/startsAnswersInThought``.
    public init(form: ToolCallForm, names: Set<String>? = nil, startsInThought: Bool = false) {
        self.form = form
        self.names = names
        self.startsInThought = startsInThought
        var marks = [(Array(form.opening.utf8), true)]
        if let section = form.section {
            marks += [(Array(section.opening.utf8), false), (Array(section.closing.utf8), false)]
        }
        self.marks = marks
        state = startsInThought ? .thought(matched: Self.thoughts.map { _ in 0 }) : .start
    }

    /// Adds a piece of the answer.
    ///
    /// - Returns: What is now known, in order.
    public mutating func append(_ piece: String) -> [Event] {
        for byte in piece.utf8 { read(byte) }
        flush()
        defer { events = [] }
        return events
    }

    /// Ends the answer. A call that lacks nothing but its closing mark counts as complete, since end tokens take that
    /// mark's place at times.
    ///
    /// - Returns: The rest. The parser is then as new.
    public mutating func finish() -> [Event] {
        if case .call(let progress) = state, progress.isComplete, let calls = calls(progress) {
            give(calls)
        } else {
            text += held
            held = []
        }
        flush()
        let rest = events
        self = ToolCallParser(form: form, names: names, startsInThought: startsInThought)
        return rest
    }

    /// All of an answer at once: its text without calls, and the calls.
    ///
    /// - Parameters:
    ///   - answer: The answer.
    ///   - form: How the model writes calls.
    ///   - names: The functions that there are; see ``init(form:names:startsInThought:)``.
    public static func parse(
        _ answer: String, form: ToolCallForm, names: Set<String>? = nil
    ) -> (text: String, calls: [ToolCall]) {
        var parser = ToolCallParser(form: form, names: names)
        var (text, calls) = ("", [ToolCall]())
        for event in parser.append(answer) + parser.finish() {
            switch event {
            case .text(let part): text += part
            case .calls(let more, _): calls += more
            }
        }
        return (text, calls)
    }
}

extension ToolCallParser {
    /// Whether a prompt ends within a thought.
    static func isInThought(after prompt: String) -> Bool {
        thoughts.contains { opening, closing in
            let (opening, closing) = (
                String(decoding: opening, as: UTF8.self), String(decoding: closing, as: UTF8.self)
            )
            guard let begun = prompt.ranges(of: opening).last else { return false }
            return !prompt[begun.upperBound...].contains(closing)
        }
    }
}

// MARK: - Reading

extension ToolCallParser {
    private mutating func read(_ byte: UInt8) {
        switch state {
        case .start: readStart(byte)
        case .thought(let matched): readThought(byte, matched)
        case .text: readText(byte)
        case .beginning(let separators):
            if byte == UInt8(ascii: "{") {
                begin()
                continueCall(byte)
            } else if byte.isJSONSpace || separators.utf8.contains(byte) {
                held.append(byte)
            } else {
                state = .text
                text += held
                held = []
                readText(byte)
            }
        case .call: continueCall(byte)
        }
    }

    private mutating func readStart(_ byte: UInt8) {
        if held.isEmpty, byte.isJSONSpace { return text.append(byte) }
        held.append(byte)
        if Self.thoughts.contains(where: { $0.opening.starts(with: held) }) {
            guard Self.thoughts.contains(where: { $0.opening == held }) else { return }
            text += held
            held = []
            state = .thought(matched: Self.thoughts.map { _ in 0 })
        } else {
            leaveThought()
            let bytes = held
            held = []
            for byte in bytes { read(byte) }
        }
    }

    private mutating func readThought(_ byte: UInt8, _ matched: [Int]) {
        text.append(byte)
        var matched = matched
        for (index, (_, closing)) in Self.thoughts.enumerated() {
            matched[index] = byte == closing[matched[index]] ? matched[index] + 1 : byte == closing[0] ? 1 : 0
            if matched[index] == closing.count { return leaveThought() }
        }
        state = .thought(matched: matched)
    }

    /// Goes on where a call may come.
    private mutating func leaveThought() { state = form.isBare ? .beginning(separators: "") : .text }

    private mutating func readText(_ byte: UInt8) {
        held.append(byte)
        while !held.isEmpty {
            if let mark = marks.first(where: { $0.bytes == held }) {
                if mark.isOpening { begin() } else { give([]) }
                return
            }
            // All marks are ASCII at their beginning, so no character is ever cut.
            if marks.contains(where: { $0.bytes.starts(with: held) }) { return }
            text.append(held.removeFirst())
        }
    }

    private mutating func begin() { state = .call(CallProgress(form.parts, isBare: isBareCall)) }

    /// Whether the call that is being read began without a mark.
    private var isBareCall: Bool { form.isBare && !held.starts(with: form.opening.utf8) }

    private mutating func continueCall(_ byte: UInt8) {
        guard case .call(var progress) = state else { return }
        // A copy beside the one in the state would be copied with every byte.
        state = .text
        let verdict = held.count < Self.maximumByteCount ? progress.append(byte) : .failed(matched: 0)
        switch verdict {
        case .unfinished:
            held.append(byte)
            state = .call(progress)
        case .complete:
            held.append(byte)
            if let calls = calls(progress) {
                give(calls)
            } else {
                text += held
                held = []
            }
        case .failed(let matched):
            // Another call may begin with what has matched of a mark.
            let rest = held.suffix(matched)
            text += held.dropLast(matched)
            held = []
            for byte in rest { read(byte) }
            read(byte)
        }
    }

    private func calls(_ progress: CallProgress) -> [ToolCall]? {
        guard let calls = progress.calls else { return nil }
        if progress.isBare, let names, !calls.allSatisfy({ names.contains($0.name) }) { return nil }
        return calls
    }

    /// Gives calls with the text that is held for them.
    private mutating func give(_ calls: [ToolCall]) {
        flush()
        events.append(.calls(calls, source: String(decoding: held, as: UTF8.self)))
        held = []
        state = form.isBare ? .beginning(separators: ";") : .text
    }

    private mutating func flush() {
        guard !text.isEmpty else { return }
        events.append(.text(String(decoding: text, as: UTF8.self)))
        text = []
    }
}
