import Hummingbird
import Logging

/// What every request passes, whatever its address.
struct Entrance: Sendable {
    let access: Access
    let crossOrigin: CrossOrigin
    let logger: Logger

    /// The order matters: the log and pages of other addresses see errors, too, and browsers ask without a key.
    func add(to router: Router<ConnectionContext>) {
        router.middlewares.add(RequestLog(logger: logger))
        router.middlewares.add(crossOrigin)
        router.middlewares.add(APIErrors())
        router.middlewares.add(access)
    }
}
