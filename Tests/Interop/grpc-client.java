import com.google.common.util.concurrent.ListenableFuture;
import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import doorman.v1.AccountsGrpc;
import doorman.v1.AuthGrpc;
import doorman.v1.Identity;
import doorman.v1.ListAccountsRequest;
import doorman.v1.VerifyRequest;
import io.grpc.CallOptions;
import io.grpc.ConnectivityState;
import io.grpc.EquivalentAddressGroup;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.NameResolver;
import io.grpc.NameResolverProvider;
import io.grpc.NameResolverRegistry;
import io.grpc.Status.Code;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.protobuf.ProtoUtils;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.ClientCalls;
import java.net.InetSocketAddress;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Calls Doorman with grpc-java and generated stubs, as a service in Java would. IntegrationTests runs its scenarios, which are those of
 * grpcio-client.py.
 */
final class GRPCClient {
    private static final Metadata.Key<String> PUSHBACK =
        Metadata.Key.of("grpc-retry-pushback-ms", Metadata.ASCII_STRING_MARSHALLER);

    private final ManagedChannel channel;
    private final AuthGrpc.AuthBlockingStub auth;
    private final AuthGrpc.AuthFutureStub futures;
    private volatile boolean isLost;

    /** Connects to the first of the addresses that can be reached. */
    private GRPCClient(String addresses) throws InterruptedException {
        channel = NettyChannelBuilder.forTarget("test:///" + addresses)
            .usePlaintext()
            // The shortest keep-alive that grpc-java allows.
            .keepAliveTime(10, TimeUnit.SECONDS)
            .keepAliveTimeout(5, TimeUnit.SECONDS)
            .keepAliveWithoutCalls(true)
            .build();
        auth = AuthGrpc.newBlockingStub(channel);
        futures = AuthGrpc.newFutureStub(channel);
        CountDownLatch ready = new CountDownLatch(1);
        awaitReady(channel.getState(true), ready);
        check(ready.await(10, TimeUnit.SECONDS), "connect");
    }

    private void awaitReady(ConnectivityState state, CountDownLatch ready) {
        if (state == ConnectivityState.READY) {
            ready.countDown();
        } else {
            channel.notifyWhenStateChanged(state, () -> awaitReady(channel.getState(true), ready));
        }
    }

    /** Notes whether the connection is lost from now on. */
    private void watch() {
        channel.notifyWhenStateChanged(ConnectivityState.READY, () -> isLost = true);
    }

    private boolean staysConnected() {
        return !isLost && channel.getState(false) == ConnectivityState.READY;
    }

    private static VerifyRequest request(String token) {
        return VerifyRequest.newBuilder().setToken(ByteString.copyFromUtf8(token)).build();
    }

    private Identity verify(String token) {
        return auth.withDeadlineAfter(10, TimeUnit.SECONDS).verify(request(token));
    }

    /** Calls a method that this program has no stub for. */
    private Identity invoke(String method) {
        MethodDescriptor<VerifyRequest, Identity> descriptor = MethodDescriptor.<VerifyRequest, Identity>newBuilder()
            .setType(MethodDescriptor.MethodType.UNARY)
            .setFullMethodName(method)
            .setRequestMarshaller(ProtoUtils.marshaller(VerifyRequest.getDefaultInstance()))
            .setResponseMarshaller(ProtoUtils.marshaller(Identity.getDefaultInstance()))
            .build();
        return ClientCalls.blockingUnaryCall(
            channel, descriptor, CallOptions.DEFAULT.withDeadlineAfter(10, TimeUnit.SECONDS), VerifyRequest.getDefaultInstance());
    }

    private interface Call {
        Object make();
    }

    /** Checks that a call fails with a code and a reason. */
    private static StatusRuntimeException checkFailure(String what, Code code, String reason, Call call) throws Exception {
        try {
            check(false, what, "no failure, but", call.make());
        } catch (StatusRuntimeException failure) {
            check(failure.getStatus().getCode() == code && reason(failure).equals(reason), what, failure, reason(failure));
            return failure;
        }
        return null;
    }

    private static List<Any> details(Throwable failure) {
        com.google.rpc.Status status = StatusProto.fromThrowable(failure);
        return status == null ? List.of() : status.getDetailsList();
    }

    /** Returns the reason of Doorman's failure contract. */
    private static String reason(Throwable failure) throws Exception {
        for (Any detail : details(failure)) {
            if (detail.is(ErrorInfo.class)) {
                ErrorInfo info = detail.unpack(ErrorInfo.class);
                check(info.getDomain().equals("doorman"), "domain", info);
                return info.getReason();
            }
        }
        return "";
    }

    /** Returns the delay of the retry hint in milliseconds. */
    private static long retryDelay(Throwable failure) throws Exception {
        for (Any detail : details(failure)) {
            if (detail.is(RetryInfo.class)) {
                com.google.protobuf.Duration delay = detail.unpack(RetryInfo.class).getRetryDelay();
                return delay.getSeconds() * 1000 + delay.getNanos() / 1_000_000;
            }
        }
        return 0;
    }

    private static void check(boolean condition, String what, Object... details) {
        if (!condition) {
            System.out.println("failed: " + what + " " + List.of(details));
            // exit would wait for threads of the calls.
            Runtime.getRuntime().halt(1);
        }
    }

    private static void verdicts(String address, String token) throws Exception {
        GRPCClient client = new GRPCClient(address);
        client.watch();
        ServingStatus health = HealthGrpc.newBlockingStub(client.channel).check(HealthCheckRequest.getDefaultInstance()).getStatus();
        check(health == ServingStatus.SERVING, "health", health);
        Identity identity = client.verify(token);
        check(identity.getPhone().getNumber().equals("+15551234567"), "identity", identity);
        StatusRuntimeException rejected =
            checkFailure("rejected", Code.UNAUTHENTICATED, "TOKEN_REJECTED", () -> client.verify("EMAWnobodys"));
        check(rejected.getTrailers().get(PUSHBACK) == null, "a hint to repeat a verdict");
        checkFailure("malformed", Code.INVALID_ARGUMENT, "MALFORMED_TOKEN", () -> client.verify("EAAfacebook"));
        checkFailure("not allowed", Code.PERMISSION_DENIED, "CALLER_NOT_ALLOWED",
            () -> AccountsGrpc.newBlockingStub(client.channel).list(ListAccountsRequest.getDefaultInstance()));
        checkFailure("too long", Code.RESOURCE_EXHAUSTED, "LIMIT_FRAME_LENGTH", () -> client.verify("E".repeat(100_000)));
        checkCode("unknown method", () -> client.invoke("doorman.v1.Auth/Nothing"));
        checkCode("watch", () -> client.invoke("grpc.health.v1.Health/Watch"));
        checkCode("compressed", () -> client.auth.withCompression("gzip").verify(request("E".repeat(1000))));
        List<ListenableFuture<Identity>> calls = new ArrayList<>();
        for (int i = 0; i < 500; i++) {
            calls.add(client.futures.withDeadlineAfter(20, TimeUnit.SECONDS).verify(request(token)));
        }
        for (ListenableFuture<Identity> call : calls) {
            check(call.get().getAccountId().equals(identity.getAccountId()), "concurrent calls");
        }
        check(client.staysConnected(), "connection");
    }

    /** Checks that the server has no such method or encoding. */
    private static void checkCode(String what, Call call) {
        try {
            check(false, what, "no failure, but", call.make());
        } catch (StatusRuntimeException failure) {
            check(failure.getStatus().getCode() == Code.UNIMPLEMENTED, what, failure);
        }
    }

    private static void unavailable(String address, String token) throws Exception {
        GRPCClient client = new GRPCClient(address);
        StatusRuntimeException busy = checkFailure("busy", Code.UNAVAILABLE, "PROVIDER_BUSY", () -> client.verify(token));
        long delay = retryDelay(busy);
        check(delay > 0, "RetryInfo", busy);
        String hint = busy.getTrailers().get(PUSHBACK);
        check(hint != null && Math.abs(Long.parseLong(hint) - delay) <= 1, "grpc-retry-pushback-ms", "" + hint, delay);
    }

    private static void deadline(String address, String token) throws Exception {
        GRPCClient client = new GRPCClient(address);
        client.watch();
        long began = System.nanoTime();
        try {
            check(false, "deadline", client.auth.withDeadlineAfter(300, TimeUnit.MILLISECONDS).verify(request(token)));
        } catch (StatusRuntimeException failure) {
            check(failure.getStatus().getCode() == Code.DEADLINE_EXCEEDED, "deadline", failure);
        }
        long time = (System.nanoTime() - began) / 1_000_000;
        check(200 < time && time < 3000, "time", time);
        check(client.staysConnected(), "connection");
    }

    private static void cancellations(String address, String token, String cached, double seconds) throws Exception {
        GRPCClient client = new GRPCClient(address);
        client.verify(cached);
        client.watch();
        Random random = new Random();
        long began = System.nanoTime();
        int count = 0;
        int givenUp = 0;
        while (System.nanoTime() - began < seconds * 1e9) {
            List<Future<Identity>> calls = new ArrayList<>();
            for (int i = 0; i < 100; i++) {
                int timeout = new int[] {0, 20, 5000}[random.nextInt(3)];
                AuthGrpc.AuthFutureStub stub =
                    timeout == 0 ? client.futures : client.futures.withDeadlineAfter(timeout, TimeUnit.MILLISECONDS);
                calls.add(stub.verify(request(token)));
            }
            Thread.sleep(random.nextInt(40));
            for (Future<Identity> call : calls) {
                // false for a call that has ended: by its deadline, or because the server's circuit breaker is open.
                givenUp += call.cancel(true) ? 1 : 0;
            }
            count += calls.size();
        }
        client.verify(cached);
        check(client.staysConnected(), "connection");
        System.out.println(count + " calls, " + givenUp + " of them were given up");
    }

    private static void drain(String addresses, String token, double seconds) throws Exception {
        GRPCClient client = new GRPCClient(addresses);
        client.verify(token);
        long began = System.nanoTime();
        AtomicInteger count = new AtomicInteger();
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            threads.add(new Thread(() -> {
                while (System.nanoTime() - began < seconds * 1e9) {
                    try {
                        client.verify(token);
                    } catch (StatusRuntimeException failure) {
                        check(false, "a call of a draining server", failure);
                    }
                    count.incrementAndGet();
                }
            }));
        }
        threads.forEach(Thread::start);
        System.out.println("ready");
        for (Thread thread : threads) {
            thread.join();
        }
        System.out.println(count + " calls succeeded");
    }

    /** Resolves test:///127.0.0.1:1,127.0.0.1:2 to these addresses. */
    private static final class Addresses extends NameResolverProvider {
        @Override
        public NameResolver newNameResolver(URI target, NameResolver.Args arguments) {
            List<EquivalentAddressGroup> groups = new ArrayList<>();
            for (String address : target.getPath().substring(1).split(",")) {
                String[] parts = address.split(":");
                groups.add(new EquivalentAddressGroup(new InetSocketAddress(parts[0], Integer.parseInt(parts[1]))));
            }
            return new NameResolver() {
                @Override
                public String getServiceAuthority() {
                    return "doorman";
                }

                @Override
                public void start(Listener2 listener) {
                    listener.onResult(ResolutionResult.newBuilder().setAddresses(groups).build());
                }

                @Override
                public void shutdown() {}
            };
        }

        @Override
        protected boolean isAvailable() {
            return true;
        }

        @Override
        protected int priority() {
            return 5;
        }

        @Override
        public String getDefaultScheme() {
            return "test";
        }
    }

    public static void main(String[] arguments) throws Exception {
        NameResolverRegistry.getDefaultRegistry().register(new Addresses());
        switch (arguments[0]) {
            case "verdicts" -> verdicts(arguments[1], arguments[2]);
            case "unavailable" -> unavailable(arguments[1], arguments[2]);
            case "deadline" -> deadline(arguments[1], arguments[2]);
            case "cancellations" -> cancellations(arguments[1], arguments[2], arguments[3], Double.parseDouble(arguments[4]));
            case "drain" -> drain(arguments[1], arguments[2], Double.parseDouble(arguments[3]));
            default -> check(false, "unknown scenario", arguments[0]);
        }
        System.out.println("all is well");
        Runtime.getRuntime().halt(0);
    }
}
