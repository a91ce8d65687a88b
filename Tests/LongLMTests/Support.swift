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
