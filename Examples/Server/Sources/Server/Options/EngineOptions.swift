import ArgumentParser

/// How many requests are answered, and how long answers may be.
struct EngineOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The most tokens of an answer; by default as many as there is room for. Requests for more get these.",
            valueName: "n"))
    var maxTokens: Int?

    @Option(help: ArgumentHelp("The most texts that are written at the same time.", valueName: "n"))
    var batch = 8

    @Option(help: ArgumentHelp("The most requests that wait beyond those; others get status 429.", valueName: "n"))
    var queue = 64

    @Option(
        help: ArgumentHelp(
            """
            The most conversations to keep in memory when they are over, as far as there is memory: a request that begins \
            as one of them only has its rest to be read.
            """, valueName: "n"))
    var keep = 64

    @Option(
        help: ArgumentHelp(
            """
            How long answers may go on after SIGTERM or SIGINT, while no new requests are taken; those that are left then \
            end with an error.
            """, valueName: "seconds"))
    var drain = 30

    func validate() throws {
        try check("max-tokens", maxTokens ?? 1, 1...1 << 24)
        try check("batch", batch, 1...512)
        try check("queue", queue, 0...1 << 20)
        try check("keep", keep, 0...1 << 20)
        try check("drain", drain, 0...1 << 20)
    }
}
