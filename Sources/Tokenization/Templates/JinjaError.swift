/// Why a template could not be parsed or rendered, and where.
struct JinjaError: Error, Equatable {
    enum Kind: Equatable {
        /// The template isn't Jinja.
        case syntax
        /// The template uses a part of Jinja that isn't implemented.
        case unsupported
        /// The template itself refuses what it was given, with `raise_exception`.
        case refusal
        /// The template asks for more steps, text or depth than it may have.
        case limit
        /// An expression that has no value, such as an attribute of an undefined variable.
        case evaluation
    }

    let kind: Kind
    /// From 1.
    let line: Int
    let reason: String
}

extension String {
    /// At most so many of its bytes, and an ellipsis where there are more: a template can make names of any length.
    func shortened(to count: Int) -> String {
        utf8.count <= count ? self : String(decoding: utf8.prefix(count), as: UTF8.self) + "…"
    }
}

/// What a template may use up. A template is a program from outside: without limits it could run for ever or take all
/// memory.
struct JinjaLimits: Sendable {
    /// How deep expressions, statements and macro calls may nest in one another. A level of them can take almost
    /// four kilobytes of stack, and a thread of macOS has 512.
    var depth = 100
    /// How deep lists and dictionaries may nest.
    var valueDepth = 100
    /// How many nodes are evaluated, and how many elements and stretches of text are looked at. A million takes up to half
    /// a second. Published templates take 170 steps for a message, and at most 4,000.
    var steps = 3_000_000
    /// What each scalar of the input adds to `steps`, since some templates go through all messages for each of them.
    var stepsPerScalar = 16
    /// The most that `steps` becomes, however long the input is.
    var mostSteps = 12_000_000
    /// How many scalars of text, or elements in their place, are made. More input allows more: see `madePerScalar`.
    var made = 1 << 25
    /// What each scalar of the input adds to `made`.
    var madePerScalar = 64
    /// The most that `made` becomes, however long the input is. It takes half a gigabyte.
    var mostMade = 1 << 26
    /// The longest name in a template: names are compared at every step.
    var nameLength = 200
    /// The longest text of a template.
    var sourceLength = 1 << 20
    /// The longest `range`, as Jinja's sandbox has it.
    var rangeLength = 100_000
}
