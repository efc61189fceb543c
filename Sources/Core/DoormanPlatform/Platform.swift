// The platform's C library under one name. A module of its own: re-exported by another, it would be visible to all that import that.
#if canImport(Glibc)
    @_exported public import Glibc
#elseif canImport(Musl)
    @_exported public import Musl
#elseif canImport(Darwin)
    @_exported public import Darwin
#endif
