/// A generation that belongs to an actor, as an asynchronous sequence that anybody may read.
///
/// A ``TokenStream`` works where its session lives, so it isn't `Sendable`. An actor that keeps a session hands out this
/// stream instead: each element is computed in the actor's isolation, when the reader asks for it.
///
/// ```swift
/// actor Assistant {
///     private let chat: ChatSession
///     private let thread = InferenceThread()
///     nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }
///
///     init(path: String) throws { chat = try ChatSession(path: path) }
///
///     func answer(_ question: String) throws -> GenerationStream {
///         GenerationStream(try chat.stream(to: question))
///     }
/// }
///
/// let assistant = try Assistant(path: "SmolLM2-135M-Instruct")
/// for try await token in try await assistant.answer("Name three rivers.") {
///     print(token.text, terminator: "")
/// }
/// ```
///
/// Work is done only when the reader asks for a token, so leaving the loop ends it; the session is then ready for the next question.
/// Cancelling the reader's task ends a forward pass that is under way, as ``Generation/next()`` says. The actor may do
/// other work between two tokens. If it uses the session for something else, the stream throws
/// ``GenerationError/sessionChanged``.
public struct GenerationStream: AsyncSequence, Sendable {
    /// A token with its text.
    public typealias Element = GeneratedToken
    /// Why a generation could not go on.
    public typealias Failure = GenerationError

    private let source: Source

    /// A stream of what a generation produces.
    ///
    /// - Parameters:
    ///   - stream: A stream of a generation that the actor keeps.
    ///   - isolation: The actor, in whose isolation this is called.
    public init(_ stream: TokenStream, isolation: isolated any Actor = #isolation) {
        source = Source(stream.generation, owner: isolation)
    }

    /// Why the generation ended; nil while it goes on.
    public var stopReason: StopReason? {
        get async { await source.read({ $0.stopReason }, isolation: source.owner) }
    }

    /// What the generation has taken so far.
    public var statistics: GenerationStatistics {
        get async { await source.read({ $0.statistics }, isolation: source.owner) }
    }

    /// An iterator over the stream's next elements. All iterators of a stream continue one generation.
    public func makeAsyncIterator() -> Iterator { Iterator(source: source) }

    /// Asks the actor for one token after another.
    public struct Iterator: AsyncIteratorProtocol, Sendable {
        fileprivate let source: Source

        /// The next token; nil when the generation has ended.
        ///
        /// - Throws: ``GenerationError``, as ``Generation/next()``.
        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(GenerationError) -> GeneratedToken? {
            try await source.next(isolation: source.owner)
        }
    }

    /// The generation, and the actor in whose isolation alone it is used.
    fileprivate final class Source: @unchecked Sendable {
        // `@unchecked`: `generation` is read in the isolation of `owner` alone, by functions that take it as theirs.
        private let generation: Generation
        let owner: any Actor

        init(_ generation: Generation, owner: any Actor) {
            self.generation = generation
            self.owner = owner
        }

        func next(isolation: isolated any Actor) async throws(GenerationError) -> GeneratedToken? {
            // Others that wait for the actor have their turn first.
            await Task.yield()
            while try generation.prefillPass() { await Task.yield() }
            return try generation.next()
        }

        func read<Value: Sendable>(
            _ value: @Sendable (Generation) -> Value, isolation: isolated any Actor
        ) -> Value {
            value(generation)
        }
    }
}
