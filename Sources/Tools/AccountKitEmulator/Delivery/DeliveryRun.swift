internal import NIOCore

/// Takes the steps of a delivery one after another, with their pauses.
final class DeliveryRun {
    private var timer: Scheduled<Void>?

    /// - Parameters:
    ///   - write: Called with each step; with a pause when it begins.
    ///   - end: Called after the last step.
    func start(
        _ delivery: Delivery, on loop: any EventLoop, write: @escaping (Delivery.Step) -> Void,
        end: @escaping (Delivery.End) -> Void
    ) {
        go(on: delivery, from: 0, loop, write, end)
    }

    func cancel() {
        timer?.cancel()
        timer = nil
    }

    private func go(
        on delivery: Delivery, from index: Int, _ loop: any EventLoop, _ write: @escaping (Delivery.Step) -> Void,
        _ end: @escaping (Delivery.End) -> Void
    ) {
        for position in index..<delivery.steps.count {
            let step = delivery.steps[position]
            write(step)
            guard case .wait(let time) = step else { continue }
            timer = loop.assumeIsolated().scheduleTask(in: TimeAmount(time)) {
                self.go(on: delivery, from: position + 1, loop, write, end)
            }
            return
        }
        end(delivery.end)
    }

    /// The byte `a`, this many times: pieces that share the memory of one.
    static func filling(_ count: Int) -> [ByteBuffer] {
        let piece = ByteBuffer(repeating: UInt8(ascii: "a"), count: min(count, 65_536))
        return stride(from: 0, to: count, by: 65_536).map { offset in
            piece.getSlice(at: 0, length: min(count - offset, piece.readableBytes)) ?? piece
        }
    }
}
