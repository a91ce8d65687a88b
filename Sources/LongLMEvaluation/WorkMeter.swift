/// How much of some work is done, in units that add up, such as operations.
struct WorkMeter {
    private var total = 0.0
    private var done = 0.0
    private let progress: ((Double) -> Void)?

    /// - Parameter progress: Called with the fraction that is done; nil: nobody wants to know.
    init(_ progress: ((Double) -> Void)?) { self.progress = progress }

    /// Adds work that lies ahead.
    mutating func add(_ amount: Double) { total += amount }

    /// Reports work as done.
    mutating func finish(_ amount: Double) {
        done += amount
        report(partial: 0)
    }

    /// Reports work that is done beyond what is finished.
    func report(partial amount: Double) { progress?(total > 0 ? min(1, (done + amount) / total) : 1) }
}
