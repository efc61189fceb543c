internal import NIOCore

/// A value per event loop of a group. Only its own loop uses it.
struct PerEventLoop<Value>: Sendable {
    private let boxes: [ObjectIdentifier: NIOLoopBoundBox<Value>]
    private let loops: [any EventLoop]

    /// - Parameter make: Creates the value of a loop; called once per loop.
    init(group: any EventLoopGroup, make: () -> sending Value) {
        loops = Array(group.makeIterator())
        var boxes: [ObjectIdentifier: NIOLoopBoundBox<Value>] = [:]
        for loop in loops { boxes[ObjectIdentifier(loop)] = NIOLoopBoundBox.makeBoxSendingValue(make(), eventLoop: loop) }
        self.boxes = boxes
    }

    /// The value of the current loop. Call it on that loop only.
    subscript(loop: any EventLoop) -> Value { box(of: loop).value }

    /// Calls `body` on each loop with the loop's value.
    ///
    /// - Returns: A future per loop, which fails if the loop is shut down.
    func onEach<Result: Sendable>(_ body: @escaping @Sendable (Value) -> Result) -> [EventLoopFuture<Result>] {
        loops.map { loop in
            let box = box(of: loop)
            return loop.submit { body(box.value) }
        }
    }

    private func box(of loop: any EventLoop) -> NIOLoopBoundBox<Value> {
        guard let box = boxes[ObjectIdentifier(loop)] else { preconditionFailure("an event loop of another group") }
        return box
    }
}
