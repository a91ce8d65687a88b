/// Turns what the engine sends into the objects that a client expects: the events of a stream, or one object.
protocol Reply: Sendable {
    /// The events with which a stream begins, before the engine has sent anything.
    var beginning: [JSONValue] { get }

    /// Takes a piece; returns the events that a stream has for it.
    mutating func take(_ piece: Answer.Piece) -> [JSONValue]

    /// The events with which a stream ends, after the last piece.
    var ending: [JSONValue] { get }

    /// The whole answer, after the last piece.
    var whole: JSONValue { get }
}
