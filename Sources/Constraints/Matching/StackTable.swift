/// The stacks of a machine, each once: where rules go on after the calls that they are in.
///
/// A stack is the number of its top entry. An entry knows the one below.
struct StackTable {
    /// The stack without entries.
    static let empty: Int32 = -1

    private var entries: [(place: Int32, below: Int32)] = []
    private var numbers: [UInt64: Int32] = [:]

    var count: Int { entries.count }

    /// The stack with a place on top of another stack.
    mutating func push(_ place: Int32, on stack: Int32) -> Int32 {
        let key = UInt64(UInt32(bitPattern: place)) << 32 | UInt64(UInt32(bitPattern: stack))
        if let number = numbers[key] { return number }
        let number = Int32(entries.count)
        entries.append((place, stack))
        numbers[key] = number
        return number
    }

    /// The top of a stack that isn't empty, and the stack below it.
    func pop(_ stack: Int32) -> (place: Int32, below: Int32) { entries[Int(stack)] }

    /// The places of a stack, from the top.
    func places(of stack: Int32) -> [Int32] {
        var places: [Int32] = []
        var stack = stack
        while stack != Self.empty {
            places.append(entries[Int(stack)].place)
            stack = entries[Int(stack)].below
        }
        return places
    }
}
