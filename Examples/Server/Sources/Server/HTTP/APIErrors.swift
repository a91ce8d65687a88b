import Hummingbird

/// Answers every error in the form of an ``APIError``.
struct APIErrors: RouterMiddleware {
    func handle(
        _ request: Request, context: ConnectionContext,
        next: (Request, ConnectionContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch {
            let error = form(of: error, request, context)
            context.record?.fail(error)
            return error.response(from: request, context: context)
        }
    }

    private func form(of error: any Error, _ request: Request, _ context: ConnectionContext) -> APIError {
        switch error {
        case let error as APIError: return error
        case let error as any HTTPResponseError where error.status == .notFound:
            return APIError(
                status: error.status, message: "There is no \(request.method) \(request.uri.path).", code: "unknown_url"
            )
        case let error as any HTTPResponseError:
            return APIError(status: error.status, message: error.status.reasonPhrase)
        default:
            context.logger.error("A request failed.", metadata: ["error": "\(error)"])
            return APIError(status: .internalServerError, message: "The server failed.")
        }
    }
}
