import Testing

/// Wrong usage ends with status 2 and one line.
@Suite struct UsageTests {
    /// Arguments, and what the line says. (Within `@Test`, the macro would have them type-checked three times.)
    static let refused: [([String], String)] = [
        (["generate", "--prompt", "a"], "--model"),
        (["generate", "--model", "m"], "--prompt"),
        (["chat"], "--model"),
        (["chat", "--model", "m", "--max-tokens", "0"], "--max-tokens"),
        (["chat", "--model", "m", "--chat-format", "alpaca"], "llama2"),
        (["chat", "--model", "m", "--temperature", "0", "--top-p", "0.5"], "--temperature"),
        (["chat", "--model", "m", "--stop", ""], "--stop is empty"),
        (["run", "--model", "m"], "there is no command run; did you mean chat? (see longlm --help)"),
        (["genrate", "--model", "m"], "there is no command genrate; did you mean generate? (see longlm --help)"),
        (["serve"], "there is no command serve (see longlm --help)"),
        (["generate", "--model", "m", "--prompt", "a", "--stop", ""], "--stop is empty"),
        (
            ["passkey", "--model", "m", "--settings", "plain,best"],
            "\"best\" is not plain, auto, G:W such as 4:1024, or one of plain, self-extend,"
        ),
        (["passkey", "--model", "m", "--lengths", "1k"], "\"1k\" is not a whole number"),
        (["needle", "run", "--model", "m", "--depths", "0,half"], "\"half\" is not a number"),
        (["generate", "--model", "m", "--prompt", "a", "--prompt-file", "b"], "--prompt-file"),
        (["generate", "--model", "m", "--prompt", "a", "--group-size", "4"], "--neighbor-window"),
        (["generate", "--model", "m", "--prompt", "a", "--group-size", "0", "--neighbor-window", "8"], "--group-size"),
        (["generate", "--model", "m", "--prompt", "a", "--max-tokens", "-1"], "--max-tokens"),
        (["generate", "--model", "m", "--prompt", "a", "--threads", "0"], "--threads"),
        (["generate", "--model", "m", "--prompt", "a", "--temperature=-1"], "must be finite and more than 0"),
        (["generate", "--model", "m", "--prompt", "a", "--temperature", "nan"], "temperature"),
        (["generate", "--model", "m", "--prompt", "a", "--temperature", "0", "--min-p", "0.1"], "--temperature"),
        (["generate", "--model", "m", "--prompt", "a", "--repetition-penalty", "0"], "repetition penalty"),
        (["generate", "--model", "m", "--prompt", "a", "--repetition-penalty", "x"], "--repetition-penalty"),
        (["generate", "--model", "m", "--prompt", "a", "--temperature", "1", "--top-p", "2"], "top-p"),
        (["generate", "--model", "m", "--prompt", "a", "--top-k", "5"], "--temperature"),
        (["generate", "--model", "m", "--prompt", "a", "--system", "s"], "--chat"),
        (["generate", "--model", "m", "--prompt", "a", "--chat-format", "chatml"], "--chat"),
        (["generate", "--model", "m", "--prompt", "a", "--chat", "--chat-format", "alpaca"], "llama2"),
        (["generate", "--model", "m", "--prompt", "a", "--max-tokens", "9223372036854775807"], "--max-tokens"),
        (["generate", "--model", "m", "--prompt", "a", "--seed", "1"], "--temperature"),
        (["generate", "--model", "m", "--prompt", "a", "--shift", "floor"], "--group-size"),
        (["logits", "--model", "m", "--prompt", "a", "--query-scale-base", "9"], "--group-size"),
        (
            ["generate", "--model", "m", "--prompt", "a", "--attention", "rerope", "--shift", "floor"],
            "--neighbor-window"
        ),
        (["generate", "--model", "m", "--prompt", "a", "--attention", "string:5"], "string:S:W"),
        (["generate", "--model", "m", "--prompt", "a", "--attention", "dca", "--group-size", "4"], "--group-size"),
        (
            ["generate", "--model", "m", "--prompt", "a", "--attention", "dca:48:8", "--trained-context", "64"],
            "--trained-context"
        ),
        (["passkey", "--model", "m", "--lengths", "100", "--settings", "plain,dpe:2,8"], "dpe:2"),
        (
            [
                "logits", "--model", "m", "--prompt", "a", "--attention", "rerope", "--neighbor-window", "8", "--shift",
                "floor",
            ],
            "--shift"
        ),
        (
            ["logits", "--model", "m", "--prompt", "a", "--attention", "leaky-rerope", "--neighbor-window", "8"],
            "--group-size"
        ),
        (["logits", "--model", "m", "--prompt", "a", "--attention", "sparse"], "--attention"),
        (["generate", "--model", "m", "--prompt", "a", "--length", "0"], "--length"),
        (["logits", "--model", "m", "--prompt", "a", "--length", "16777217"], "--length"),
        (["generate", "--model", "m", "--prompt", "a", "--self-extend", "always"], "--self-extend"),
        (
            ["logits", "--model", "m", "--prompt", "a", "--self-extend", "auto", "--attention", "self-extend"],
            "--self-extend"
        ),
        (
            [
                "generate", "--model", "m", "--prompt", "a", "--self-extend", "auto", "--group-size", "4",
                "--neighbor-window", "8",
            ], "--self-extend"
        ),
        (["generate", "--model", "m", "--prompt", "a", "--self-extend", "auto", "--group-size", "4"], "--self-extend"),
        (
            ["generate", "--model", "m", "--prompt", "a", "--self-extend", "auto", "--neighbor-window", "8"],
            "--self-extend"
        ),
        (["logits", "--model", "m", "--prompt", "a", "--self-extend", "auto", "--shift", "floor"], "--self-extend"),
        (
            ["logits", "--model", "m", "--prompt", "a", "--self-extend", "auto", "--query-scale-base", "9"],
            "--self-extend"
        ),
        (["logits", "--model", "m", "--prompt", "a", "--self-extend", "auto", "--beyond-context"], "--self-extend"),
        (["plan", "--length", "5"], "--model"),
        (["plan", "--model", "m"], "--length"),
        (["generate", "--model", "m", "--prompt", "a", "--trained-context", "64"], "--self-extend auto"),
        (
            ["generate", "--model", "m", "--prompt", "a", "--self-extend", "auto", "--trained-context", "1"],
            "must be between 2 and"
        ),
        (["plan", "--trained-context", "64", "--length", "0"], "--length"),
        (["plan", "--trained-context", "64", "--length", "16777217"], "--length"),
        (["plan", "--trained-context", "1", "--length", "5"], "--trained-context"),
        (["plan", "--trained-context", "16777217", "--length", "5"], "--trained-context"),
        (["plan", "--trained-context", "64", "--length", "5", "--threads", "2"], "--model"),
        (["plan", "--trained-context", "64", "--length", "5", "--cache", "bfloat16"], "--model"),
        (["plan", "--trained-context", "64", "--length", "5", "--precision", "bfloat16"], "--model"),
        (["plan", "--trained-context", "64", "--length", "5", "--weights", "int4"], "--weights"),
        (["plan", "--trained-context", "64", "--length", "5", "--no-measurement"], "--model"),
        (["plan", "--model", "m", "--length", "5", "--weights", "q4_k"], "--weights"),
        (["plan", "--model", "m", "--length", "5", "--precision", "bfloat16", "--weights", "int8"], "--precision"),
        (
            ["perplexity", "--model", "m", "--length", "5", "--reference-weights", "int8", "--svg", "f"],
            "--svg"
        ),
        (
            [
                "perplexity", "--model", "m", "--length", "5", "--reference-precision", "bfloat16",
                "--reference-weights", "int4",
            ], "--reference-precision"
        ),
        (["plan", "--model", "m", "--length", "5", "--threads", "0"], "--threads"),
        (["tokenize", "--model", "m", "--decode", "--no-special-tokens"], "--decode"),
        (["generate", "--model", "m", "--prompt", "a", "--seed", "x"], "--seed"),
        (["logits", "--model", "m", "--prompt", "a", "--chunk", "0"], "--chunk"),
        (["logits", "--model", "m", "--prompt", "a", "--rows", "0"], "--rows"),
        (["demo", "--count", "0"], "--count"),
        (["inspect"], "dir"),
        (["inspect", "m", "--length", "0"], "--length"),
        (["inspect", "m", "--neighbor-window", "0"], "--neighbor-window"),
        (["verify"], "dir"),
        (["bench", "--samples", "0"], "--samples"),
        (["bench", "--samples", "1001"], "--samples"),
        (["bench", "--samples", "x"], "--samples"),
        (["bench", "--tolerance", "0"], "--tolerance"),
        (["bench", "--tolerance", "100"], "--tolerance"),
        (["bench", "--tolerance=-5"], "--tolerance"),
        (["bench", "--tolerance", "nan"], "--tolerance"),
        (["bench", "--tolerance", "ten"], "--tolerance"),
        (["bench", "--threads", "0"], "--threads"),
        (["bench", "gemm"], "gemm"),
        (["summon"], "summon"),
        (["generate", "--model", "m", "--promt", "a"], "--promt"),
        (["generate", "--model", "m", "hello"], "hello"),
    ]

    @Test(arguments: refused)
    func isRefused(arguments: [String], named: String) throws {
        let run = try longlm(arguments)
        #expect(run.status == 2)
        #expect(run.output.isEmpty)
        #expect(run.errorLines.count == 1)
        #expect(run.errors.hasPrefix("longlm: "))
        #expect(run.errors.contains(named))
        let isCommand = !["summon", "run", "genrate", "serve"].contains(arguments[0])
        let help = isCommand ? "longlm \(arguments[0]) --help" : "longlm --help"
        #expect(run.errors.hasSuffix("(see \(help))\n"))
    }

    @Test(arguments: ["chat", "generate", "verify", "logits", "tokenize", "inspect", "plan", "bench"])
    func helpIsPrinted(command: String) throws {
        let run = try longlm([command, "--help"])
        #expect(run.status == 0)
        #expect(run.output.contains("USAGE: longlm \(command)"))
        #expect(run.errors.isEmpty)
    }
}
