import Foundation
import Hummingbird

/// Who may use the server.
///
/// With keys: who has one of them. Without: everybody who can reach it, except for pages that a browser shows. A browser
/// doesn't let a page read what another address sends, unless the page's own name leads to that address
/// ("DNS rebinding"). So without keys a request must name the server by an address, by a name that only a local network can
/// have, or by one that the options allow.
struct Access: Sendable {
    /// Addresses that need no key.
    private static let open: Set<String> = ["/", "/health"]
    private static let localEndings = [".localhost", ".local", ".lan", ".internal", ".home.arpa"]

    private let keys: [[UInt8]]
    private let hosts: Set<String>

    /// - Parameter hosts: The names that the server may be called by, when there are no keys.
    init(keys: [String], hosts: [String]) {
        self.keys = keys.map { Array($0.utf8) }
        self.hosts = Set(hosts.map { $0.lowercased() })
    }

    /// - Throws: ``APIError`` with status 401 for a key that is wrong or missing, and with 403 for a name that isn't the
    ///   server's.
    func check(_ request: Request) throws(APIError) {
        if keys.isEmpty {
            guard let authority = request.head.authority, !isKnown(authority) else { return }
            throw APIError(
                status: .forbidden,
                message: "Without --api-key this server doesn't answer to that name; --allow-host allows names.",
                code: "unknown_host")
        }
        if Self.open.contains(request.uri.path) { return }
        let given = request.headers[.authorization].flatMap { Self.token(in: $0) }
        guard let given else {
            throw .unauthorized("The key is missing: send it in the header Authorization, as \"Bearer KEY\".")
        }
        var isRight = false
        // No key is left out, so that the time says nothing.
        for key in keys where Self.areEqual(key, given) { isRight = true }
        guard isRight else { throw .unauthorized("The key is wrong.") }
    }

    private static func token(in header: String) -> [UInt8]? {
        let parts = header.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
        return Array(parts[1].trimmingCharacters(in: .whitespaces).utf8)
    }

    /// Whether both are the same, in a time that depends on nothing but the length of the second.
    private static func areEqual(_ key: [UInt8], _ given: [UInt8]) -> Bool {
        var difference = key.count ^ given.count
        for (index, byte) in given.enumerated() {
            // An empty key is never made.
            difference |= Int(byte ^ key[index % key.count])
        }
        return difference == 0
    }

    private func isKnown(_ authority: String) -> Bool {
        let host = Self.host(of: authority.lowercased())
        // Nobody can register a name without a dot.
        return hosts.contains(host) || !host.contains(".") || Self.localEndings.contains { host.hasSuffix($0) }
            || Self.isIPv4(host)
    }

    /// A host without its port. That of an IPv6 address has no dots but those of an IPv4 address at its end.
    private static func host(of authority: String) -> String {
        if authority.hasPrefix("[") { return "[" }
        return authority.split(separator: ":", omittingEmptySubsequences: false).first.map(String.init) ?? ""
    }

    private static func isIPv4(_ host: String) -> Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
    }
}

extension Access: RouterMiddleware {
    func handle(
        _ request: Request, context: ConnectionContext,
        next: (Request, ConnectionContext) async throws -> Response
    ) async throws -> Response {
        try check(request)
        return try await next(request, context)
    }
}

extension APIError {
    fileprivate static func unauthorized(_ message: String) -> APIError {
        APIError(status: .unauthorized, message: message, code: "invalid_api_key")
    }
}
