import ArgumentParser

/// Where the server listens, and what it takes from there.
struct NetworkOptions: ParsableArguments {
    @Option(help: "The address to listen at.")
    var host = "127.0.0.1"

    @Option(help: "The port to listen at; 0: any that is free, which is then named on standard error.")
    var port = 8080

    @Option(
        help: ArgumentHelp(
            "The most bytes of a request, others get status 413; by default 64 KiB and 16 for each token of --length.",
            valueName: "bytes"))
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
    }
}
