import Hummingbird

/// Lets pages of other addresses use the server, if they are among those that may (CORS), and answers OPTIONS.
struct CrossOrigin: RouterMiddleware {
    private static let methods = "GET, HEAD, POST, OPTIONS"

    /// Such as `https://example.org`; `*` is every page.
    let origins: Set<String>

    func handle(
        _ request: Request, context: ConnectionContext,
        next: (Request, ConnectionContext) async throws -> Response
    ) async throws -> Response {
        var response: Response
        if request.method == .options {
            response = Response(status: .noContent, headers: [.allow: Self.methods])
        } else {
            response = try await next(request, context)
        }
        if origins.isEmpty { return response }
        // What is kept of an answer for one page isn't the answer for another.
        if !origins.contains("*") { response.headers[.vary] = "Origin" }
        guard let origin = request.headers[.origin], let allowed = allowed(origin) else { return response }
        response.headers[.accessControlAllowOrigin] = allowed
        response.headers[.accessControlExposeHeaders] = "X-Request-Id, Retry-After"
        if request.method == .options {
            response.headers[.accessControlAllowMethods] = Self.methods
            // Clients have headers of their own, such as those that name their version.
            response.headers[.accessControlAllowHeaders] =
                request.headers[.accessControlRequestHeaders] ?? "Authorization, Content-Type"
            response.headers[.accessControlMaxAge] = "600"
        }
        return response
    }

    private func allowed(_ origin: String) -> String? {
        if origins.contains("*") { return "*" }
        return origins.contains(origin) ? origin : nil
    }
}
