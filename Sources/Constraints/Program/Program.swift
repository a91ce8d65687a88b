/// A step of a program.
enum Instruction: Sendable {
    /// Reads one byte of a set, whose number in the program's list this is.
    case byte(set: Int32, next: Int32)
    /// Goes on at any of the places in a part of the program's list of targets.
    case split(Range<Int32>)
    /// Reads what a rule reads.
    case call(rule: Int32, next: Int32)
    /// Ends a rule.
    case finish
}

/// Rules as instructions: a nondeterministic automaton over bytes in which rules call one another.
///
/// From every instruction some text leads to the end of its rule. So whoever follows a program is never stuck.
struct Program: Sendable {
    var instructions: [Instruction]
    var targets: [Int32]
    var byteSets: [ByteSet]
    /// Where each rule begins.
    var ruleStarts: [Int32]
    /// Whether each rule reads the empty text, too.
    private(set) var readsNothing: [Bool] = []
    /// Bytes that no instruction tells apart have one class.
    private(set) var classes: [UInt8] = []
    /// A byte of each class.
    private(set) var representatives: [UInt8] = []

    /// Assembles rules, without those instructions from which no text leads to an end.
    ///
    /// - Parameter sizeLimit: The most instructions.
    /// - Throws: ``ConstraintError/tooLarge(limit:)``; ``ConstraintError/unsatisfiable(at:)`` if there is no text at all.
    init(_ rules: RuleSet, sizeLimit: Int) throws(ConstraintError) {
        var assembler = Assembler(rules, sizeLimit: sizeLimit)
        try assembler.assemble()
        instructions = assembler.instructions
        targets = assembler.targets
        byteSets = assembler.byteSets
        ruleStarts = assembler.ruleStarts
        guard removeDeadEnds() else { throw .unsatisfiable(at: "") }
        let isEmpty = instructionsWithEnd(reading: [Bool](repeating: false, count: byteSets.count))
        readsNothing = ruleStarts.map { isEmpty[Int($0)] }
        if let rule = leftRecursiveRule() {
            throw .unsupported("left recursion", at: rules.names[rule] ?? "")
        }
        findClasses()
    }

    /// The program that reads only some bytes.
    ///
    /// - Throws: ``ConstraintError/unspellable(byte:)`` if no text of the constraint is left.
    func restricted(to allowed: ByteSet) throws(ConstraintError) -> Program {
        var missing: UInt8?
        for byte in byteSets.reduce(ByteSet(), { $0.union($1) }).bytes where !allowed.contains(byte) {
            missing = missing ?? byte
        }
        guard let missing else { return self }
        var program = self
        program.byteSets = byteSets.map { $0.intersection(allowed) }
        guard program.removeDeadEnds() else { throw .unspellable(byte: missing) }
        program.findClasses()
        return program
    }

    /// Takes out the branches from which no text leads to an end.
    ///
    /// - Returns: Whether the whole text has an end.
    private mutating func removeDeadEnds() -> Bool {
        let isLive = instructionsWithEnd(reading: byteSets.map { !$0.isEmpty })
        guard isLive[Int(ruleStarts[RuleSet.root])] else { return false }
        var kept: [Int32] = []
        for index in instructions.indices {
            guard case .split(let range) = instructions[index] else { continue }
            let start = Int32(kept.count)
            for target in targets[Int(range.lowerBound)..<Int(range.upperBound)] where isLive[Int(target)] {
                kept.append(target)
            }
            instructions[index] = .split(start..<Int32(kept.count))
        }
        targets = kept
        return true
    }

    /// From which instructions some text leads to the end of their rule. It works backwards from the ends.
    ///
    /// - Parameter isReadable: By byte set, whether the text may have a byte of it.
    private func instructionsWithEnd(reading isReadable: [Bool]) -> [Bool] {
        // Who must be looked at again when an instruction turns out to be live.
        var dependents = [[Int32]](repeating: [], count: instructions.count)
        var isLive = [Bool](repeating: false, count: instructions.count)
        var work: [Int32] = []
        for (index, instruction) in instructions.enumerated() {
            let index = Int32(index)
            switch instruction {
            case .byte(_, let next): dependents[Int(next)].append(index)
            case .split(let range):
                for target in targets[Int(range.lowerBound)..<Int(range.upperBound)] {
                    dependents[Int(target)].append(index)
                }
            case .call(let rule, let next):
                dependents[Int(next)].append(index)
                dependents[Int(ruleStarts[Int(rule)])].append(index)
            case .finish:
                isLive[Int(index)] = true
                work.append(index)
            }
        }
        while let live = work.popLast() {
            for index in dependents[Int(live)] where !isLive[Int(index)] {
                let becomesLive =
                    switch instructions[Int(index)] {
                    case .byte(let set, _): isReadable[Int(set)]
                    case .split, .finish: true
                    case .call(let rule, let next): isLive[Int(next)] && isLive[Int(ruleStarts[Int(rule)])]
                    }
                if becomesLive {
                    isLive[Int(index)] = true
                    work.append(index)
                }
            }
        }
        return isLive
    }

    /// A rule that can begin with itself before it has read a byte; nil if there is none. A machine would call it for ever.
    private func leftRecursiveRule() -> Int? {
        let callees = ruleStarts.map { rulesCalledFirst(from: $0) }
        // Takes away rules that call none of the rest first, until only circles are left.
        var openCount = callees.map(\.count)
        var callers = [[Int]](repeating: [], count: callees.count)
        for (rule, callees) in callees.enumerated() {
            for callee in callees { callers[callee].append(rule) }
        }
        var work = openCount.indices.filter { openCount[$0] == 0 }
        while let rule = work.popLast() {
            for caller in callers[rule] {
                openCount[caller] -= 1
                if openCount[caller] == 0 { work.append(caller) }
            }
        }
        // Every rule that is left begins with another that is left, so following them ends in a circle.
        guard var rule = openCount.firstIndex(where: { $0 > 0 }) else { return nil }
        for _ in openCount { rule = callees[rule].first { openCount[$0] > 0 } ?? rule }
        return rule
    }

    /// The rules that are called from a place before a byte is read.
    private func rulesCalledFirst(from start: Int32) -> Set<Int> {
        var rules: Set<Int> = []
        var seen: Set<Int32> = [start]
        var work = [start]
        while let place = work.popLast() {
            var following: [Int32] = []
            switch instructions[Int(place)] {
            case .byte, .finish: break
            case .split(let range): following += targets[Int(range.lowerBound)..<Int(range.upperBound)]
            case .call(let rule, let next):
                rules.insert(Int(rule))
                if readsNothing[Int(rule)] { following.append(next) }
            }
            for place in following where seen.insert(place).inserted { work.append(place) }
        }
        return rules
    }

    private mutating func findClasses() {
        // Splits the bytes by one set after another.
        var classes = [Int](repeating: 0, count: 256)
        var count = 1
        for set in byteSets where count < 256 {
            var numbers: [Int: Int] = [:]
            var next = 0
            for byte in 0..<256 {
                let key = classes[byte] * 2 + (set.contains(UInt8(byte)) ? 1 : 0)
                if numbers[key] == nil {
                    numbers[key] = next
                    next += 1
                }
                classes[byte] = numbers[key] ?? 0
            }
            count = next
        }
        self.classes = classes.map { UInt8($0) }
        representatives = (0..<count).map { number in UInt8(classes.firstIndex(of: number) ?? 0) }
    }
}
