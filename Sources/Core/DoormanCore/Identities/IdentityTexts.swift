/// The texts of an identity, in one piece of memory: to keep them, to pass them on and to let them go costs what it would with one string.
/// A string is made when a text is asked for.
///
/// The bytes are the length of each text, in the order of ``Part``, and then the texts in UTF-8. Equal texts are equal bytes.
struct IdentityTexts: Sendable, Hashable {
    enum Part: Int, CaseIterable {
        case accountID, applicationID, provider, email, phoneNumber, countryPrefix, nationalNumber

        /// Whether it makes a difference that there is one which is empty. Otherwise that one is as none.
        fileprivate var mayBeMissing: Bool { self == .email || self == .phoneNumber }
    }

    private typealias Length = UInt32

    private static let headCount = Part.allCases.count * MemoryLayout<Length>.size
    /// In place of the length of a text that there is not.
    private static let absent = Length.max

    private let bytes: [UInt8]

    /// - Parameter text: Each of them, by its part; nil for one that there is not.
    init(_ text: (Part) -> String?) {
        let texts = Part.allCases.map { part in
            text(part).flatMap { $0.isEmpty && !part.mayBeMissing ? nil : Array($0.utf8) }
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

    /// - Parameters:
    ///   - places: Where in the data each text lies, in the order of ``Part``; an empty place for one that there is not.
    ///   - data: UTF-8 at all of these places.
    init(_ places: InlineArray<7, Range<Int>>, in data: Span<UInt8>) {
        var count = Self.headCount
        for index in places.indices { count += places[index].count }
        bytes = unsafe Array(unsafeUninitializedCapacity: count) { bytes, initializedCount in
            unsafe data.withUnsafeBytes { data in
                var (head, end) = (0, Self.headCount)
                for index in places.indices {
                    let text = unsafe UnsafeRawBufferPointer(rebasing: data[places[index]])
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

    /// A text; nil if there is none.
    subscript(part: Part) -> String? {
        get { place(of: part).map { String(decoding: bytes[$0], as: UTF8.self) } }
        set {
            let old = self
            self = IdentityTexts { $0 == part ? newValue : old[$0] }
        }
    }

    /// Whether a text consists of just these bytes; one that there is not consists of none. Makes no string.
    func holds(_ text: Span<UInt8>, _ part: Part) -> Bool {
        let place = place(of: part) ?? 0..<0
        guard place.count == text.count else { return false }
        for index in text.indices where bytes[place.lowerBound + index] != text[index] { return false }
        return true
    }

    /// What it takes on the heap, with the array's header.
    var heapBytes: Int { 32 + bytes.count }

    private func place(of part: Part) -> Range<Int>? {
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
