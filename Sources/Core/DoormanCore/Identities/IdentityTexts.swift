/// The texts of an identity in one allocation, so that copying and freeing them costs as much as for one string.
///
/// The layout is the length of each text, in the order of ``Part``, followed by the texts in UTF-8. Equal texts have equal bytes.
/// Reading a text creates a string.
struct IdentityTexts: Sendable, Hashable {
    enum Part: Int, CaseIterable {
        case accountID, applicationID, provider, email, phoneNumber, countryPrefix, nationalNumber

        /// Whether an empty text differs from an absent one.
        fileprivate var isOptional: Bool { self == .email || self == .phoneNumber }
    }

    private typealias Length = UInt32

    private static let headCount = Part.allCases.count * MemoryLayout<Length>.size
    /// The length of an absent text.
    private static let absent = Length.max

    private let bytes: [UInt8]

    /// Copies texts.
    ///
    /// - Parameter text: Returns the text of a part; `nil` if it is absent.
    init(_ text: (Part) -> String?) {
        let texts = Part.allCases.map { part in
            text(part).flatMap { $0.isEmpty && !part.isOptional ? nil : Array($0.utf8) }
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.headCount + texts.reduce(0) { $0 + ($1?.count ?? 0) })
        for text in texts {
            let length = text.map { Length($0.count) } ?? Self.absent
            unsafe withUnsafeBytes(of: length) { unsafe bytes.append(contentsOf: $0) }
        }
        for text in texts { bytes.append(contentsOf: text ?? []) }
        self.bytes = bytes
    }

    /// Copies texts out of data.
    ///
    /// - Parameters:
    ///   - ranges: The range of each text in `data`, in the order of ``Part``. An absent text has an empty range.
    ///   - data: Bytes that are UTF-8 in each of these ranges.
    init(_ ranges: InlineArray<7, Range<Int>>, in data: Span<UInt8>) {
        var count = Self.headCount
        for index in ranges.indices { count += ranges[index].count }
        bytes = unsafe Array(unsafeUninitializedCapacity: count) { bytes, initializedCount in
            unsafe data.withUnsafeBytes { data in
                var (head, end) = (0, Self.headCount)
                for index in ranges.indices {
                    let text = unsafe UnsafeRawBufferPointer(rebasing: data[ranges[index]])
                    unsafe UnsafeMutableRawBufferPointer(bytes).storeBytes(
                        of: text.isEmpty ? Self.absent : Length(text.count), toByteOffset: head, as: Length.self)
                    unsafe UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(bytes)[end...]).copyMemory(
                        from: text)
                    head += MemoryLayout<Length>.size
                    end += text.count
                }
            }
            initializedCount = count
        }
    }

    /// The text of a part; `nil` if it is absent.
    subscript(part: Part) -> String? {
        get { range(of: part).map { String(decoding: bytes[$0], as: UTF8.self) } }
        set {
            let old = self
            self = IdentityTexts { $0 == part ? newValue : old[$0] }
        }
    }

    /// Whether a part equals a text. An absent part equals the empty text. Creates no string.
    func isEqual(_ part: Part, to text: Span<UInt8>) -> Bool {
        let range = range(of: part) ?? 0..<0
        guard range.count == text.count else { return false }
        for index in text.indices where bytes[range.lowerBound + index] != text[index] { return false }
        return true
    }

    /// The heap memory in bytes, the array's header included.
    var heapBytes: Int { 32 + bytes.count }

    private func range(of part: Part) -> Range<Int>? {
        var start = Self.headCount
        for earlier in 0..<part.rawValue { start += length(earlier) ?? 0 }
        guard let count = length(part.rawValue) else { return nil }
        return start..<start + count
    }

    private func length(_ index: Int) -> Int? {
        let length = unsafe bytes.span.bytes.unsafeLoadUnaligned(
            fromByteOffset: index * MemoryLayout<Length>.size, as: Length.self)
        return length == Self.absent ? nil : Int(length)
    }
}
