internal import Dispatch
internal import NIOCore

/// What blocks, and so has no place on an event loop: looking names up, reading certificates.
///
/// On Dispatch's threads, as NIO's own resolver is: NIO's shared thread pool is never let go, which LeakSanitizer takes for a leak.
enum BlockingWork {
    static func run<Result: Sendable>(
        on eventLoop: any EventLoop, _ body: @escaping @Sendable () throws -> Result
    ) -> EventLoopFuture<Result> {
        let promise = eventLoop.makePromise(of: Result.self)
        DispatchQueue.global().async {
            do {
                promise.succeed(try body())
            } catch {
                promise.fail(error)
            }
        }
        return promise.futureResult
    }
}
