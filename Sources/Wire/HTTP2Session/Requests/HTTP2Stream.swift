internal import CDoormanNGHTTP2
package import DoormanSupport

/// The number of a stream. A connection never uses a number again.
package struct HTTP2StreamID: Sendable, Hashable {
    package let rawValue: Int32

    package init(_ rawValue: Int32) {
        self.rawValue = rawValue
    }
}

/// A request with its stream.
///
/// The request does not change once ``HTTP2Session/nextRequest()`` has returned it. It stays readable for as long as there is a
/// reference to it, also after the stream has ended. The session reuses the object only if there is no other reference to it.
///
/// Confined to the thread of its session.
@safe package final class HTTP2Stream {
    let record: StreamRecord.Pointer

    init() {
        let head = UnsafeMutablePointer<doorman_http2_head>.allocate(capacity: 1)
        unsafe head.initialize(to: doorman_http2_head())
        unsafe record = .allocate(capacity: 1)
        unsafe record.initialize(to: StreamRecord(head: head, owner: Unmanaged.passUnretained(self)))
    }

    deinit {
        clear(keeping: 0)
        unsafe record.pointee.head.deallocate()
        unsafe record.deallocate()
    }

    package var id: HTTP2StreamID { HTTP2StreamID(unsafe record.pointee.id) }

    /// The moment at which the request began to arrive.
    package var begun: Instant { unsafe record.pointee.begun }

    package var head: HTTP2RequestHead { HTTP2RequestHead(stream: self) }

    /// The body. Empty if it is too long, or was not wanted.
    package var body: Span<UInt8> {
        @_lifetime(borrow self)
        get {
            let body = unsafe record.pointee.body
            return unsafe _overrideLifetime(Span(_unsafeStart: start(of: body), count: body.count), borrowing: self)
        }
    }

    /// Whether the body is longer than its limit.
    package var bodyIsTooLong: Bool { unsafe record.pointee.bodyIsTooLong }

    /// Whether the whole request has arrived.
    package var requestHasEnded: Bool { unsafe record.pointee.requestHasEnded }

    /// Whether the stream has ended: with its response, by a reset, or with its connection.
    package var isClosed: Bool { unsafe record.pointee.phase == .closed }

    func clear(keeping capacity: Int) {
        unsafe doorman_http2_head_clear(record.pointee.head, capacity)
        unsafe doorman_http2_bytes_clear(&record.pointee.body, capacity)
        unsafe doorman_http2_bytes_clear(&record.pointee.output, capacity)
    }
}

/// Returns the address of bytes, or any address if there are none.
@unsafe private func start(of bytes: doorman_http2_bytes) -> UnsafePointer<UInt8> {
    if let start = unsafe bytes.start { return unsafe UnsafePointer(start) }
    return unsafe UnsafePointer(bitPattern: 1).unsafelyUnwrapped
}

/// Objects for streams that have ended, with their memory, so that a usual request allocates nothing.
///
/// Several sessions can share a pool if they share a thread.
package final class HTTP2StreamPool {
    private var free: [HTTP2Stream] = []
    /// The size of the headers of the incomplete requests of all sessions.
    var incompleteHeaderBytes = 0
    private let maximumCount: Int
    private let maximumCapacity: Int

    /// - Parameters:
    ///   - maximumCount: The maximum number of objects that wait to be used. Default 256.
    ///   - maximumCapacity: The number of bytes up to which each of an object's buffers is kept. Default 4 KiB.
    package init(maximumCount: Int = 256, maximumCapacity: Int = 4096) {
        self.maximumCount = maximumCount
        self.maximumCapacity = maximumCapacity
    }

    /// The number of objects that wait to be used.
    package var count: Int { free.count }

    func take() -> HTTP2Stream {
        free.popLast() ?? HTTP2Stream()
    }

    /// Keeps an object for reuse, unless the user has a reference to it.
    func put(_ stream: consuming HTTP2Stream) {
        guard free.count < maximumCount, isKnownUniquelyReferenced(&stream) else { return }
        stream.clear(keeping: maximumCapacity)
        free.append(stream)
    }
}
