import Foundation

/// Dates by C's `strftime`, in English and by the local calendar.
enum StrftimeFormat {
    struct UnknownDirective: Error {
        let directive: String
    }

    static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ]
    private static let weekdays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]

    static func text(of date: Date, _ format: String) throws(UnknownDirective) -> String {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .current
        let parts = calendar.dateComponents(
            [.year, .month, .day, .hour, .minute, .second, .nanosecond, .weekday], from: date)
        let dayOfYear = calendar.ordinality(of: .day, in: .year, for: date) ?? 1
        return try text(parts, dayOfYear: dayOfYear, format)
    }

    private static func text(
        _ parts: DateComponents, dayOfYear: Int, _ format: String
    ) throws(UnknownDirective) -> String {
        var text = ""
        var rest = format.unicodeScalars[...]
        while let scalar = rest.popFirst() {
            guard scalar == "%", var directive = rest.popFirst() else {
                text.unicodeScalars.append(scalar)
                continue
            }
            // A minus leaves out leading zeros.
            let isShort = directive == "-"
            if isShort { directive = rest.popFirst() ?? "-" }
            func number(_ value: Int, _ width: Int) -> String {
                let digits = String(value)
                return isShort ? digits : String(repeating: "0", count: max(0, width - digits.count)) + digits
            }
            let (year, month, day) = (parts.year ?? 1970, parts.month ?? 1, parts.day ?? 1)
            let (hour, minute, second) = (parts.hour ?? 0, parts.minute ?? 0, parts.second ?? 0)
            let weekday = (parts.weekday ?? 1) - 1
            let halfDayHour = hour % 12 == 0 ? 12 : hour % 12
            switch directive {
            case "Y": text += String(year)
            case "y": text += number(year % 100, 2)
            case "m": text += number(month, 2)
            case "d": text += number(day, 2)
            case "e": text += isShort || day > 9 ? String(day) : " \(day)"
            case "j": text += number(dayOfYear, 3)
            case "B": text += months[month - 1]
            case "b", "h": text += months[month - 1].prefix(3)
            case "A": text += weekdays[weekday]
            case "a": text += weekdays[weekday].prefix(3)
            case "w": text += String(weekday)
            case "u": text += String(weekday == 0 ? 7 : weekday)
            case "H": text += number(hour, 2)
            case "I": text += number(halfDayHour, 2)
            case "M": text += number(minute, 2)
            case "S": text += number(second, 2)
            case "f":
                text +=
                    String(repeating: "0", count: 6 - String((parts.nanosecond ?? 0) / 1000).count)
                    + String((parts.nanosecond ?? 0) / 1000)
            case "p": text += hour < 12 ? "AM" : "PM"
            // Python's dates without a time zone print nothing here.
            case "z", "Z": break
            case "F": text += try self.text(parts, dayOfYear: dayOfYear, "%Y-%m-%d")
            case "T", "X": text += try self.text(parts, dayOfYear: dayOfYear, "%H:%M:%S")
            case "R": text += try self.text(parts, dayOfYear: dayOfYear, "%H:%M")
            case "D", "x": text += try self.text(parts, dayOfYear: dayOfYear, "%m/%d/%y")
            case "c": text += try self.text(parts, dayOfYear: dayOfYear, "%a %b %e %H:%M:%S %Y")
            case "n": text += "\n"
            case "t": text += "\t"
            case "%": text += "%"
            default: throw UnknownDirective(directive: "%\(isShort ? "-" : "")\(directive)")
            }
        }
        return text
    }
}
