internal import NIOCore

/// One value for each event loop of a group, which only its loop touches.
struct PerEventLoop<Value>: Sendable {
    private let boxes: [ObjectIdentifier: NIOLoopBoundBox<Value>]
    private let loops: [any EventLoop]

    /// - Parameter make: Called once for each event loop.
    init(group: any EventLoopGroup, make: () -> sending Value) {
        loops = Array(group.makeIterator())
        var boxes: [ObjectIdentifier: NIOLoopBoundBox<Value>] = [:]
        for loop in loops { boxes[ObjectIdentifier(loop)] = NIOLoopBoundBox.makeBoxSendingValue(make(), eventLoop: loop) }
        self.boxes = boxes
    }

    /// The loop's own value. Called on that loop.
    subscript(loop: any EventLoop) -> Value { box(of: loop).value }

    /// Calls `body` on each loop with the loop's value.
    ///
    /// - Returns: A future for each loop, which fails if the loop is shut down.
    func onEach<Result: Sendable>(_ body: @escaping @Sendable (Value) -> Result) -> [EventLoopFuture<Result>] {
        loops.map { loop in
            let box = box(of: loop)
            return loop.submit { body(box.value) }
        }
    }

    private func box(of loop: any EventLoop) -> NIOLoopBoundBox<Value> {
        guard let box = boxes[ObjectIdentifier(loop)] else { preconditionFailure("the loop is not of the server's group") }
        return box
    }
}
