import LongLM

/// What the page at `/` has to know of the model, and who else wants to show how full its context is.
struct Info: Sendable {
    let model: ServedModel

    var json: JSONValue {
        [
            "model": .string(model.name), "chat": .bool(model.format != nil), "capacity": .integer(model.capacity),
            "trained_context": .integer(model.trainedContext),
            "answer_limit": .integer(model.answerLimit),
            "attention": attention,
        ]
    }

    private var attention: JSONValue {
        switch model.attention {
        case .plain: ["mode": "plain"]
        case .selfExtend(let mode):
            [
                "mode": "self_extend", "group_size": .integer(mode.groupSize),
                "neighbor_window": .integer(mode.neighborWindow),
            ]
        default: ["mode": .string(model.attention.text)]
        }
    }
}
