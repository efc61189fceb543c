internal import NIOCore

/// One ``RequestReader`` for each event loop of a group.
struct LoopReaders: Sendable {
    private let readers: [ObjectIdentifier: NIOLoopBoundBox<RequestReader>]

    init(group: any EventLoopGroup, backend: AuthBackend, settings: ServerSettings) {
        readers = Dictionary(
            uniqueKeysWithValues: group.makeIterator().map { loop in
                (
                    ObjectIdentifier(loop),
                    NIOLoopBoundBox.makeBoxSendingValue(
                        RequestReader(
                            backend: backend, accountsCallers: settings.accountsCallers,
                            maximumFrameLength: settings.connection.maximumFrameLength),
                        eventLoop: loop)
                )
            })
    }

    /// The loop's own reader. Called on that loop.
    func reader(for loop: any EventLoop) -> RequestReader {
        guard let reader = readers[ObjectIdentifier(loop)] else { preconditionFailure("the loop is not of the server's group") }
        return reader.value
    }
}
