import Hummingbird

/// A request's context, which can close its connection.
struct ConnectionContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    private let close: @Sendable () -> Void

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        let channel = source.channel
        close = { channel.close(promise: nil) }
    }

    /// Closes the connection after a while, unless that is cancelled.
    @discardableResult
    func close(after time: Duration) -> Task<Void, any Error> {
        Task {
            try await Task.sleep(for: time)
            close()
        }
    }
}
