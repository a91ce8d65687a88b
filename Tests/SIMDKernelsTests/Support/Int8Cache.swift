import Foundation
import SIMDKernels
import TestSupport

/// The scale that a cache of int8 has for up to 32 components of a head: the greatest magnitude over 127, in bfloat16.
private func int8Scale(_ group: some Collection<Float>) -> Float {
    roundedToBFloat16((group.map(\.magnitude).max() ?? 0) / 127)
}

/// What a cache of int8 makes of the numbers of one head: for every 32, each number is their scale times the nearest integer.
func roundedToInt8(_ numbers: ArraySlice<Float>) -> [Float] {
    numbers.groups.flatMap { group -> [Float] in
        let scale = int8Scale(group)
        return group.map { number in
            guard scale > 0 else { return 0 }
            let code = (number * (1 / scale)).rounded(.toNearestOrEven)
            // Codes have no −0.
            return max(-127, min(127, code)) * scale + 0
        }
    }
}

extension ArraySlice<Float> {
    /// 32 at a time.
    fileprivate var groups: [ArraySlice<Float>] {
        stride(from: startIndex, to: endIndex, by: 32).map { self[$0..<Swift.min($0 + 32, endIndex)] }
    }
}

extension AttentionProblem {
    /// With keys and values as a cache of int8 holds them.
    var roundedToInt8Groups: AttentionProblem {
        func rounded(_ numbers: [Float]) -> [Float] {
            let dimension = shape.headDimension
            return stride(from: 0, to: numbers.count, by: dimension).flatMap {
                roundedToInt8(numbers[$0..<($0 + dimension)])
            }
        }
        var problem = self
        problem.keys = rounded(keys)
        problem.neighborKeys = rounded(neighborKeys)
        problem.values = rounded(values)
        return problem
    }

    /// What integer products are defined to give, in Double: queries are rounded to 127 steps of their greatest magnitude
    /// among 32 components, and weights times the values' scales to 255 steps of their bound in each block of 128 keys.
    func integerTwin(rows: Range<Int>) -> [Double] {
        var problem = roundedToInt8Groups
        func roundedQueries(_ queries: [Float]) -> [Float] {
            stride(from: 0, to: queries.count, by: shape.headDimension).flatMap { first in
                queries[first..<(first + shape.headDimension)].groups.flatMap { group -> [Float] in
                    let greatest = group.map(\.magnitude).max() ?? 0
                    return group.map { ($0 * (127 / greatest)).rounded(.toNearestOrEven) * (greatest / 127) }
                }
            }
        }
        problem.queries = roundedQueries(queries)
        problem.neighborQueries = roundedQueries(neighborQueries)
        problem.middleQueries = roundedQueries(middleQueries)
        return rows.flatMap { row in
            (0..<shape.queryHeadCount).flatMap { head in problem.integerRow(row, head, values: values) }
        }
    }

    /// - Parameter values: As they were before they were rounded, to tell their scales.
    private func integerRow(_ row: Int, _ head: Int, values original: [Float]) -> [Double] {
        let keys = visibleKeys(row)
        let scores = keys.map { score(row, head, $0, as: Double.self) }
        let greatest = scores.max() ?? 0
        let weights = scores.map { exp($0 - greatest) }
        var sums = [Double](repeating: 0, count: shape.headDimension)
        for block in Set(keys.map { $0 / 128 }) {
            let visible = keys.filter { $0 / 128 == block }
            let peak = visible.map { weights[$0 - keys.lowerBound] }.max() ?? 0
            for group in stride(from: 0, to: shape.headDimension, by: 32) {
                let components = group..<min(group + 32, shape.headDimension)
                func numbers(_ key: Int, of values: [Float]) -> ArraySlice<Float> {
                    let first = key * keyWidth + keyValueHead(head) * shape.headDimension
                    return values[(first + components.lowerBound)..<(first + components.upperBound)]
                }
                let scales = visible.map { Double(int8Scale(numbers($0, of: original))) }
                let bound = peak * (scales.max() ?? 0)
                if bound <= 0x1p-100 { continue }
                for (key, scale) in zip(visible, scales) where scale > 0 {
                    let code = (weights[key - keys.lowerBound] * scale * 255 / bound).rounded(.toNearestOrEven)
                    for (component, value) in zip(components, numbers(key, of: values)) {
                        sums[component] += code * (Double(value) / scale) * bound / 255
                    }
                }
            }
        }
        let total = weights.reduce(0, +)
        return sums.map { $0 / total }
    }
}
