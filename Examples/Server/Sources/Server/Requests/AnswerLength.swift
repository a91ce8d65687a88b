/// How long an answer may be: what the request says, as far as there is room for it.
struct AnswerLength: Sendable {
    /// nil: as long as there is room.
    private let wanted: Int?
    /// Whether the request says so, rather than the endpoint's default.
    private let isGiven: Bool
    private let isChat: Bool

    /// Of a chat.
    init(chat fields: inout Fields) throws(APIError) {
        let old = try fields.integer("max_tokens", in: 1 ... .max)
        let new = try fields.integer("max_completion_tokens", in: 1 ... .max)
        if let old, let new, old != new {
            throw .invalid("max_tokens and max_completion_tokens differ.", field: "max_tokens")
        }
        wanted = new ?? old
        isGiven = wanted != nil
        isChat = true
    }

    /// Of a completion: 16 tokens where nothing is said, as OpenAI's endpoint does. With an echo, there may be none.
    init(text fields: inout Fields, echo: Bool) throws(APIError) {
        let given = try fields.integer("max_tokens", in: (echo ? 0 : 1) ... .max)
        wanted = given ?? 16
        isGiven = given != nil
        isChat = false
    }

    /// The most tokens of an answer to a prompt.
    ///
    /// - Throws: If the prompt leaves no room for one.
    func tokenLimit(after promptLength: Int, _ model: ServedModel) throws(APIError) -> Int {
        let room = model.capacity - promptLength
        guard room >= min(wanted ?? 1, 1) else {
            throw .tooLong(
                promptLength, and: isGiven ? wanted : nil, capacity: model.capacity,
                field: isChat ? "messages" : "prompt")
        }
        return min(wanted ?? room, room, model.answerLimit)
    }
}
