import Foundation

/// A request of `/v1/embeddings`, read and checked.
struct EmbeddingRequest: Sendable {
    /// The tokens of the texts.
    let texts: [[Int]]
    /// Whether vectors are sent as bytes in Base64, rather than as numbers.
    let isBase64: Bool

    init(_ body: Data, _ model: ServedModel) throws(APIError) {
        var fields = try Fields(body: body)
        try model.check(&fields)
        var list = try PromptList(&fields, "input", model)
        try list.truncate(&fields)
        texts = list.prompts.map(\.tokens)
        if let longest = texts.map(\.count).max(), longest > model.capacity {
            throw .tooLong(longest, and: nil, capacity: model.capacity, field: "input")
        }
        switch try fields.string("encoding_format") {
        case nil, "float": isBase64 = false
        case "base64": isBase64 = true
        default: throw .invalid("encoding_format is neither float nor base64.", field: "encoding_format")
        }
        if let count = try fields.integer("dimensions", in: 1 ... .max), count != model.embeddingSize {
            throw .invalid(
                "dimensions can only be \(model.embeddingSize), the size of the model's vectors.", field: "dimensions")
        }
        fields.ignore(NeutralFields.ignored)
        try fields.end()
    }
}
