/// A generation as an asynchronous sequence: `for try await token in TokenStream(generation)`.
///
/// Nothing is computed until the loop asks for the next token. The work runs on the caller's own actor. It ends when
/// the loop is left or its task is cancelled. Other tasks get a turn before each token, and between the passes of a
/// prompt, but a pass itself occupies its thread. So a server does such work on an ``InferenceThread``.
///
/// All iterators of a stream continue one generation.
public struct TokenStream: AsyncSequence {
    /// A token with its text.
    public typealias Element = GeneratedToken
    /// Why a generation could not go on.
    public typealias Failure = GenerationError

    /// The generation, with ``Generation/stopReason`` and ``Generation/statistics``.
    public let generation: Generation

    /// A stream of what a generation produces.
    public init(_ generation: Generation) { self.generation = generation }

    /// Why the generation ended; nil while it goes on.
    public var stopReason: StopReason? { generation.stopReason }

    /// What the generation has taken so far.
    public var statistics: GenerationStatistics { generation.statistics }

    /// An iterator over the stream's next elements.
    public func makeAsyncIterator() -> Iterator { Iterator(generation: generation) }

    /// Asks a generation for one token after another.
    public struct Iterator: AsyncIteratorProtocol {
        let generation: Generation

        /// The next token; nil when the generation has ended.
        ///
        /// - Throws: ``GenerationError``, as ``Generation/next()``.
        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(GenerationError) -> GeneratedToken? {
            await Task.yield()
            while try generation.prefillPass() { await Task.yield() }
            return try generation.next()
        }
    }
}
