private import CProcess
private import DoormanPlatform

/// The access control list of a file, see acl(5). The permission bits of its group are those of the list's mask, so that a file which only
/// one more user may read looks as if its group could read it. systemd passes credentials in such files.
struct AccessControlList {
    /// The tags of the kernel's `posix_acl_xattr.h`, of which this type needs four.
    private enum Tag {
        static let user: UInt16 = 2
        static let owningGroup: UInt16 = 4
        static let group: UInt16 = 8
        static let others: UInt16 = 32
    }

    private struct Entry {
        let tag: UInt16
        let permissions: UInt16
        let id: UInt32
    }

    private static let headerSize = 4
    private static let entrySize = 8
    private static let maximumSize = headerSize + 1000 * entrySize

    private let entries: [Entry]

    /// Returns `nil` if the file has no list.
    init?(of path: String) {
        #if os(Linux)
            var bytes = [UInt8](repeating: 0, count: Self.maximumSize)
            let count = unsafe getxattr(path, "system.posix_acl_access", &bytes, bytes.count)
            guard count > Self.headerSize else { return nil }
            entries = stride(from: Self.headerSize, to: count - Self.entrySize + 1, by: Self.entrySize).map { start in
                unsafe bytes.withUnsafeBytes { bytes in
                    unsafe Entry(
                        tag: UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: start, as: UInt16.self)),
                        permissions: UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: start + 2, as: UInt16.self)),
                        id: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: start + 4, as: UInt32.self)))
                }
            }
        #else
            return nil
        #endif
    }

    /// Whether the list grants anything to a group, to all users, or to a user who is not this process's.
    var admitsOthers: Bool {
        entries.contains { entry in
            switch entry.tag {
            case Tag.user: entry.permissions != 0 && entry.id != geteuid()
            case Tag.owningGroup, Tag.group, Tag.others: entry.permissions != 0
            default: false
            }
        }
    }
}
