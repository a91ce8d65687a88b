import LongLM

/// RULER's variable tracking: a number goes through five variables, whose assignments stand between lines of noise.
enum RulerVariables {
    private static let variableCount = 5

    /// - Parameter lineCount: Lines of noise, at least five.
    static func sample(lineCount: Int, _ generator: inout SplitMix64) -> TaskSample {
        // An example with its answer comes first. Its names are shorter.
        let example = task(lineCount: 5, nameLength: 3, &generator)
        let task = task(lineCount: lineCount, nameLength: 5, &generator)
        let solved = example.prompt + example.answerPrefix + " " + example.references.joined(separator: " ")
        return TaskSample(
            prompt: solved + "\n\n" + task.prompt, answerPrefix: task.answerPrefix, references: task.references)
    }

    private static func task(lineCount: Int, nameLength: Int, _ generator: inout SplitMix64) -> TaskSample {
        let names = generator.distinct(variableCount) { $0.letters(nameLength, of: "ABCDEFGHIJKLMNOPQRSTUVWXYZ") }
        let value = 10_000 + generator.number(below: 90_000)
        var lines = [String](repeating: TaskWords.noise, count: lineCount)
        let places = generator.distinctNumbers(variableCount, below: lineCount).sorted()
        for (index, place) in places.enumerated() {
            let source = index == 0 ? "\(value)" : "VAR \(names[index - 1]) "
            lines.insert("VAR \(names[index]) = \(source)", at: place + index)
        }
        return TaskSample(
            prompt: "Memorize and track the chain(s) of variable assignment hidden in the following text.\n\n"
                + lines.joined(separator: "\n")
                + "\nQuestion: Find all variables that are assigned the value \(value) in the text above.",
            answerPrefix: " Answer: According to the chain(s) of variable assignment in the text above, "
                + "\(variableCount) variables are assigned the value \(value), they are: ",
            references: names)
    }
}
