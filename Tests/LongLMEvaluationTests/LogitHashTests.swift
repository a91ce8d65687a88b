import LongLMEvaluation
import Testing

@Suite struct LogitHashTests {
    private func hash(_ message: [UInt8]) -> String {
        var hash = SHA256()
        let whole = message.count - message.count % SHA256.blockLength
        for start in stride(from: 0, to: whole, by: SHA256.blockLength) {
            hash.add(block: Array(message[start..<(start + SHA256.blockLength)]))
        }
        return hash.finish(rest: Array(message[whole...])).map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 8 - digits.count) + digits
        }.joined()
    }

    /// Published examples for FIPS 180-4: messages of 0, 24, 448 and 896 bits and of a million letters. The third and
    /// fourth need a block more than their bytes fill.
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        (
            "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrst"
                + "nopqrstu",
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
        ),
        (
            String(repeating: "a", count: 1_000_000),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
        ),
    ])
    func publishedExamples(message: String, digest: String) {
        #expect(hash(Array(message.utf8)) == digest)
    }

    /// Logits are hashed as their little-endian bytes, at every length around the ends of a block.
    @Test func layoutOfLogits() {
        let logits = (0..<100).map { Float($0) * -1.75 + 0x1p-20 }
        for count in logits.indices {
            let bytes = logits[..<count].flatMap { logit in
                (0..<4).map { UInt8(truncatingIfNeeded: logit.bitPattern >> (8 * UInt32($0))) }
            }
            #expect(LogitHash.sha256(Array(logits[..<count])) == hash(bytes))
        }
    }

    /// 1.0 is 00 00 80 3f, "abc" and a NUL is a float as well.
    @Test func bitsDecide() {
        #expect(LogitHash.sha256([1]) == hash([0, 0, 0x80, 0x3f]))
        #expect(LogitHash.sha256([]) == hash([]))
        let all = [
            [0], [-0.0], [Float.nan], [Float(nan: 1, signaling: false)], [1], [1 + .ulpOfOne], [1, 2], [2, 1], [0, 0],
        ].map { LogitHash.sha256($0) }
        #expect(Set(all).count == all.count)
    }
}
