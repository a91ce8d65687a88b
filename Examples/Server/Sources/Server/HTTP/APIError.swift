import Hummingbird
import LongLM

/// An error as OpenAI's clients know them: a status, and an object that says what is wrong with which field.
struct APIError: HTTPResponseError {
    var status: HTTPResponse.Status
    var message: String
    /// The field of the request.
    var field: String?
    var code: String?
    /// Whether the same request would fail again, however long its client waits.
    var isLasting = false

    /// A request that can't be answered as it is.
    static func invalid(_ message: String, field: String? = nil, code: String? = nil) -> APIError {
        APIError(status: .badRequest, message: message, field: field, code: code)
    }

    /// A text that doesn't fit, in OpenAI's words: clients look for them.
    ///
    /// - Parameter answer: How many tokens of an answer the request asks for; nil: it doesn't say.
    static func tooLong(_ tokenCount: Int, and answer: Int?, capacity: Int, field: String) -> APIError {
        let needed = tokenCount.addingReportingOverflow(answer ?? 0)
        let request =
            answer.map {
                "you requested \(needed.overflow ? .max : needed.partialValue) tokens (\(tokenCount) in the \(field), "
                    + "\($0) in the completion). Please reduce the length of the \(field) or completion."
            } ?? "the \(field) resulted in \(tokenCount) tokens. Please reduce the length of the \(field)."
        return .invalid(
            "This model's maximum context length is \(capacity) tokens. However, \(request)", field: field,
            code: "context_length_exceeded")
    }

    /// A body that doesn't fit.
    static func tooLong(bodySize: Int, capacity: Int) -> APIError {
        .invalid(
            "This model's maximum context length is \(capacity) tokens. However, your request has more than \(bodySize) "
                + "bytes. Please reduce its length.", code: "context_length_exceeded")
    }

    static func unknownModel(_ name: String) -> APIError {
        APIError(
            status: .notFound, message: "This server has no model \(name).", field: "model", code: "model_not_found")
    }

    static let shuttingDown = APIError(
        status: .serviceUnavailable, message: "The server is shutting down.", code: "shutting_down")

    /// Nobody is there to read it but clients of HTTP/1.0 that have closed their connection for sending.
    static let abandoned = APIError(
        status: .init(code: 499, reasonPhrase: "Client Closed Request"),
        message: "The connection was closed before the answer had ended.", code: "connection_closed")

    static let noJSON = APIError(
        status: .unsupportedMediaType, message: "The Content-Type of a request is application/json.",
        code: "unsupported_media_type")

    static let queueFull = APIError(
        status: .tooManyRequests, message: "Too many requests are waiting; try again later.", code: "queue_full")

    /// The object that clients look for.
    var json: JSONValue {
        let type: JSONValue =
            switch status.code {
            case 429: "rate_limit_error"
            case 500...: "server_error"
            default: "invalid_request_error"
            }
        return [
            "error": [
                "message": .string(message), "type": type, "param": field.map { .string($0) } ?? .null,
                "code": code.map { .string($0) } ?? .null,
            ]
        ]
    }

    func response(from request: Request, context: some RequestContext) -> Response {
        var response = Response(json, status: status)
        if status == .unauthorized { response.headers[.wwwAuthenticate] = "Bearer" }
        if !isLasting, status == .tooManyRequests || status == .serviceUnavailable {
            response.headers[.retryAfter] = "1"
        }
        return response
    }
}

extension APIError {
    /// What an engine could not do.
    init(_ error: GenerationError) {
        switch error {
        case .session(let error): self.init(error)
        case .constraint(let error): self = .invalid("The format of the answer: \(error).", code: "format_too_costly")
        default: self.init(status: .internalServerError, message: "\(error)")
        }
    }

    /// What a session could not do.
    init(_ error: SessionError) {
        switch error {
        case .cancelled: self = .shuttingDown
        case .memory:
            self.init(
                status: .serviceUnavailable, message: "\(error); try again later.", code: "out_of_memory")
        default: self.init(status: .internalServerError, message: "\(error)")
        }
    }
}
