import Foundation
import NIOCore
import NIOPosix

/// Where the server listens.
struct ListenAddress: CustomStringConvertible {
    var host: String
    var port: Int

    /// As it stands in a URL.
    var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// Makes sure that the server can listen here.
    ///
    /// - Throws: ``ListenError``.
    func check() async throws {
        do {
            let channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                // A client that connects in this moment is not accepted, since nobody would answer it: closing resets it.
                .serverChannelOption(.autoRead, value: false)
                .bind(host: host, port: port).get()
            try await channel.close()
        } catch { throw ListenError(self, error) ?? error }
    }
}

/// Why the server can't listen at an address.
struct ListenError: Error, CustomStringConvertible {
    let description: String

    /// nil: the error is about something else.
    init?(_ address: ListenAddress, _ error: any Error) {
        let reason: String
        switch error {
        case let error as IOError where error.errnoCode == EADDRINUSE: reason = "the address is in use"
        case let error as IOError where error.errnoCode == EADDRNOTAVAIL: reason = "this machine has no such address"
        case let error as IOError where error.errnoCode == EACCES: reason = "ports below 1024 need more rights"
        case let error as IOError: reason = String(cString: strerror(error.errnoCode))
        case is SocketAddressError, is SocketAddressError.UnknownHost: reason = "the name leads to no address"
        default: return nil
        }
        description = "The server can't listen at \(address): \(reason)."
    }
}
