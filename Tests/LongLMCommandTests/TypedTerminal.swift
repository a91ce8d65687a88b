#if os(Linux)
    import Foundation
    import Testing

    /// The command at a terminal of 80 columns, at which a test types.
    final class TypedTerminal {
        private static let setsid = "/usr/bin/setsid"
        static var isAvailable: Bool { FileManager.default.isExecutableFile(atPath: setsid) }

        private let process = Process()
        /// The end at which the test reads and types.
        private let own: CInt
        /// What has come and has not been expected yet.
        private var text: [UInt8] = []

        /// Starts the command with a terminal as its own, so that Ctrl-C reaches it.
        init(_ arguments: [String]) throws {
            // Glibc's module has none of the functions for this.
            let (unlock, getNumber) = (UInt(0x4004_5431), UInt(0x8004_5430))
            own = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
            try #require(own >= 0)
            var (isLocked, number) = (CInt(0), CInt(0))
            try #require(ioctl(own, unlock, &isLocked) == 0 && ioctl(own, getNumber, &number) == 0)
            let other = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY | O_CLOEXEC)
            try #require(other >= 0)
            defer { close(other) }
            var size = winsize(ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0)
            try #require(ioctl(other, UInt(TIOCSWINSZ), &size) == 0)
            let handle = FileHandle(fileDescriptor: other, closeOnDealloc: false)
            process.executableURL = URL(filePath: Self.setsid)
            process.arguments = ["--ctty", "--wait", try executable().path(percentEncoded: false)] + arguments
            process.standardInput = handle
            process.standardOutput = handle
            process.standardError = handle
            try process.run()
        }

        deinit {
            // The command gets a hangup.
            close(own)
            if process.isRunning { process.terminate() }
        }

        /// Types text. U+0003 is Ctrl-C, and U+0004 is Ctrl-D.
        func type(_ text: String) {
            let bytes = Array(text.utf8)
            _ = write(own, bytes, bytes.count)
        }

        /// Waits for a text.
        ///
        /// - Returns: All that came up to its end.
        @discardableResult
        func expect(_ expected: String, location: SourceLocation = #_sourceLocation) throws -> String {
            let wanted = Array(expected.utf8)
            while true {
                if let range = text.firstRange(of: wanted) {
                    let found = String(decoding: text[..<range.upperBound], as: UTF8.self)
                    text.removeFirst(range.upperBound)
                    return found
                }
                let soFar = String(decoding: text, as: UTF8.self).debugDescription
                try #require(read(), "there is no \(expected.debugDescription) in \(soFar)", sourceLocation: location)
            }
        }

        /// Waits for more text.
        func expectMore(byteCount: Int) throws {
            while text.count < byteCount { try #require(read(), "no more text came") }
        }

        /// Waits for the command's end.
        func status() throws -> Int32 {
            while read() {}
            let deadline = ContinuousClock.now + .seconds(30)
            while process.isRunning, ContinuousClock.now < deadline { usleep(10_000) }
            try #require(!process.isRunning, "the command goes on")
            return process.terminationStatus
        }

        /// Reads what has come; false at the end, or where nothing comes for a minute.
        private func read() -> Bool {
            var request = pollfd(fd: own, events: Int16(POLLIN), revents: 0)
            guard poll(&request, 1, 60_000) > 0 else { return false }
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = Glibc.read(own, &buffer, buffer.count)
            if count > 0 { text += buffer[..<count] }
            return count > 0
        }
    }
#endif
