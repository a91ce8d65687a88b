import Foundation
import LongLM
import TestSupport
import Testing

/// A tiny model, loaded; its files are gone. Its sessions may be as long as they like: what this machine has is not looked at.
func loadModel(
    _ tiny: TinyLlama = TinyLlama(), precision: Precision = .float32, instructionSet: InstructionSet? = nil,
    memoryLimit: Int? = nil
) throws -> LanguageModel {
    let directory = try TemporaryDirectory()
    try tiny.write(to: directory)
    return try LanguageModel(
        directory: directory.path,
        options: LoadOptions(precision: precision, instructionSet: instructionSet, memoryLimit: memoryLimit),
        ledger: MemoryLedger { nil })
}

/// The logits of every token, from one prefill.
func allLogits(_ model: LanguageModel, _ tokens: [Int], _ options: SessionOptions = SessionOptions()) throws -> [Float]
{
    try Session(model: model, options: options).prefillAllLogits(tokens)
}

/// The logits of every token, from prefills of `chunk` tokens.
func chunkedLogits(
    _ model: LanguageModel, _ tokens: [Int], chunk: Int, _ options: SessionOptions = SessionOptions()
) throws -> [Float] {
    let session = try Session(model: model, options: options)
    return try stride(from: 0, to: tokens.count, by: chunk).flatMap { start in
        try session.prefillAllLogits(Array(tokens[start..<min(start + chunk, tokens.count)]))
    }
}

/// The bits of floats: `==` on floats takes 0 and −0 for equal and NaN for different from itself.
///
/// It is no collection, because a failed comparison of long ones would search for the shortest list of their
/// differences, which takes minutes.
struct Bits: Hashable, Sendable, CustomTestStringConvertible, CustomReflectable {
    private var words: [UInt32] = []

    init(_ floats: some Sequence<Float> = []) { words = floats.map(\.bitPattern) }

    var count: Int { words.count }
    var testDescription: String { "\(words.count) floats beginning with the bits \(words.prefix(4))" }
    var customMirror: Mirror { Mirror(self, children: []) }

    static func += (left: inout Bits, right: Bits) { left.words += right.words }
}

func bits(_ floats: [Float]) -> Bits { Bits(floats) }

/// The standard deviation.
func deviation(_ values: [Double]) -> Double {
    let mean = values.reduce(0, +) / Double(values.count)
    return (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)).squareRoot()
}

/// The greatest difference.
func greatestDifference(_ left: [Float], _ right: [Double]) -> Double {
    zip(left, right).reduce(0) { greatest, pair in
        let difference = abs(Double(pair.0) - pair.1)
        return difference.isNaN ? .infinity : max(greatest, difference)
    }
}

/// The root of the mean square of the differences.
func meanDifference(_ left: [Float], _ right: [Float]) -> Double {
    let squares = zip(left, right).reduce(0) { $0 + (Double($1.0) - Double($1.1)) * (Double($1.0) - Double($1.1)) }
    return (squares / Double(left.count)).squareRoot()
}
