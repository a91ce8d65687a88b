/// Counts how much of some work is done, in any unit that adds up, such as operations.
struct WorkMeter {
    private var total = 0.0
    private var done = 0.0
    private let progress: ((Double) -> Void)?

    /// - Parameter progress: Called with the fraction that is done; nil: nothing is reported.
    init(_ progress: ((Double) -> Void)?) { self.progress = progress }

    /// Adds work that is still to be done.
    mutating func add(_ amount: Double) { total += amount }

    /// Reports work as done.
    mutating func finish(_ amount: Double) {
        done += amount
        report(partial: 0)
    }

    /// Reports a part of the next piece of work, which isn't finished yet.
    func report(partial amount: Double) { progress?(total > 0 ? min(1, (done + amount) / total) : 1) }
}
