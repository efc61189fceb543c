import AccountKit
import StrictJSON
import Testing

@Suite("The body of /me")
struct MeResponseTests {
    static func decode(_ text: String) -> MeResponse? {
        guard case .object(let body)? = JSONValue(bytes: Array(text.utf8)) else { return nil }
        return MeResponse(body)
    }

    @Test("recorded bodies are read")
    func recorded() {
        let phone = Self.decode(
            #"{"id":"1011166682335378","phone":{"number":"+15879994455","country_prefix":"1","national_number":"5879994455"}}"#)
        #expect(phone?.accountID == "1011166682335378")
        #expect(phone?.contact == .phone(number: "+15879994455", countryPrefix: "1", nationalNumber: "5879994455"))
        #expect(phone?.applicationID == nil)
        let email = Self.decode(#"{"email":{"address":"test\u0040example.com"},"id":"1011166682335379"}"#)
        #expect(email?.accountID == "1011166682335379")
        #expect(email?.contact == .email("test@example.com"))
        #expect(Self.decode(Sample.phoneBody)?.applicationID == Sample.applicationID)
    }

    @Test("an optional field that is null counts as absent")
    func null() {
        let response = Self.decode(#"{"id":"1","phone":null,"email":{"address":"a@b"},"application":null}"#)
        #expect(response?.contact == .email("a@b"))
        #expect(response?.applicationID == nil)
    }

    static let phone = #""phone":{"number":"+15","country_prefix":"1","national_number":"5"}"#

    @Test(
        "a body with any invalid field is malformed",
        arguments: [
            "{}", #"{\#(phone)}"#, #"{"id":"1"}"#, #"{"id":"",\#(phone)}"#, #"{"id":1,\#(phone)}"#, #"{"id":null,\#(phone)}"#,
            #"{"id":["1"],\#(phone)}"#, #"{"id":"12a",\#(phone)}"#, #"{"id":"-1",\#(phone)}"#, #"{"id":"١٢",\#(phone)}"#,
            #"{"id":"1",\#(phone),"email":{"address":"a@b"}}"#,
            #"{"id":"1","phone":"+15"}"#, #"{"id":"1","phone":["+15"]}"#, #"{"id":"1","phone":{}}"#,
            #"{"id":"1","phone":{"number":"+15"}}"#,
            #"{"id":"1","phone":{"number":"+16","country_prefix":"1","national_number":"5"}}"#,
            #"{"id":"1","phone":{"number":"15","country_prefix":"1","national_number":"5"}}"#,
            #"{"id":"1","phone":{"number":"+15","country_prefix":"15","national_number":""}}"#,
            #"{"id":"1","phone":{"number":"+15","country_prefix":1,"national_number":"5"}}"#,
            #"{"id":"1","phone":{"number":"+1x","country_prefix":"1","national_number":"x"}}"#,
            #"{"id":"1","email":"a@b"}"#, #"{"id":"1","email":{}}"#, #"{"id":"1","email":{"address":""}}"#,
            #"{"id":"1","email":{"address":["a@b"]}}"#, #"{"id":"1","email":{"address":"no-domain"}}"#,
            #"{"id":"1","email":{"address":"a@b\n"}}"#, #"{"id":"1","email":{"address":"@"}}"#,
            #"{"id":"1",\#(phone),"application":"5"}"#, #"{"id":"1",\#(phone),"application":[]}"#,
            #"{"id":"1",\#(phone),"application":{"id":5432154321543210}}"#,
        ])
    func malformed(body: String) {
        #expect(Self.decode(body) == nil)
    }

    @Test("an application without an id differs from an absent application", arguments: ["{}", #"{"id":null}"#])
    func namelessApplication(application: String) {
        #expect(Self.decode(#"{"id":"1",\#(Self.phone),"application":\#(application)}"#)?.applicationID?.isEmpty == true)
        #expect(Self.decode(#"{"id":"1",\#(Self.phone)}"#)?.applicationID == nil)
    }

    @Test("a text with any byte changed does not crash the reader")
    func mutations() {
        let text = Array(Sample.phoneBody.utf8)
        for end in 0..<text.count { #expect(JSONValue(bytes: Array(text[..<end])) == nil) }
        for index in text.indices {
            for byte in [0, 0x22, 0x5c, 0x7b, 0x7d, 0x80, 0xff] as [UInt8] {
                var changed = text
                changed[index] = byte
                if case .object(let body)? = JSONValue(bytes: changed) { _ = MeResponse(body) }
            }
        }
    }
}
