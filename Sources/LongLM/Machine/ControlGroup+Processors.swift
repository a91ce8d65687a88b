import Foundation

extension ControlGroup {
    /// How many processors' time the group and those that contain it grant, one number for each limit.
    ///
    /// - Parameter text: Reads a file; nil if it can't be read.
    func processorQuotas(_ text: (String) -> String?) -> [Double] {
        directories.compactMap { processorQuota($0, text) }
    }

    private func processorQuota(_ directory: String, _ text: (String) -> String?) -> Double? {
        switch version {
        case .one:
            // −1 says that there is no limit.
            return Self.quota(text(directory + "/cpu.cfs_quota_us"), of: text(directory + "/cpu.cfs_period_us"))
        case .two:
            // "150000 100000", or "max 100000".
            let fields = (text(directory + "/cpu.max") ?? "").split(separator: " ").map(String.init)
            return fields.count == 2 ? Self.quota(fields[0], of: fields[1]) : nil
        }
    }

    private static func quota(_ time: String?, of period: String?) -> Double? {
        func number(_ text: String?) -> Double? {
            text.flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }.map(Double.init)
        }
        guard let time = number(time), let period = number(period), time > 0, period > 0 else { return nil }
        // No machine has more processors than this.
        return min(time / period, 65_536)
    }
}
