internal import DoormanWire
internal import Instrumentation
internal import ServiceContextModule

/// The current trace context as metadata of a call. The process's instrument decides the keys, such as `traceparent` (W3C Trace Context).
enum TraceMetadata {
    private struct EntryInjector: Injector {
        func inject(_ value: String, forKey key: String, into entries: inout [MetadataEntry]) {
            // A C string in the server ends at a NUL byte.
            guard !key.utf8.contains(0), !value.utf8.contains(0) else { return }
            entries.append(MetadataEntry(key: key, value: value))
        }
    }

    static func current() -> [MetadataEntry] {
        guard let context = ServiceContext.current else { return [] }
        var entries: [MetadataEntry] = []
        InstrumentationSystem.instrument.inject(context, into: &entries, using: EntryInjector())
        return entries
    }
}
