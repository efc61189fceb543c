internal import DoormanWire
internal import Instrumentation
internal import ServiceContextModule

/// The context of the current trace, as metadata of a call: whatever the process's instrument puts there, such as W3C's
/// `traceparent`.
enum TraceMetadata {
    private struct EntryInjector: Injector {
        func inject(_ value: String, forKey key: String, into entries: inout [MetadataEntry]) {
            // A NUL would cut it off on the wire.
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
