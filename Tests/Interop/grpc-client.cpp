// Calls Doorman with gRPC C++ and generated stubs, as a C++ service would. IntegrationTests runs its scenarios, which are those of
// grpcio-client.py.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/support/error_details.h>

#include "doorman/v1/auth.grpc.pb.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"

using doorman::v1::Auth;
using doorman::v1::Identity;
using doorman::v1::VerifyRequest;
using grpc::StatusCode;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

void check(bool condition, const std::string& what, const std::string& details = "") {
    if (condition) return;
    std::cout << "failed: " << what << " " << details << std::endl;
    std::_Exit(1);
}

std::string text(const grpc::Status& status) {
    return std::to_string(status.error_code()) + " " + status.error_message();
}

/// The reason of the failure contract, and the delay of the retry hint.
struct Details {
    std::string reason;
    milliseconds delay{0};

    explicit Details(const grpc::Status& failure) {
        google::rpc::Status status;
        check(grpc::ExtractErrorDetails(failure, &status).ok(), "details", text(failure));
        google::rpc::ErrorInfo info;
        google::rpc::RetryInfo retry;
        for (const auto& detail : status.details()) {
            if (detail.UnpackTo(&info) && info.domain() == "doorman") reason = info.reason();
            if (detail.UnpackTo(&retry)) delay = milliseconds(retry.retry_delay().seconds() * 1000 + retry.retry_delay().nanos() / 1000000);
        }
    }
};

/// A call, from its start to its result.
struct Call {
    grpc::ClientContext context;
    VerifyRequest request;
    Identity identity;
    grpc::Status status;

    explicit Call(const std::string& token, milliseconds timeout = milliseconds(10000)) {
        request.set_token(token);
        if (timeout.count() > 0) context.set_deadline(std::chrono::system_clock::now() + timeout);
    }
};

/// Counts the calls that have not ended.
class Pending {
public:
    void begin() {
        std::lock_guard<std::mutex> lock(mutex);
        count++;
    }
    void end() {
        std::lock_guard<std::mutex> lock(mutex);
        if (--count == 0) changed.notify_all();
    }
    void wait() {
        std::unique_lock<std::mutex> lock(mutex);
        check(changed.wait_for(lock, std::chrono::seconds(60), [this] { return count == 0; }), "calls that don't end");
    }

private:
    std::mutex mutex;
    std::condition_variable changed;
    int count = 0;
};

class Client {
public:
    explicit Client(const std::string& addresses) {
        grpc::ChannelArguments arguments;
        // A subchannel pool of its own: channels of a process share connections otherwise.
        arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
        arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 10000);
        arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5000);
        arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
        channel = grpc::CreateCustomChannel("ipv4:" + addresses, grpc::InsecureChannelCredentials(), arguments);
        check(channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(10)), "connect");
        stub = Auth::NewStub(channel);
    }

    /// Notes whether the connection is lost from now on.
    void watch() {
        std::thread([this] {
            if (channel->WaitForStateChange(GRPC_CHANNEL_READY, std::chrono::system_clock::now() + std::chrono::hours(1))) isLost = true;
        }).detach();
    }

    bool staysConnected() const { return !isLost && channel->GetState(false) == GRPC_CHANNEL_READY; }

    void verify(Call& call) { call.status = stub->Verify(&call.context, call.request, &call.identity); }

    void verify(Call& call, Pending& pending) {
        pending.begin();
        stub->async()->Verify(&call.context, &call.request, &call.identity, [&](grpc::Status status) {
            call.status = status;
            pending.end();
        });
    }

    /// Calls a method that this program has no stub for.
    void invoke(const std::string& method, Call& call) {
        Pending pending;
        pending.begin();
        grpc::TemplatedGenericStub<VerifyRequest, Identity> generic(channel);
        generic.UnaryCall(&call.context, method, {}, &call.request, &call.identity, [&](grpc::Status status) {
            call.status = status;
            pending.end();
        });
        pending.wait();
    }

    std::shared_ptr<grpc::Channel> channel;

private:
    std::unique_ptr<Auth::Stub> stub;
    std::atomic<bool> isLost{false};
};

void checkFailure(const Call& call, StatusCode code, const std::string& reason, const std::string& what) {
    check(call.status.error_code() == code, what, text(call.status));
    check(Details(call.status).reason == reason, what, Details(call.status).reason);
}

void verdicts(const std::string& address, const std::string& token) {
    Client client(address);
    client.watch();
    grpc::ClientContext context;
    grpc::health::v1::HealthCheckResponse health;
    auto status = grpc::health::v1::Health::NewStub(client.channel)->Check(&context, {}, &health);
    check(status.ok() && health.status() == grpc::health::v1::HealthCheckResponse::SERVING, "health", text(status));
    Call good(token), bad("EMAWnobodys"), malformed("EAAfacebook"), tooLong(std::string(100000, 'E')), compressed(std::string(1000, 'E'));
    client.verify(good);
    check(good.status.ok() && good.identity.phone().number() == "+15551234567", "identity", text(good.status));
    client.verify(bad);
    checkFailure(bad, StatusCode::UNAUTHENTICATED, "TOKEN_REJECTED", "rejected");
    client.verify(malformed);
    checkFailure(malformed, StatusCode::INVALID_ARGUMENT, "MALFORMED_TOKEN", "malformed");
    client.verify(tooLong);
    checkFailure(tooLong, StatusCode::RESOURCE_EXHAUSTED, "LIMIT_FRAME_LENGTH", "too long");
    // A message that gets no shorter would not be compressed.
    compressed.context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
    client.verify(compressed);
    check(compressed.status.error_code() == StatusCode::UNIMPLEMENTED, "compressed", text(compressed.status));
    Call list(""), unknown(""), watch("");
    client.invoke("/doorman.v1.Accounts/List", list);
    checkFailure(list, StatusCode::PERMISSION_DENIED, "CALLER_NOT_ALLOWED", "not allowed");
    client.invoke("/doorman.v1.Auth/Nothing", unknown);
    check(unknown.status.error_code() == StatusCode::UNIMPLEMENTED, "unknown method", text(unknown.status));
    client.invoke("/grpc.health.v1.Health/Watch", watch);
    check(watch.status.error_code() == StatusCode::UNIMPLEMENTED, "watch", text(watch.status));
    std::deque<Call> calls;
    Pending pending;
    for (int i = 0; i < 500; i++) client.verify(calls.emplace_back(token, milliseconds(20000)), pending);
    pending.wait();
    for (const auto& call : calls) {
        check(call.status.ok() && call.identity.account_id() == good.identity.account_id(), "concurrent calls", text(call.status));
    }
    check(client.staysConnected(), "connection");
}

void unavailable(const std::string& address, const std::string& token) {
    Client client(address);
    Call call(token);
    client.verify(call);
    checkFailure(call, StatusCode::UNAVAILABLE, "PROVIDER_BUSY", "busy");
    auto delay = Details(call.status).delay;
    check(delay.count() > 0, "RetryInfo");
    const auto& trailers = call.context.GetServerTrailingMetadata();
    auto hint = trailers.find("grpc-retry-pushback-ms");
    check(hint != trailers.end(), "no grpc-retry-pushback-ms");
    std::string pushback(hint->second.data(), hint->second.size());
    check(std::abs(std::atoll(pushback.c_str()) - delay.count()) <= 1, "grpc-retry-pushback-ms", pushback);
}

void deadline(const std::string& address, const std::string& token) {
    Client client(address);
    client.watch();
    auto began = Clock::now();
    Call call(token, milliseconds(300));
    client.verify(call);
    check(call.status.error_code() == StatusCode::DEADLINE_EXCEEDED, "deadline", text(call.status));
    auto time = Clock::now() - began;
    check(time > milliseconds(200) && time < std::chrono::seconds(3), "time");
    check(client.staysConnected(), "connection");
}

// gRPC C++ 1.51 resets streams whose HEADERS it has not sent when their calls are given up at once (grpc/grpc, issues 19655 and 38758).
// HTTP/2 forbids that, so the server ends the connection. Here, each burst of calls has been sent before it is given up: the result of
// a later call has come.
void cancellations(const std::string& address, const std::string& token, const std::string& cached, double seconds) {
    Client client(address);
    Call before(cached);
    client.verify(before);
    check(before.status.ok(), "verify", text(before.status));
    client.watch();
    std::minstd_rand random(std::random_device{}());
    const milliseconds timeouts[] = {milliseconds(0), milliseconds(5000)};
    auto end = Clock::now() + std::chrono::duration<double>(seconds);
    int count = 0, failed = 0;
    while (Clock::now() < end) {
        std::deque<Call> calls;
        Pending pending;
        for (int i = 0; i < 100; i++) client.verify(calls.emplace_back(token, timeouts[random() % 2]), pending);
        Call later(cached);
        client.verify(later);
        check(later.status.ok(), "verify among calls that wait", text(later.status));
        std::this_thread::sleep_for(milliseconds(random() % 40));
        for (auto& call : calls) call.context.TryCancel();
        pending.wait();
        for (const auto& call : calls) {
            auto code = call.status.error_code();
            check(code != StatusCode::OK, "a call that succeeds without its provider");
            // Those that the server ended first: its circuit breaker opens in time.
            if (code != StatusCode::CANCELLED && code != StatusCode::DEADLINE_EXCEEDED) failed++;
        }
        count += 100;
    }
    Call after(cached);
    client.verify(after);
    check(after.status.ok(), "verify", text(after.status));
    check(client.staysConnected(), "connection");
    std::cout << count << " calls, " << count - failed << " of them were given up" << std::endl;
}

void drain(const std::string& addresses, const std::string& token, double seconds) {
    Client client(addresses);
    auto end = Clock::now() + std::chrono::duration<double>(seconds);
    std::atomic<int> count{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; i++) {
        threads.emplace_back([&] {
            while (Clock::now() < end) {
                Call call(token);
                client.verify(call);
                check(call.status.ok(), "a call of a draining server", text(call.status));
                count++;
            }
        });
    }
    std::cout << "ready" << std::endl;
    for (auto& thread : threads) thread.join();
    std::cout << count << " calls succeeded" << std::endl;
}

int main(int argumentCount, char** argumentVector) {
    std::vector<std::string> arguments(argumentVector + 1, argumentVector + argumentCount);
    arguments.resize(5);
    const auto& scenario = arguments[0];
    if (scenario == "verdicts") {
        verdicts(arguments[1], arguments[2]);
    } else if (scenario == "unavailable") {
        unavailable(arguments[1], arguments[2]);
    } else if (scenario == "deadline") {
        deadline(arguments[1], arguments[2]);
    } else if (scenario == "cancellations") {
        cancellations(arguments[1], arguments[2], arguments[3], std::stod(arguments[4]));
    } else if (scenario == "drain") {
        drain(arguments[1], arguments[2], std::stod(arguments[3]));
    } else {
        check(false, "unknown scenario", scenario);
    }
    std::cout << "all is well" << std::endl;
    // A thread still watches the state of the channel.
    std::_Exit(0);
}
