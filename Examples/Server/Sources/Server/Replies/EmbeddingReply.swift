import Foundation

/// The answer to a request of `/v1/embeddings`.
struct EmbeddingReply: Reply {
    private let model: String
    private let isBase64: Bool
    private let tokenCount: Int
    private var vectors: [[Float]]

    init(to request: EmbeddingRequest, model: ServedModel) {
        self.model = model.name
        isBase64 = request.isBase64
        tokenCount = request.texts.reduce(0) { $0 + $1.count }
        vectors = request.texts.map { _ in [] }
    }

    // There are no streams of them.
    var beginning: [JSONValue] { [] }
    var ending: [JSONValue] { [] }

    mutating func take(_ piece: Answer.Piece) -> [JSONValue] {
        if case .embedding(let vector, let index) = piece { vectors[index] = vector }
        return []
    }

    var whole: JSONValue {
        let data = vectors.enumerated().map { index, vector -> JSONValue in
            ["object": "embedding", "index": .integer(index), "embedding": isBase64 ? base64(vector) : numbers(vector)]
        }
        return [
            "object": "list", "data": .array(data), "model": .string(model),
            "usage": ["prompt_tokens": .integer(tokenCount), "total_tokens": .integer(tokenCount)],
        ]
    }

    private func numbers(_ vector: [Float]) -> JSONValue { .array(vector.map { .double(Double($0)) }) }

    /// The floats, four bytes each, the least significant first.
    private func base64(_ vector: [Float]) -> JSONValue {
        var data = Data(capacity: 4 * vector.count)
        for number in vector {
            withUnsafeBytes(of: number.bitPattern.littleEndian) { data.append(contentsOf: $0) }
        }
        return .string(data.base64EncodedString())
    }
}
