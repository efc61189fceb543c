private import DoormanPlatform
internal import NIOConcurrencyHelpers

/// Two descriptors that are kept for connections in the time when the process has no others left. So probes and scrapes still get their
/// answers when the listener for calls has used up all others.
final class SpareDescriptors: Sendable {
    private static let count = 2

    private let held = NIOLockedValueBox<[Int32]>([])

    init() {
        reserve()
    }

    deinit {
        free()
    }

    /// Whether some are free for use.
    var areFree: Bool { held.withLockedValue { $0.count < Self.count } }

    /// Makes them free for use.
    ///
    /// - Returns: Whether there were any.
    @discardableResult
    func free() -> Bool {
        held.withLockedValue { held in
            defer { held = [] }
            for descriptor in held { close(descriptor) }
            return !held.isEmpty
        }
    }

    /// Keeps them again, as far as descriptors are free.
    func reserve() {
        held.withLockedValue { held in
            while held.count < Self.count {
                let descriptor = unsafe open("/dev/null", O_RDONLY | O_CLOEXEC)
                guard descriptor >= 0 else { return }
                held.append(descriptor)
            }
        }
    }
}
