import FileReading
import Foundation
import TestSupport
import Testing

@Suite struct MappedFileTests {
    /// Enough for whole pages, wherever they begin.
    private let numbers = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 * 7) }

    /// A file's pages are read again, and an array's are kept: there is nothing that they could be read from.
    @Test func discardedPagesKeepTheirBytes() throws {
        let folder = try TemporaryDirectory()
        for mapped in [try MappedFile(path: folder.write(numbers, to: "f")), MappedFile(copying: numbers)] {
            mapped.discardResidentPages(0..<numbers.count)
            mapped.discardResidentPages(1..<(numbers.count / 2 + 1))
            #expect(Array(mapped.bytes) == numbers)
        }
    }

    /// Only whole pages within the range are lost, and only of an array.
    @Test(arguments: [0..<200_000, 1..<199_999, 100_000..<200_000, 5..<6, 7..<7])
    func lostPages(range: Range<Int>) throws {
        let pageSize = Int(getpagesize())
        let array = MappedFile(copying: numbers)
        array.loseArrayPages(range)
        #expect(Array(array.bytes[..<range.lowerBound]) == Array(numbers[..<range.lowerBound]))
        #expect(Array(array.bytes[range.upperBound...]) == Array(numbers[range.upperBound...]))
        let base = Int(bitPattern: array.bytes.baseAddress)
        for index in range {
            let page = (base + index) / pageSize * pageSize - base
            let isLost = page >= range.lowerBound && page + pageSize <= range.upperBound
            #if os(Linux)
                let expected = isLost ? 0 : numbers[index]
            #else
                // Other systems may keep lost bytes for a while.
                let expected = isLost ? array.bytes[index] : numbers[index]
            #endif
            if array.bytes[index] != expected {
                Issue.record("byte \(index) of \(range) is \(array.bytes[index]), not \(expected)")
                break
            }
        }

        let folder = try TemporaryDirectory()
        let file = try MappedFile(path: folder.write(numbers, to: "f"))
        file.loseArrayPages(range)
        #expect(Array(file.bytes) == numbers)
    }
}
