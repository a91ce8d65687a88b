import Foundation
import Testing

#if canImport(FoundationXML)
    import FoundationXML
#endif

/// An element of a parsed document: its attributes, its own text, and the text of the title inside it.
struct Element {
    var name: String
    var attributes: [String: String]
    var text = ""
    var title: String?

    func number(_ attribute: String) -> Double { attributes[attribute].flatMap(Double.init) ?? .nan }
}

/// Reads the elements of a well-formed document in their order.
final class ElementReader: NSObject, XMLParserDelegate {
    private(set) var elements: [Element] = []
    private var open: [Int] = []

    static func elements(_ document: String) throws -> [Element] {
        let reader = ElementReader()
        let parser = XMLParser(data: Data(document.utf8))
        parser.delegate = reader
        try #require(parser.parse(), "\(String(describing: parser.parserError)): \(document)")
        return reader.elements
    }

    func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
        attributes: [String: String]
    ) {
        open.append(elements.count)
        elements.append(Element(name: name, attributes: attributes))
    }

    func parser(_ parser: XMLParser, foundCharacters string: String) {
        if let index = open.last { elements[index].text += string }
    }

    func parser(_ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?) {
        guard let index = open.popLast(), name == "title", let parent = open.last else { return }
        elements[parent].title = elements[index].text
    }
}

/// What labels from files and users may hold: markup, quotes, a terminal's escape sequence, characters that XML forbids,
/// a line break, and a mark that reverses what follows.
let hostile = "<script>&amp;\"'\u{0}\u{1B}[31m\u{FFFF}\u{202E}\u{7F}\u{85}]]>\r\n<!--"
/// The same as it must be shown.
let shown = "<script>&amp;\"'\u{FFFD}\u{FFFD}[31m\u{FFFD}\u{FFFD}\u{FFFD} ]]>  <!--"

/// The relative luminance of WCAG 2, from a colour as SVG writes it.
func luminance(_ color: String) throws -> Double {
    let value = try #require(Int(color.dropFirst(), radix: 16))
    let channels = [value >> 16, value >> 8 & 255, value & 255].map { channel in
        let value = Double(channel) / 255
        return value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4)
    }
    return 0.2126 * channels[0] + 0.7152 * channels[1] + 0.0722 * channels[2]
}

/// Asserts what every document must be: white, of a stated size that nothing leaves, without scripts or references.
func expectSound(_ svg: String) throws {
    let elements = try ElementReader.elements(svg)
    let root = elements[0]
    let (width, height) = (root.number("width"), root.number("height"))
    #expect(root.name == "svg" && width > 0 && height > 0)
    #expect(root.attributes["viewBox"] == "0 0 \(Int(width)) \(Int(height))")
    #expect(root.attributes["font-family"]?.hasSuffix("sans-serif") == true)
    let ground = try #require(elements.first { $0.name == "rect" })
    #expect(ground.attributes == ["width": "\(Int(width))", "height": "\(Int(height))", "fill": "#ffffff"])
    #expect(
        Set(elements.map(\.name)).isSubset(
            of: ["svg", "title", "desc", "rect", "text", "line", "path", "circle"]))
    let numeric = ["x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "width", "height", "r", "font-size", "stroke-width"]
    for element in elements {
        for name in ["id", "href", "style", "onload", "class"] { #expect(element.attributes[name] == nil) }
        for (name, value) in element.attributes where numeric.contains(name) {
            #expect(value.wholeMatch(of: /-?[0-9]+(\.[0-9]{1,2})?/) != nil, "\(name)=\(value)")
        }
        for (name, limit) in [("x", width), ("x1", width), ("x2", width), ("cx", width)] {
            if element.attributes[name] != nil { #expect((0...limit).contains(element.number(name))) }
        }
        for name in ["y", "y1", "y2", "cy"] where element.attributes[name] != nil {
            #expect((0...height).contains(element.number(name)))
        }
        if element.name == "rect", element.attributes["x"] != nil {
            #expect(element.number("x") + element.number("width") <= width)
            #expect(element.number("y") + element.number("height") <= height)
        }
    }
    #expect(!svg.unicodeScalars.contains { $0.properties.generalCategory == .control && $0 != "\n" })
}
