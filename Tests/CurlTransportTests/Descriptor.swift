private import Glibc

/// A blocking socket or pipe of a test peer. All unsafe code of the peers is here.
struct Descriptor: Sendable {
    let number: CInt

    /// Returns a listening socket on 127.0.0.1 with its port.
    static func listening() -> (Descriptor, port: Int) {
        let number = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                precondition(unsafe bind(number, pointer, size) == 0, "bind")
                precondition(listen(number, 512) == 0, "listen")
                precondition(unsafe getsockname(number, pointer, &size) == 0, "getsockname")
            }
        }
        return (Descriptor(number: number), Int(UInt16(bigEndian: address.sin_port)))
    }

    /// Connects to a server on 127.0.0.1; `nil` if that fails.
    static func connected(toPort port: Int) -> Descriptor? {
        let descriptor = Descriptor(number: socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        address.sin_port = in_port_t(port).bigEndian
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                unsafe connect(descriptor.number, pointer, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else {
            descriptor.close()
            return nil
        }
        return descriptor
    }

    /// Returns which of two descriptors is readable or at its end. Waits for a moment if neither is.
    static func readable(_ one: Descriptor, _ other: Descriptor, milliseconds: CInt) -> (Bool, Bool) {
        var watched = [one, other].map { pollfd(fd: $0.number, events: Int16(POLLIN), revents: 0) }
        unsafe poll(&watched, 2, milliseconds)
        return (watched[0].revents != 0, watched[1].revents != 0)
    }

    /// Reads available bytes, and writes them to another descriptor.
    ///
    /// - Returns: False if one of the descriptors is at its end.
    func pass(to other: Descriptor) -> Bool {
        let bytes = read()
        return !bytes.isEmpty && other.write(bytes)
    }

    func accepted() -> Descriptor? {
        let accepted = accept(number, nil, nil)
        guard accepted >= 0 else { return nil }
        // What is written reaches the peer at once, and not with its next acknowledgement.
        var enabled: CInt = 1
        unsafe setsockopt(accepted, CInt(IPPROTO_TCP), TCP_NODELAY, &enabled, socklen_t(MemoryLayout<CInt>.size))
        return Descriptor(number: accepted)
    }

    /// Reads the next bytes; none at the end.
    func read(atMost count: Int = 65_536) -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = unsafe max(0, Glibc.read(number, buffer.baseAddress, count))
        }
    }

    /// - Returns: False if the peer has closed the connection.
    @discardableResult
    func write(_ bytes: [UInt8]) -> Bool {
        var written = 0
        while written < bytes.count {
            let sent = unsafe bytes.withUnsafeBytes { buffer in
                unsafe send(number, buffer.baseAddress?.advanced(by: written), buffer.count - written, CInt(MSG_NOSIGNAL))
            }
            guard sent > 0 else { return false }
            written += sent
        }
        return true
    }

    /// Makes ``close()`` send a reset.
    func resetOnClose() {
        var option = linger(l_onoff: 1, l_linger: 0)
        unsafe setsockopt(number, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }

    /// Ends reading and writing, also calls in progress.
    func interrupt() {
        shutdown(number, CInt(SHUT_RDWR))
    }

    func close() {
        Glibc.close(number)
    }
}

/// A thread for a blocking peer.
struct PeerThread: Sendable {
    private let thread: pthread_t

    init(_ body: @escaping @Sendable () -> Void) {
        var thread = pthread_t()
        let context = unsafe Unmanaged.passRetained(Body(run: body))
        precondition(unsafe pthread_create(&thread, nil, runBody, context.toOpaque()) == 0, "pthread_create")
        self.thread = thread
    }

    func join() {
        _ = pthread_join(thread, nil)
    }

    fileprivate final class Body: Sendable {
        let run: @Sendable () -> Void
        init(run: @escaping @Sendable () -> Void) { self.run = run }
    }
}

private func runBody(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context = unsafe context else { return nil }
    unsafe Unmanaged<PeerThread.Body>.fromOpaque(context).takeRetainedValue().run()
    return nil
}

/// Blocks the thread of a peer.
func blockFor(milliseconds: Int) {
    var time = timespec(tv_sec: 0, tv_nsec: milliseconds * 1_000_000)
    unsafe nanosleep(&time, nil)
}
