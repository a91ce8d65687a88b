import Foundation

/// What reads foreign input, by the name under which it is fuzzed. Each takes any bytes, and must return: an error is as
/// good as a value.
private let targets: [String: @Sendable ([UInt8]) -> Void] = [
    "safetensors": SafetensorsTarget.run,
    "gguf": GGUFTarget.run,
    "tokenizer": TokenizerTarget.run,
    "pattern": PatternTarget.run,
    "template": TemplateTarget.run,
    "configuration": ConfigurationTarget.run,
]

/// The one that `LONGLM_FUZZ_TARGET` names; libFuzzer's main takes no arguments but its own.
private let target: @Sendable ([UInt8]) -> Void = {
    let name = ProcessInfo.processInfo.environment["LONGLM_FUZZ_TARGET"] ?? ""
    guard let target = targets[name] else {
        FileHandle.standardError.write(
            Data("LONGLM_FUZZ_TARGET must be one of \(targets.keys.sorted().joined(separator: ", "))\n".utf8))
        exit(2)
    }
    return target
}()

/// What libFuzzer calls with each input.
@c(LLVMFuzzerTestOneInput)
public func testOneInput(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    target([UInt8](UnsafeBufferPointer(start: data, count: size)))
    return 0
}
