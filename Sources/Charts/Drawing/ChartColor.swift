import Foundation

/// A colour with 8 bits per channel.
struct ChartColor: Equatable {
    var red: Int
    var green: Int
    var blue: Int

    static let black = ChartColor(red: 0, green: 0, blue: 0)
    static let white = ChartColor(red: 255, green: 255, blue: 255)

    /// The colour scale Viridis at 0, 0.1 … 1. It gets lighter all the way, so it can be read with any colour vision and in
    /// grey.
    private static let viridis = [
        ChartColor(red: 68, green: 1, blue: 84), ChartColor(red: 72, green: 36, blue: 117),
        ChartColor(red: 65, green: 68, blue: 135), ChartColor(red: 53, green: 95, blue: 141),
        ChartColor(red: 42, green: 120, blue: 142), ChartColor(red: 33, green: 145, blue: 140),
        ChartColor(red: 34, green: 168, blue: 132), ChartColor(red: 68, green: 191, blue: 112),
        ChartColor(red: 122, green: 209, blue: 81), ChartColor(red: 189, green: 223, blue: 38),
        ChartColor(red: 253, green: 231, blue: 37),
    ]

    /// The colour of a value between 0 (dark violet) and 1 (yellow).
    static func scale(_ value: Double) -> ChartColor {
        let position = min(max(value, 0), 1) * Double(viridis.count - 1)
        let index = min(Int(position), viridis.count - 2)
        let (low, high) = (viridis[index], viridis[index + 1])
        func mixed(_ low: Int, _ high: Int) -> Int {
            Int((Double(low) + (position - Double(index)) * Double(high - low)).rounded())
        }
        return ChartColor(
            red: mixed(low.red, high.red), green: mixed(low.green, high.green), blue: mixed(low.blue, high.blue))
    }

    /// The relative luminance of WCAG 2, from 0 to 1.
    var luminance: Double {
        func linear(_ channel: Int) -> Double {
            let value = Double(channel) / 255
            return value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4)
        }
        return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
    }

    /// Black or white, whichever is easier to read on this colour. The contrast is at least 4.5 for any colour.
    var textColor: ChartColor { luminance > 0.179 ? .black : .white }

    /// The colour as SVG writes it, `#rrggbb`.
    var hexadecimal: String {
        "#"
            + [red, green, blue].map { channel in
                (channel < 16 ? "0" : "") + String(channel, radix: 16)
            }.joined()
    }

    /// The escape sequence that makes it the background of a terminal with 24-bit colours.
    var terminalBackground: String { "\u{1B}[48;2;\(red);\(green);\(blue)m" }

    /// The escape sequence that makes it the text colour of a terminal with 24-bit colours.
    var terminalForeground: String { "\u{1B}[38;2;\(red);\(green);\(blue)m" }
}
