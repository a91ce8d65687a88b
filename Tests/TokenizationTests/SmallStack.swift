import Foundation

/// Runs `body` on a thread with a stack of 512 KB, as macOS gives those that aren't the main one. Frames are several times
/// larger under a sanitizer (.ci/sanitize), where the stack is too.
func onSmallStack<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
    let isSanitized = ProcessInfo.processInfo.environment["LONGLM_SANITIZER"] != nil
    return await withCheckedContinuation { (done: CheckedContinuation<Value, Never>) in
        let thread = Thread { done.resume(returning: body()) }
        thread.stackSize = isSanitized ? 16 << 20 : 512 << 10
        thread.start()
    }
}
