import AccountKitEmulator
import Testing

@Suite("Faults")
struct FaultTests {
    /// Returns the response to a call of `me` with a good token while the fault is set.
    private func outcome(_ name: String) throws -> (script: ResponseScript, wire: Wire) {
        var state = try EmulatorState(settings: EmulatorSettings(apps: [Apps.second]))
        let set = state.respond(to: GraphRequest(method: "POST", target: "/emulator/fault?endpoint=me&name=\(name)"))
        #expect(set.script.status == 200)
        let script = state.respond(to: GraphRequest(method: "GET", target: "/v1.3/me?access_token=EMAWsecond")).script
        return (script, Wire(script))
    }

    private static let id = #"{"id":"2011166682335378","#
    private static let phone = #""phone":{"number":"+15879994455","country_prefix":"1","national_number":"5879994455"}"#

    @Test(
        "each fault of content has its documented status and body",
        arguments: [
            ("service-unavailable", 500, #""code":2,"is_transient":true,"#),
            ("unknown-error", 400, #""message":"An unknown error has occurred.","type":"OAuthException","code":1,"#),
            ("throttled", 403, #""code":4,"#),
            ("too-many-requests", 429, #""code":4,"#),
            ("bare-too-many-requests", 429, "<!DOCTYPE html>"),
            ("bad-gateway", 502, "Sorry, something went wrong."),
            ("error-data-list", 400, #""code":190,"error_data":[],"#),
            ("application-missing", 200, id + phone + "}"),
            ("application-numeric", 200, #""application":{"id":2222222222222222}}"#),
            ("application-foreign", 200, #""application":{"id":"9999999999999999"}}"#),
            ("no-contact", 200, id + #""application":{"id":"2222222222222222"}}"#),
            ("wrong-content-type", 200, id + phone),
            ("empty-body", 200, ""),
            ("truncated-json", 200, id),
        ])
    func content(name: String, status: Int, text: String) throws {
        let (script, wire) = try outcome(name)
        #expect(wire.status == status)
        #expect(script.status == status)
        #expect(text.isEmpty ? wire.body.isEmpty : wire.body.contains(text))
        #expect(wire.header("Content-Length") == String(wire.body.utf8.count))
        #expect(script.end == .keep)
    }

    @Test("a throttled response has the headers of usage or back-off")
    func throttlingHeaders() throws {
        let chosen = try outcome("throttled&percent=250&total_time=7").wire.header("X-App-Usage")
        #expect(chosen == #"{"call_count":250,"total_cputime":25,"total_time":7}"#)
        #expect(try outcome("throttled").wire.header("X-App-Usage")?.contains(#""call_count":100"#) == true)
        #expect(try outcome("too-many-requests&retry_after=7").wire.header("Retry-After") == "7")
        #expect(try outcome("bare-too-many-requests").wire.header("Retry-After") == "30")
    }

    @Test("the app usage is on every response")
    func appUsage() throws {
        let (script, wire) = try outcome("app-usage&percent=95&total_cputime=3")
        #expect(script.status == 200)
        #expect(wire.body.hasPrefix(Self.id + Self.phone))
        #expect(wire.header("X-App-Usage") == #"{"call_count":95,"total_cputime":3,"total_time":0}"#)
        var state = try EmulatorState(settings: EmulatorSettings(apps: [Apps.second]))
        _ = state.respond(to: GraphRequest(method: "POST", target: "/emulator/fault?name=app-usage"))
        let failure = Wire(state.respond(to: GraphRequest(method: "GET", target: "/v1.3/me?access_token=EMAWnobody")).script)
        #expect(failure.status == 400)
        #expect(failure.header("X-App-Usage")?.contains(#""call_count":90"#) == true)
    }

    @Test("the fault of the content type keeps the right body")
    func wrongContentType() throws {
        let (_, wire) = try outcome("wrong-content-type")
        #expect(wire.header("Content-Type") == "text/html; charset=utf-8")
        #expect(wire.body.hasSuffix("}}\n"))
    }

    @Test("a chunked body is the right body in two pieces")
    func chunked() throws {
        let (script, wire) = try outcome("chunked")
        #expect(wire.header("Content-Length") == nil)
        #expect(wire.header("Transfer-Encoding") == "chunked")
        let lines = wire.body.split(separator: "\r\n", omittingEmptySubsequences: false)
        #expect(lines.count == 7 && lines[4] == "0")
        #expect(Int(lines[0], radix: 16) == lines[1].utf8.count)
        #expect((lines[1] + lines[3]).hasPrefix(Self.id + Self.phone))
        #expect(script.end == .keep)
    }

    @Test("latency is a pause before the whole response")
    func latency() throws {
        #expect(try outcome("latency&milliseconds=250").script.steps.first == .wait(.milliseconds(250)))
        for _ in 1...20 {
            guard case .wait(let time) = try outcome("jittered-latency&from_milliseconds=5&to_milliseconds=9").script.steps.first
            else {
                Issue.record("the script begins without a pause")
                return
            }
            #expect((.milliseconds(5) ... .milliseconds(9)).contains(time))
        }
    }

    @Test("an oversized body has the requested size")
    func oversized() throws {
        let (_, wire) = try outcome("oversized-body&bytes=100000")
        #expect(wire.body.utf8.count == 100_010)
        #expect(wire.header("Content-Length") == "100010")
        #expect(wire.body.hasPrefix(#"{"id":"a"#) && wire.body.hasSuffix("a\"}\n"))
        #expect(try outcome("oversized-body").wire.body.utf8.count > 10_000_000)
    }

    @Test("slow headers and slow bodies pause before each byte")
    func slow() throws {
        let headers = try outcome("slow-headers&pause_milliseconds=3").script.steps
        #expect(headers.prefix(4) == [.wait(.milliseconds(3)), .send([0x48]), .wait(.milliseconds(3)), .send([0x54])])
        let body = try outcome("slow-body&pause_milliseconds=3")
        #expect(body.script.steps.suffix(2) == [.wait(.milliseconds(3)), .send([0x0a])])
        #expect(body.wire.body.hasPrefix(Self.id))
    }

    @Test("a fault of transport ends the response in its own way")
    func broken() throws {
        let (reset, wire) = try outcome("reset")
        #expect(reset.end == .reset)
        #expect(wire.body.hasPrefix(Self.id))
        #expect(try #require(wire.header("Content-Length").flatMap(Int.init)) > wire.body.utf8.count)
        #expect(try outcome("connection-reset").script.end == .resetConnection)
        #expect(try outcome("go-away").script.end == .goAway)
        let (hang, _) = try outcome("hang")
        #expect(hang.end == .never)
        #expect(hang.steps.isEmpty)
    }

    @Test("over HTTP/2 the head is one step")
    func http2() throws {
        func steps(_ name: String) throws -> [ResponseScript.Step] {
            var state = try EmulatorState(settings: EmulatorSettings(apps: [Apps.second]))
            _ = state.respond(to: GraphRequest(method: "POST", target: "/emulator/fault?name=\(name)"))
            let call = GraphRequest(method: "GET", target: "/v1.3/me?access_token=EMAWsecond")
            return state.respond(to: call, shape: RequestShape(isHTTP2: true)).script.steps
        }
        func length(_ step: ResponseScript.Step?) -> Int? {
            guard case .head(200, let headers)? = step else { return nil }
            return headers.first { $0.name == "Content-Length" }.flatMap { Int($0.value) }
        }
        func size(_ steps: some Sequence<ResponseScript.Step>) -> Int {
            steps.reduce(0) { if case .send(let bytes) = $1 { $0 + bytes.count } else { $0 } }
        }
        let whole = try steps("app-usage")
        #expect(whole.count == 2)
        let count = try #require(length(whole.first))
        #expect(size(whole) == count)
        let chunked = try steps("chunked")
        #expect(chunked.count == 3 && size(chunked) == count && length(chunked.first) == nil)
        let late = try steps("slow-headers&pause_milliseconds=1")
        guard case .wait(let time)? = late.first else {
            Issue.record("the script begins without a pause")
            return
        }
        #expect(time > .milliseconds(100))
        #expect(length(late.dropFirst().first) == count && size(late) == count)
        let slow = try steps("slow-body")
        #expect(length(slow.first) == count && slow.count == 1 + 2 * count)
        let half = try steps("reset")
        #expect(length(half.first) == count && size(half) == count / 2)
    }

    @Test("only a fault that replaces the response prevents the call")
    func sideEffects() throws {
        for (fault, isCarriedOut) in [
            (name: "throttled", isCarriedOut: false), (name: "reset", isCarriedOut: true), (name: "empty-body", isCarriedOut: true),
        ] {
            var state = try EmulatorState(settings: EmulatorSettings(apps: [Apps.second]))
            _ = state.respond(to: GraphRequest(method: "POST", target: "/emulator/fault?name=\(fault)&times=1"))
            _ = state.respond(to: GraphRequest(method: "POST", target: "/v1.3/logout?access_token=EMAWsecond"))
            let me = state.respond(to: GraphRequest(method: "GET", target: "/v1.3/me?access_token=EMAWsecond"))
            #expect(me.script.status == (isCarriedOut ? 400 : 200), "\(fault)")
        }
    }

    @Test("the fault of an endpoint precedes the fault of all endpoints")
    func precedence() throws {
        var state = try EmulatorState(settings: EmulatorSettings(apps: [Apps.second]))
        func me() -> Int {
            state.respond(to: GraphRequest(method: "GET", target: "/v1.3/me?access_token=EMAWsecond")).script.status
        }
        _ = state.respond(to: GraphRequest(method: "POST", target: "/emulator/fault?name=throttled"))
        _ = state.respond(to: GraphRequest(method: "POST", target: "/emulator/fault?name=bad-gateway&endpoint=me&times=2"))
        #expect([me(), me(), me()] == [502, 502, 403])
        _ = state.respond(to: GraphRequest(method: "DELETE", target: "/emulator/fault"))
        #expect(me() == 200)
        #expect(state.statistics[.me] == 4)
    }

    @Test("every fault in the list of names can be set")
    func names() throws {
        var state = try EmulatorState(settings: EmulatorSettings(apps: [Apps.second]))
        let list = Wire(state.respond(to: GraphRequest(method: "POST", target: "/emulator/fault")).script).body
        let names = list.matches(of: /[a-z]+(-[a-z]+)*(?=[,"]| \()/).map { String($0.output.0) }.filter { $0 != "error" }
        #expect(names.count == 25)
        for name in names {
            #expect(throws: Never.self, "\(name)") { try Fault(name: name, parameters: [:]) }
        }
    }
}
