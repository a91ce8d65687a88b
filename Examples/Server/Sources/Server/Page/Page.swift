import Foundation
import Hummingbird

/// The page at `/`: a chat in the browser. Its style and its scripts are files of their own here, and one document for a
/// browser.
struct Page: Sendable {
    /// The document, cut where the nonce of a response belongs.
    private let pieces: [String]

    init() {
        func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
        // They are one module, so their order doesn't matter but for what runs at once: the last begins it all.
        let scripts = [
            PackageResources.server_js, PackageResources.conversation_js, PackageResources.context_js,
            PackageResources.log_js, PackageResources.page_js,
        ]
        pieces = text(PackageResources.index_html)
            .replacingOccurrences(of: "STYLE", with: text(PackageResources.page_css))
            .replacingOccurrences(of: "SCRIPT", with: scripts.map(text).joined())
            .components(separatedBy: "NONCE")
    }

    /// The document, with headers that let it run nothing but its own script and ask nobody but this server.
    func response() -> Response {
        let nonce = String(UInt64.random(in: 0 ... .max), radix: 36) + String(UInt64.random(in: 0 ... .max), radix: 36)
        let document = ByteBuffer(string: pieces.joined(separator: nonce))
        let policy = [
            "default-src 'none'", "script-src 'nonce-\(nonce)'", "style-src 'nonce-\(nonce)'", "connect-src 'self'",
            "img-src data:", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
        ]
        let headers: HTTPFields = [
            .contentType: "text/html; charset=utf-8",
            .contentLength: String(document.readableBytes),
            // A nonce is for one response.
            .cacheControl: "no-store",
            .contentSecurityPolicy: policy.joined(separator: "; "),
            .xContentTypeOptions: "nosniff",
            .init("Referrer-Policy")!: "no-referrer",
            .init("Cross-Origin-Opener-Policy")!: "same-origin",
        ]
        return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: document))
    }
}
