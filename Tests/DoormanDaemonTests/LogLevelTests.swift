import Logging
import TestKit
import Testing

@testable import DoormanDaemon

@Suite("Log level")
struct LogLevelTests {
    @Test("a changed level applies to existing loggers without a level of their own")
    func changed() throws {
        let (level, recorder) = (LogLevel(.info), LogRecorder())
        let logger = Logger(label: "test", factory: { _ in LevelledLogHandler(recorder, level: level) })
        var named = logger
        named[metadataKey: "name"] = "a"
        var own = logger
        own.logLevel = .error
        func log() {
            logger.debug("plain")
            named.debug("named")
            own.debug("own")
        }
        log()
        #expect(recorder.lines.isEmpty)
        var settings = DoormandSettings()
        settings.logLevel = .debug
        try level.component.prepare(settings).apply()
        #expect(logger.logLevel == .debug && own.logLevel == .error)
        log()
        #expect(recorder.lines == ["debug plain ", "debug named name=a"])
        settings.logLevel = .warning
        try level.component.prepare(settings).apply()
        log()
        #expect(recorder.lines.count == 2)
    }
}
