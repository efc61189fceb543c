// Calls Doorman with grpc-go and the stubs of docs/how-to/grpc.md, as a Go service would. IntegrationTests runs its scenarios, which are
// those of grpcio-client.py.
package main

import (
	"context"
	"fmt"
	"math/rand"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	doormanv1 "doorman/v1"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	_ "google.golang.org/grpc/encoding/gzip"
	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
	"google.golang.org/grpc/status"
)

func check(condition bool, what string, details ...interface{}) {
	if !condition {
		fmt.Println("failed:", what, fmt.Sprint(details...))
		os.Exit(1)
	}
}

// details returns the reason of the failure contract and the delay of the retry hint.
func details(err error) (reason string, delay time.Duration) {
	for _, detail := range status.Convert(err).Details() {
		switch info := detail.(type) {
		case *errdetails.ErrorInfo:
			reason = info.Reason
		case *errdetails.RetryInfo:
			delay = time.Duration(info.RetryDelay.Seconds)*time.Second + time.Duration(info.RetryDelay.Nanos)
		}
	}
	return
}

func connect(addresses string) *grpc.ClientConn {
	builder := manual.NewBuilderWithScheme("test")
	state := resolver.State{}
	for _, address := range strings.Split(addresses, ",") {
		state.Addresses = append(state.Addresses, resolver.Address{Addr: address})
	}
	builder.InitialState(state)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	// The shortest keep-alive that grpc-go allows.
	alive := keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 5 * time.Second, PermitWithoutStream: true}
	connection, err := grpc.DialContext(
		ctx, "test:///doorman", grpc.WithInsecure(), grpc.WithBlock(), grpc.WithResolvers(builder), grpc.WithKeepaliveParams(alive))
	check(err == nil, "connect", err)
	return connection
}

func verify(connection *grpc.ClientConn, token string, timeout time.Duration, options ...grpc.CallOption) (*doormanv1.Identity, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return doormanv1.NewAuthClient(connection).Verify(ctx, &doormanv1.VerifyRequest{Token: []byte(token)}, options...)
}

func verdicts(address, token string) {
	connection := connect(address)
	state, err := health.NewHealthClient(connection).Check(context.Background(), &health.HealthCheckRequest{})
	check(err == nil && state.Status == health.HealthCheckResponse_SERVING, "health", err)
	identity, err := verify(connection, token, 10*time.Second)
	check(err == nil && identity.Phone.Number == "+15551234567", "identity", err)
	_, err = verify(connection, "EMAWnobodys", 10*time.Second)
	reason, _ := details(err)
	check(status.Code(err) == codes.Unauthenticated && reason == "TOKEN_REJECTED", "rejected", err)
	_, err = verify(connection, "EAAfacebook", 10*time.Second)
	reason, _ = details(err)
	check(status.Code(err) == codes.InvalidArgument && reason == "MALFORMED_TOKEN", "malformed", err)
	_, err = doormanv1.NewAccountsClient(connection).List(context.Background(), &doormanv1.ListAccountsRequest{})
	reason, _ = details(err)
	check(status.Code(err) == codes.PermissionDenied && reason == "CALLER_NOT_ALLOWED", "not allowed", err)
	err = connection.Invoke(context.Background(), "/doorman.v1.Auth/Nothing", &doormanv1.VerifyRequest{}, &doormanv1.Identity{})
	check(status.Code(err) == codes.Unimplemented, "unknown method", err)
	_, err = verify(connection, strings.Repeat("E", 100000), 10*time.Second)
	reason, _ = details(err)
	check(status.Code(err) == codes.ResourceExhausted && reason == "LIMIT_FRAME_LENGTH", "too long", err)
	_, err = verify(connection, token, 10*time.Second, grpc.UseCompressor("gzip"))
	check(status.Code(err) == codes.Unimplemented, "compressed", err)
	watch, err := health.NewHealthClient(connection).Watch(context.Background(), &health.HealthCheckRequest{})
	check(err == nil, "watch", err)
	_, err = watch.Recv()
	check(status.Code(err) == codes.Unimplemented, "watch", err)
	var calls sync.WaitGroup
	for i := 0; i < 500; i++ {
		calls.Add(1)
		go func() {
			defer calls.Done()
			again, err := verify(connection, token, 20*time.Second)
			check(err == nil && again.AccountId == identity.AccountId, "concurrent calls", err)
		}()
	}
	calls.Wait()
	check(connection.GetState() == connectivity.Ready, "connection")
}

func unavailable(address, token string) {
	var trailer metadata.MD
	_, err := verify(connect(address), token, 10*time.Second, grpc.Trailer(&trailer))
	reason, delay := details(err)
	check(status.Code(err) == codes.Unavailable && reason == "PROVIDER_BUSY" && delay > 0, "busy", err, reason, delay)
	hint, err := strconv.Atoi(strings.Join(trailer["grpc-retry-pushback-ms"], ""))
	check(err == nil && time.Duration(hint)*time.Millisecond-delay < 2*time.Millisecond, "hint", hint, delay)
}

func deadline(address, token string) {
	connection, began := connect(address), time.Now()
	_, err := verify(connection, token, 300*time.Millisecond)
	check(status.Code(err) == codes.DeadlineExceeded, "deadline", err)
	check(time.Since(began) < 3*time.Second, "time", time.Since(began))
	check(connection.GetState() == connectivity.Ready, "connection")
}

func cancellations(address, token, cached, seconds string) {
	connection := connect(address)
	limit, _ := strconv.ParseFloat(seconds, 64)
	_, err := verify(connection, cached, 10*time.Second)
	check(err == nil, "verify", err)
	lost, ctx := make(chan bool, 1), context.Background()
	go func() {
		if connection.WaitForStateChange(ctx, connectivity.Ready) {
			lost <- true
		}
	}()
	count := 0
	for end := time.Now().Add(time.Duration(limit * float64(time.Second))); time.Now().Before(end); {
		ctx, cancel := context.WithCancel(context.Background())
		var calls sync.WaitGroup
		for i := 0; i < 50; i++ {
			calls.Add(1)
			go func() {
				defer calls.Done()
				doormanv1.NewAuthClient(connection).Verify(ctx, &doormanv1.VerifyRequest{Token: []byte(token)})
			}()
		}
		time.Sleep(time.Duration(rand.Intn(40)) * time.Millisecond)
		cancel()
		calls.Wait()
		count += 50
	}
	_, err = verify(connection, cached, 10*time.Second)
	check(err == nil && len(lost) == 0, "connection", err)
	fmt.Println(count, "calls were given up")
}

func drain(addresses, token, seconds string) {
	connection := connect(addresses)
	limit, _ := strconv.ParseFloat(seconds, 64)
	end := time.Now().Add(time.Duration(limit * float64(time.Second)))
	var count int64
	var calls sync.WaitGroup
	for i := 0; i < 8; i++ {
		calls.Add(1)
		go func() {
			defer calls.Done()
			for time.Now().Before(end) {
				_, err := verify(connection, token, 10*time.Second)
				check(err == nil, "a call of a draining server", err)
				atomic.AddInt64(&count, 1)
			}
		}()
	}
	fmt.Println("ready")
	calls.Wait()
	fmt.Println(count, "calls succeeded")
}

func main() {
	arguments := append(os.Args[2:], "", "", "", "")
	switch os.Args[1] {
	case "verdicts":
		verdicts(arguments[0], arguments[1])
	case "unavailable":
		unavailable(arguments[0], arguments[1])
	case "deadline":
		deadline(arguments[0], arguments[1])
	case "cancellations":
		cancellations(arguments[0], arguments[1], arguments[2], arguments[3])
	case "drain":
		drain(arguments[0], arguments[1], arguments[2])
	}
	fmt.Println("all is well")
}
