import Foundation
import LongLM
import TestSupport

/// A tokenizer with a token for each byte, so that lengths in tokens can be counted by hand.
///
/// - Parameter special: The spelling of a special token, whose id is 256.
func byteTokenizer(special: String? = nil) throws -> Tokenizer {
    // Byte-level tokenizers write bytes without a visible character as those from U+0100 on.
    var vocabulary: [String: Int] = [:]
    var next: UInt32 = 0x100
    for byte in UInt32(0)..<256 {
        let isVisible = (0x21...0x7e).contains(byte) || (0xa1...0xac).contains(byte) || (0xae...0xff).contains(byte)
        let scalar = isVisible ? byte : next
        if !isVisible { next += 1 }
        if let scalar = Unicode.Scalar(scalar) { vocabulary[String(scalar)] = Int(byte) }
    }
    let added: [[String: Any]] =
        special.map {
            [
                [
                    "id": 256, "content": $0, "special": true, "single_word": false, "lstrip": false, "rstrip": false,
                    "normalized": false,
                ]
            ]
        } ?? []
    let json: [String: Any] = [
        "version": "1.0", "added_tokens": added,
        "pre_tokenizer": ["type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false],
        "decoder": ["type": "ByteLevel"], "model": ["type": "BPE", "vocab": vocabulary, "merges": [String]()],
    ]
    let directory = try TemporaryDirectory()
    let text = String(decoding: try JSONSerialization.data(withJSONObject: json), as: UTF8.self)
    return try Tokenizer(contentsOfFile: try directory.write(text, to: "tokenizer.json"))
}
