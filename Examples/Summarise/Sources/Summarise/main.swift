import Foundation
import LongLM

// Summarises a text file, which may be longer than the model's context.

let summaryLength = 256

func write(_ text: String, to file: FileHandle) { try? file.write(contentsOf: Data(text.utf8)) }

func fail(_ message: String, status: Int32) -> Never {
    write(message + "\n", to: .standardError)
    exit(status)
}

guard CommandLine.arguments.count == 3 else { fail("usage: Summarise MODEL-DIRECTORY TEXT-FILE", status: 2) }
let (directory, file) = (CommandLine.arguments[1], CommandLine.arguments[2])
guard let text = try? String(contentsOfFile: file, encoding: .utf8) else {
    fail("\(file) can't be read as a text in UTF-8", status: 1)
}

do {
    // What can be wrong with the input is found before the weights are loaded.
    let configuration = try ModelConfiguration(contentsOfFile: directory + "/config.json")
    let tokenizer = try Tokenizer(contentsOfFile: directory + "/tokenizer.json")
    let request = "Summarise this text in a few sentences."
    let question = ChatMessage(role: .user, content: "\(request)\n\n\(text)\n\n\(request)")
    let prompt = try ChatFormat(directory: directory).encode([question], with: tokenizer)

    // Self-Extend as far as the text needs it; a text within the trained context needs none.
    let length = prompt.count + summaryLength
    let attention = try AttentionMode.recommended(length: length, trainedContext: configuration.trainedContext)
    let sessionOptions = SessionOptions(attention: attention, capacity: length)
    let session = try Session(model: try LanguageModel(directory: directory), options: sessionOptions)
    let options = GenerationOptions(
        tokenLimit: summaryLength, processors: [try RepetitionPenalty(1.1)], startsText: true)
    let generation = try Generation(session: session, prompt: prompt, tokenizer: tokenizer, options: options) { done in
        write("\rread \(done) of \(prompt.count) tokens\(done == prompt.count ? "\n" : "")", to: .standardError)
    }
    for try await token in TokenStream(generation) { write(token.text, to: .standardOutput) }
    write("\n", to: .standardOutput)
} catch { fail("\(error)", status: 1) }
