import ArgumentParser
import Foundation

/// Where the server listens, who may use it, and what it takes from there.
struct NetworkOptions: ParsableArguments {
    @Option(help: "The address to listen at.")
    var host = "127.0.0.1"

    @Option(help: "The port to listen at; 0: any that is free, which is then named on standard error.")
    var port = 8080

    @Option(
        help: ArgumentHelp(
            """
            A key that clients must have; may be given several times. Others see the command line: --api-key-file and the \
            environment variable LONGLM_API_KEY keep a key secret. Without any, everybody who reaches the server may use it.
            """, valueName: "key"))
    var apiKey: [String] = []

    @Option(help: ArgumentHelp("A file with a key in each line; may be given several times.", valueName: "file"))
    var apiKeyFile: [String] = []

    @Option(
        help: ArgumentHelp(
            """
            A web page's origin from which browsers may use the server, such as https://example.org; may be given several \
            times. *: any.
            """, valueName: "origin"))
    var cors: [String] = []

    @Option(
        help: ArgumentHelp(
            """
            A name by which clients may call the server when there are no keys, beside addresses and names of local \
            networks; may be given several times.
            """, valueName: "name"))
    var allowHost: [String] = []

    @Option(
        help: ArgumentHelp(
            "The most bytes of a request; by default 64 KiB and 16 for each token of --length.", valueName: "bytes"))
    var maxBody: Int?

    @Option(
        help: ArgumentHelp(
            """
            How long a connection stays open on which nothing moves: a request is begun and not ended, none is sent, \
            or an answer isn't read.
            """, valueName: "seconds"))
    var idleTimeout = 30

    func validate() throws {
        try check("port", port, 0...65535)
        try check("max-body", maxBody ?? 1, 1...1 << 30)
        try check("idle-timeout", idleTimeout, 1...1 << 20)
        for origin in cors where origin != "*" && !Self.isOrigin(origin) {
            throw ValidationError("--cors is \(origin); it must be * or an origin such as https://example.org")
        }
        for key in apiKey where !Self.isKey(key) {
            throw ValidationError("--api-key must be of visible ASCII characters without spaces")
        }
    }

    /// All keys that clients may have.
    ///
    /// - Throws: `ValidationError` for a file that can't be read or has no key, and for a key that can't stand in a header.
    func keys() throws -> [String] {
        var keys = apiKey
        for file in apiKeyFile {
            guard let text = try? String(contentsOfFile: file, encoding: .utf8) else {
                throw ValidationError("--api-key-file is \(file), which can't be read as text")
            }
            let found = text.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }.filter {
                !$0.isEmpty
            }
            guard !found.isEmpty, found.allSatisfy(Self.isKey) else {
                throw ValidationError(
                    "--api-key-file is \(file); it must have keys of visible ASCII characters, one in each line")
            }
            keys += found
        }
        if let key = ProcessInfo.processInfo.environment["LONGLM_API_KEY"], !key.isEmpty {
            guard Self.isKey(key) else {
                throw ValidationError("LONGLM_API_KEY must be of visible ASCII characters without spaces")
            }
            keys.append(key)
        }
        return keys
    }

    var address: ListenAddress { ListenAddress(host: host, port: port) }

    /// Whether other machines can't reach the server.
    var isLocal: Bool { host == "localhost" || host == "::1" || host.hasPrefix("127.") }

    private static func isKey(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    }

    private static func isOrigin(_ text: String) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        return parts.count == 3 && parts[0].hasSuffix(":") && parts[0].count > 1 && parts[1].isEmpty
            && !parts[2].isEmpty
    }
}
