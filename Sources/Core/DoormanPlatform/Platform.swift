// The platform's C library under one name. This is a module of its own, since a module that re-exports it exposes it to all its
// importers.
#if canImport(Glibc)
    @_exported public import Glibc
#elseif canImport(Musl)
    @_exported public import Musl
#elseif canImport(Darwin)
    @_exported public import Darwin
#endif
