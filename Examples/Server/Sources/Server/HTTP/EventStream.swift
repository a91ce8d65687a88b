import Foundation
import Hummingbird

/// How a stream of objects is written: as server-sent events.
enum EventStream {
    static let contentType = "text/event-stream"
    /// The event after the last object.
    static let end = ByteBuffer(string: "data: [DONE]\n\n")

    static func event(_ json: JSONValue) -> ByteBuffer {
        ByteBuffer(bytes: Data("data: ".utf8) + json.data + Data("\n\n".utf8))
    }
}
