import Foundation
import TestSupport
import Testing
import Tokenization

/// Files that are changed as their structure suggests, with prompts of their own added tokens: an error or a tokenizer that
/// works, never a crash, nothing that takes for ever.
@Suite struct MutationTests {
    /// How many files; `LONGLM_TOKENIZER_MUTATIONS` asks for more than the tests make.
    private static let count =
        ProcessInfo.processInfo.environment["LONGLM_TOKENIZER_MUTATIONS"].flatMap { Int($0) } ?? 3_000

    private static let files = Result {
        var files = try Goldens.names.map { try Goldens.decode(Tree.self, "\($0).tokenizer") }
        // Small ones, so that most changes meet a component.
        for one in try CaseTests.all.get().overlaps.prefix(20) {
            files.append(try JSONDecoder().decode(Tree.self, from: Data(one.tokenizer.utf8)))
        }
        return files
    }

    private static func components(of tree: Tree, _ found: inout [Tree]) {
        switch tree {
        case .object(let members):
            if members["type"] != nil { found.append(tree) }
            for (key, value) in members.sorted(by: { $0.key < $1.key }) where key != "vocab" && key != "merges" {
                components(of: value, &found)
            }
        case .array(let elements): for element in elements { components(of: element, &found) }
        default: break
        }
    }

    @Test func changedStructures() throws {
        let files = try Self.files.get()
        var components: [Tree] = []
        for file in files { Self.components(of: file, &components) }
        components.removeAll { $0["vocab"] != nil }
        var mutator = TreeMutator(generator: SeededGenerator(seed: 1_612), components: components)
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        var (loaded, refused) = (0, 0)
        var slowest: (duration: Duration, json: String) = (.zero, "")
        for index in 0..<Self.count {
            // Half of the files are small.
            var tree = files[index.isMultiple(of: 2) ? mutator.number(14..<files.count) : mutator.number(0..<14)]
            mutator.mutate(&tree)
            let json = [UInt8](try encoder.encode(tree))
            let prompts = (0..<3).map { _ in mutator.prompt(for: tree) }
            let start = ContinuousClock.now
            do throws(TokenizerError) {
                let tokenizer = try Tokenizer(json: json, name: "t.json")
                loaded += 1
                for prompt in prompts { try Self.use(tokenizer, prompt) }
            } catch {
                refused += 1
                #expect(!error.description.isEmpty)
            }
            let duration = ContinuousClock.now - start
            if duration > slowest.duration { slowest = (duration, String(decoding: json, as: UTF8.self)) }
        }
        #expect(loaded > Self.count / 10 && refused > Self.count / 10, "\(loaded) loaded, \(refused) refused")
        if Self.count > 3_000 {
            print(
                "\(loaded) loaded, \(refused) refused, the slowest took \(slowest.duration): \(slowest.json.prefix(3_000))"
            )
        }
    }

    private static func use(_ tokenizer: Tokenizer, _ prompt: String) throws(TokenizerError) {
        for parses in [true, false] {
            let ids = tokenizer.encode(prompt, parseSpecialTokens: parses)
            #expect(ids.allSatisfy { tokenizer.token(id: $0) != nil })
            let all = try tokenizer.decode(ids)
            let middle = ids.count / 2
            var start = tokenizer.makeDetokenizer(skipSpecialTokens: false)
            var text = ""
            for id in ids { text += try start.append(id) }
            text += start.finish()
            #expect(scalars(text) == scalars(all), "\(ids)")
            var continuation = tokenizer.makeDetokenizer(after: Array(ids[..<middle]), skipSpecialTokens: false)
            var rest = ""
            for id in ids[middle...] { rest += try continuation.append(id) }
            rest += continuation.finish()
            let prefix = try tokenizer.decode(Array(ids[..<middle]))
            // Where the cut divides a character, the prompt ends otherwise when it stands alone.
            #expect(!scalars(all).starts(with: scalars(prefix)) || scalars(prefix + rest) == scalars(all), "\(ids)")
        }
    }
}
