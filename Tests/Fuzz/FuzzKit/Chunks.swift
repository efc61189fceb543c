/// Returns the bytes in chunks whose sizes cycle through `sizes`.
package func chunks(of bytes: [UInt8], _ sizes: [Int]) -> [[UInt8]] {
    guard sizes.contains(where: { $0 > 0 }) else { return [bytes] }
    var chunks: [[UInt8]] = []
    var rest = bytes[...]
    while !rest.isEmpty {
        let size = sizes[chunks.count % sizes.count]
        chunks.append(Array(rest.prefix(size)))
        rest = rest.dropFirst(size)
    }
    return chunks
}
