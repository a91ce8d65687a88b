import ArgumentParser
import Foundation
import LongLM

/// `longlm tokenize`
struct Tokenize: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Turn text into token ids, or back.",
        discussion: """
            Reads text from standard input and writes its ids on one line. With --decode it reads ids, separated by white \
            space or as {"ids": […]}, and writes their text. A control token that the text spells out is read as that \
            token.
            """)

    @OptionGroup var model: ModelArguments

    @Flag(help: "Read ids and write text.")
    var decode = false

    @Flag(help: "Leave out the tokens that the model expects around a text.")
    var noSpecialTokens = false

    @Flag(help: "Print {\"ids\": […]}, or {\"text\": …} with --decode.")
    var json = false

    func validate() throws {
        if decode, noSpecialTokens { throw ValidationError("--no-special-tokens is for encoding, not for --decode") }
    }

    func run() throws {
        let tokenizer = try model.location.tokenizer()
        let input = try readText(nil)
        if decode {
            let text = try tokenizer.decode(try ids(input))
            try json ? Terminal.write(json: ["text": text]) : Terminal.write(text)
        } else {
            let ids = tokenizer.encode(input, addSpecialTokens: !noSpecialTokens)
            try json
                ? Terminal.write(json: TokenList(ids: ids))
                : Terminal.write(ids.map(String.init).joined(separator: " ") + "\n")
        }
    }

    private func ids(_ input: String) throws(CommandError) -> [Int] {
        if input.first(where: { !$0.isWhitespace }) == "{" {
            do {
                return try JSONDecoder().decode(TokenList.self, from: Data(input.utf8)).ids
            } catch { throw .invalidInput("standard input: is not {\"ids\": […]}") }
        }
        var ids: [Int] = []
        for word in input.split(whereSeparator: \.isWhitespace) {
            guard let id = Int(word) else {
                throw .invalidInput("standard input: \(word.prefix(40)) is not a token id")
            }
            ids.append(id)
        }
        return ids
    }
}

private struct TokenList: Codable {
    let ids: [Int]
}
