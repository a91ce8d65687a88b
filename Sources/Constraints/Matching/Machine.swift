/// Follows a program byte by byte.
///
/// The program's places at one point of a text, each with its stack of calls, make a state. States are made when they are
/// first reached, and each has a row in a table that says where the next byte leads: a regular expression becomes a
/// deterministic automaton as far as it is used, and recursion makes further states as it deepens.
///
/// No state is a dead end, because from every place some text leads to the end.
struct Machine {
    /// The number of a state.
    typealias State = Int32

    /// What a byte leads to where the text can't go on.
    static let dead: State = -1
    /// A transition that hasn't been computed.
    private static let unknown: State = -2
    /// The most places of a state. Of a grammar that is more ambiguous than that, only so many readings are followed: all
    /// texts that are still allowed are right, but some are lost.
    static let maximumPlaceCount = 512
    /// The most places that are followed for a state once one is found that waits for a byte.
    private static let maximumStepCount = 1 << 14

    /// A place in the program with its stack. Its number holds both.
    private struct Place: Hashable, Comparable {
        let instruction: Int32
        let stack: Int32

        static func < (left: Place, right: Place) -> Bool {
            (left.instruction, left.stack) < (right.instruction, right.stack)
        }
    }

    let program: Program
    private let classCount: Int
    private var stacks = StackTable()
    /// The places of all states, which wait for a byte each, sorted.
    private var places: [Place] = []
    private var bounds: [Int] = [0]
    private var isAccepting: [Bool] = []
    /// By state and class of the byte.
    private var transitions: [State] = []
    private var numbers: [Key: State] = [:]
    /// How many places have been followed to make the states.
    private(set) var stepCount = 0

    /// The most transitions before the tables are large.
    private let tableLimit: Int

    // Scratch space.
    private var reached: [Place] = []
    private var seen: Set<Place> = []

    /// What makes a state.
    private struct Key: Hashable {
        let places: [Place]
        let isAccepting: Bool
    }

    init(_ program: Program, tableLimit: Int = 1 << 22) {
        self.program = program
        self.tableLimit = tableLimit
        classCount = program.representatives.count
    }

    /// The state before the first byte.
    mutating func start() -> State {
        let accepts = reach([Place(instruction: program.ruleStarts[RuleSet.root], stack: StackTable.empty)])
        return state(accepts)
    }

    /// Whether the text may end here.
    func accepts(_ state: State) -> Bool { isAccepting[Int(state)] }

    /// Whether nothing may follow.
    func isFinal(_ state: State) -> Bool { bounds[Int(state)] == bounds[Int(state) + 1] }

    /// Where a byte leads: another state, or ``dead``.
    mutating func step(_ state: State, _ byte: UInt8) -> State {
        let index = Int(state) * classCount + Int(program.classes[Int(byte)])
        let known = transitions[index]
        if known != Self.unknown { return known }
        let following = compute(state, byte)
        transitions[index] = following
        return following
    }

    private mutating func compute(_ state: State, _ byte: UInt8) -> State {
        var starts: [Place] = []
        for place in places[bounds[Int(state)]..<bounds[Int(state) + 1]] {
            guard case .byte(let set, let next) = program.instructions[Int(place.instruction)],
                program.byteSets[Int(set)].contains(byte)
            else { continue }
            starts.append(Place(instruction: next, stack: place.stack))
        }
        if starts.isEmpty { return Self.dead }
        let accepts = reach(starts)
        return self.state(accepts)
    }

    /// Finds the places that wait for a byte, by following splits, calls and ends of rules.
    ///
    /// A grammar can have more readings than there is memory for. Once some have been found and very many followed, the rest
    /// are left out. Those that are kept are right, and each leads to an end.
    ///
    /// - Returns: Whether the end of the text is reached as well.
    private mutating func reach(_ starts: [Place]) -> Bool {
        var accepts = false
        reached.removeAll(keepingCapacity: true)
        seen.removeAll(keepingCapacity: true)
        var work: [Place] = starts.reversed()
        while let place = work.popLast() {
            guard seen.insert(place).inserted else { continue }
            if seen.count > Self.maximumStepCount, accepts || !reached.isEmpty { break }
            switch program.instructions[Int(place.instruction)] {
            case .byte: reached.append(place)
            case .split(let range):
                for target in program.targets[Int(range.lowerBound)..<Int(range.upperBound)].reversed() {
                    work.append(Place(instruction: target, stack: place.stack))
                }
            case .call(let rule, let next):
                // A call at the end of a rule needs no entry of its own, so right recursion takes no stack.
                var stack = place.stack
                if case .finish = program.instructions[Int(next)] {} else { stack = stacks.push(next, on: stack) }
                work.append(Place(instruction: program.ruleStarts[Int(rule)], stack: stack))
                // First, so that the end is found however many such calls there are.
                if program.readsNothing[Int(rule)] { work.append(Place(instruction: next, stack: place.stack)) }
            case .finish:
                if place.stack == StackTable.empty {
                    accepts = true
                } else {
                    let (next, below) = stacks.pop(place.stack)
                    work.append(Place(instruction: next, stack: below))
                }
            }
        }
        stepCount += seen.count
        return accepts
    }

    /// The state of the places that were reached.
    private mutating func state(_ accepts: Bool) -> State {
        if reached.count > Self.maximumPlaceCount { dropPlaces() }
        reached.sort()
        let key = Key(places: reached, isAccepting: accepts)
        if let number = numbers[key] { return number }
        let number = State(isAccepting.count)
        numbers[key] = number
        places += reached
        bounds.append(places.count)
        isAccepting.append(accepts)
        transitions.append(contentsOf: repeatElement(Self.unknown, count: classCount))
        return number
    }

    /// Keeps as many places as a state may have: those with the fewest calls. Places with the same calls are kept together,
    /// because one of them alone may lead nowhere but deeper. The order doesn't depend on what the machine has read before.
    private mutating func dropPlaces() {
        let described = reached.map { (place: $0, calls: stacks.places(of: $0.stack)) }
        let ordered = described.sorted { left, right in
            if left.calls.count != right.calls.count { return left.calls.count < right.calls.count }
            if left.place.stack != right.place.stack { return left.calls.lexicographicallyPrecedes(right.calls) }
            return left.place.instruction < right.place.instruction
        }
        reached = ordered.prefix(Self.maximumPlaceCount).map(\.place)
    }
}

// MARK: - Memory

extension Machine {
    /// The number of states that have been made.
    var stateCount: Int { isAccepting.count }

    /// Whether the tables have grown so far that ``forget(except:)`` is due: at 64 MB or so.
    var isLarge: Bool {
        transitions.count > tableLimit || places.count > tableLimit / 2 || stacks.count > tableLimit / 4
    }

    /// Forgets all states but some, whose numbers change.
    ///
    /// - Returns: The new numbers, in the same order. ``dead`` stays what it is.
    mutating func forget(except states: [State]) -> [State] {
        let kept = states.map { state -> (places: [(Int32, [Int32])], accepts: Bool)? in
            guard state >= 0 else { return nil }
            let range = bounds[Int(state)]..<bounds[Int(state) + 1]
            return (places[range].map { ($0.instruction, stacks.places(of: $0.stack)) }, accepts(state))
        }
        let stepCount = stepCount
        self = Machine(program, tableLimit: tableLimit)
        self.stepCount = stepCount
        return kept.map { state in
            guard let state else { return Self.dead }
            reached = state.places.map { instruction, calls in
                var stack = StackTable.empty
                for call in calls.reversed() { stack = stacks.push(call, on: stack) }
                return Place(instruction: instruction, stack: stack)
            }
            return self.state(state.accepts)
        }
    }
}
