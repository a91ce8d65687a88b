import ArgumentParser

/// How many requests are answered, and how long answers may be.
struct EngineOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            The most tokens of an answer; by default as many as there is room for. Requests for more get these. A text \
            reserves memory for its prompt and the longest answer it may have, and a chat without max_tokens may fill the \
            context: so this decides how many chats fit in memory.
            """, valueName: "n"))
    var maxTokens: Int?

    @Option(help: ArgumentHelp("The most texts that are written at the same time.", valueName: "n"))
    var batch = 8

    @Option(
        help: ArgumentHelp(
            "How many requests may be present beyond --batch, waiting or running; others get status 429.",
            valueName: "n"))
    var queue = 64

    @Option(
        help: ArgumentHelp(
            """
            The most conversations to keep in memory when they are over, as far as there is memory: a request that begins \
            like one of them only needs the rest to be read.
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
