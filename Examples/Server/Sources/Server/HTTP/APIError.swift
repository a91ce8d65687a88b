import Hummingbird
import LongLM

/// An error as OpenAI's clients know them: a status, and an object that says what is wrong with which field.
struct APIError: HTTPResponseError {
    var status: HTTPResponse.Status
    var message: String
    /// The field of the request.
    var field: String?
    var code: String?

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

    static func unknownModel(_ name: String) -> APIError {
        APIError(
            status: .notFound, message: "This server has no model \(name).", field: "model", code: "model_not_found")
    }

    static let shuttingDown = APIError(
        status: .serviceUnavailable, message: "The server is shutting down.", code: "shutting_down")

    static let abandoned = APIError(
        status: .badRequest, message: "The connection was closed, if only for sending, before the answer had ended.",
        code: "connection_closed")

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
        if status == .tooManyRequests || status == .serviceUnavailable { response.headers[.retryAfter] = "1" }
        // The engine's errors, which end the watch of a connection, and with it its use.
        if status.code >= 500 { response.headers[.connection] = "close" }
        return response
    }
}

extension APIError {
    /// What an engine could not do.
    init(_ error: GenerationError) {
        if case .session(let error) = error {
            self.init(error)
        } else {
            self.init(status: .internalServerError, message: "\(error)")
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

/// Gives every error the form of an ``APIError``.
struct APIErrors<Context: RequestContext>: RouterMiddleware {
    let maximumBodySize: Int

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as APIError {
            throw error
        } catch let error as any HTTPResponseError {
            switch error.status {
            case .contentTooLarge:
                throw APIError(
                    status: error.status, message: "The body has more than \(maximumBodySize) bytes.",
                    code: "body_too_large")
            case .notFound:
                throw APIError(
                    status: error.status, message: "There is no \(request.method) \(request.uri.path).",
                    code: "unknown_url")
            default: throw APIError(status: error.status, message: error.status.reasonPhrase)
            }
        } catch {
            context.logger.error("\(request.method) \(request.uri.path): \(error)")
            throw APIError(status: .internalServerError, message: "The server failed.")
        }
    }
}

extension Response {
    /// A response of JSON.
    init(_ json: JSONValue, status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]) {
        var headers = headers
        headers[.contentType] = "application/json"
        let body = ByteBuffer(bytes: json.data)
        headers[.contentLength] = String(body.readableBytes)
        self.init(status: status, headers: headers, body: ResponseBody(byteBuffer: body))
    }
}
