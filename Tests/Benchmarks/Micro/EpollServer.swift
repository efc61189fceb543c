internal import CEpoll
internal import CallerLimits
internal import DoormanCore
internal import DoormanServer
internal import DoormanSupport
internal import Glibc
internal import NIOCore

/// The product's ttrpc connection, dispatcher and cache on a loop of epoll(7), in place of SwiftNIO: what a transport of our own would give.
///
/// For benchmarks only. It serves cache hits to peers that read their responses, and stops the program at anything else. It has no deadlines,
/// no TLS, no drain and no limit of connections. Its system calls for each read are those of the product: recv(2) and send(2).
final class EpollServer {
    /// A connection with its socket.
    private final class Peer {
        var connection: TTRPCConnection
        var caller: CallerContext

        init(_ connection: TTRPCConnection, _ caller: CallerContext) {
            self.connection = connection
            self.caller = caller
        }
    }

    private static let maximumEvents = 256
    private static let readBytes = 64 << 10

    let port: UInt16
    private let listener: CInt
    private let epoll: CInt
    private let backend: any VerificationBackend
    private let dispatcher: RequestDispatcher
    /// The peers, by descriptor.
    private var peers: [Peer?] = []
    private var input = ByteBuffer()
    private var output = ByteBuffer()

    /// Listens on a port of 127.0.0.1; 0 for a free one.
    init(backend: any VerificationBackend, port: UInt16) {
        self.backend = backend
        dispatcher = RequestDispatcher(
            backend: backend, policy: .standard, quotas: CallerQuotaRegistry(maximumCallers: 1),
            inFlight: InFlightCounter(maximum: 1), settings: ServerSettings())
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
        epoll = epoll_create1(0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = unsafe withUnsafeMutablePointer(to: &address) { [listener] address in
            unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe bind(listener, address, length) == 0 && listen(listener, 4096) == 0
                    && getsockname(listener, address, &length) == 0
            }
        }
        precondition(isListening, "port \(port) can't be listened on: errno \(errno)")
        self.port = UInt16(bigEndian: address.sin_port)
        watch(listener)
    }

    private func watch(_ descriptor: CInt) {
        var event = unsafe epoll_event()
        unsafe event.events = EPOLLIN.rawValue
        unsafe event.data.fd = descriptor
        let result = unsafe epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event)
        precondition(result == 0, "epoll_ctl: errno \(errno)")
    }

    /// Serves until the process ends.
    func run() -> Never {
        var events = unsafe Array(repeating: epoll_event(), count: Self.maximumEvents)
        while true {
            let count = unsafe epoll_wait(epoll, &events, CInt(Self.maximumEvents), -1)
            precondition(count >= 0 || errno == EINTR, "epoll_wait: errno \(errno)")
            for index in 0..<max(0, Int(count)) {
                let descriptor = unsafe events[index].data.fd
                if descriptor == listener { accept() } else { read(descriptor) }
            }
        }
    }

    private func accept() {
        while case let descriptor = Glibc.accept(listener, nil, nil), descriptor >= 0 {
            _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
            var enabled: CInt = 1
            unsafe setsockopt(descriptor, CInt(IPPROTO_TCP), TCP_NODELAY, &enabled, socklen_t(MemoryLayout<CInt>.size))
            let state = ConnectionState(
                limits: ConnectionLimits(), counters: dispatcher.counters, now: backend.timeSource.now())
            let missing = Int(descriptor) + 1 - peers.count
            if missing > 0 { peers += Array(repeating: nil, count: missing) }
            peers[Int(descriptor)] = Peer(TTRPCConnection(state), dispatcher.context(for: Caller(name: "ip:127.0.0.1")))
            watch(descriptor)
        }
    }

    private func read(_ descriptor: CInt) {
        guard let peer = peers[Int(descriptor)] else { return }
        input.clear()
        let count = unsafe input.writeWithUnsafeMutableBytes(minimumWritableBytes: Self.readBytes) { bytes in
            unsafe max(0, recv(descriptor, bytes.baseAddress, Self.readBytes, 0))
        }
        guard count > 0 else {
            peers[Int(descriptor)] = nil
            close(descriptor)
            return
        }
        peer.connection.receive(input)
        while takeTurn(peer, descriptor) == .framesWait {}
    }

    /// Does what the product's handler does in a turn: see ``ConnectionHandler``.
    private func takeTurn(_ peer: Peer, _ descriptor: CInt) -> TurnEnd {
        let now = backend.timeSource.now()
        peer.connection.checkLifetime(now: now)
        var context = RequestContext(caller: peer.caller, now: now, isDraining: peer.connection.isDraining)
        context.caller.beginTurn(now: now)
        peer.connection.lendBuffer(&output)
        let turnEnd = peer.connection.takeTurn(dispatcher, in: &context, limit: TurnLimit(outputBytes: 1 << 20)) {
            Self.send(&$0, to: descriptor)
            return true
        }
        let end = backend.timeSource.now()
        dispatcher.counters.endTurn(from: now, to: end)
        let directive = peer.connection.endTurn(now: end)
        context.caller.endTurn(now: now)
        precondition(directive == .keep && !peer.connection.hasStarted, "a call was no cache hit")
        if var bytes = peer.connection.takeOutput() {
            Self.send(&bytes, to: descriptor)
            bytes.clear()
            swap(&output, &bytes)
        }
        if var unused = peer.connection.takeUnusedBuffer() { swap(&output, &unused) }
        precondition(peer.connection.nextTimer > now, "a deadline has passed")
        return turnEnd
    }

    private static func send(_ bytes: inout ByteBuffer, to descriptor: CInt) {
        let count = unsafe bytes.withUnsafeReadableBytes {
            unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
        }
        precondition(count == bytes.readableBytes || errno == ECONNRESET || errno == EPIPE, "a peer does not read")
        bytes.moveReaderIndex(forwardBy: max(0, count))
    }
}
