// Calls Doorman with containerd's own ttrpc client and the stubs of docs/how-to/other-languages.md, as a Go service would.
// IntegrationTests runs it with the address and two tokens: a valid token and a token that was never issued. Over TLS it gets the
// authority's file, and those of a client's certificate and key, too.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	doormanv1 "doorman/v1"

	"github.com/containerd/ttrpc"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

func verify(client *ttrpc.Client, token string) (*doormanv1.Identity, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return doormanv1.NewAuthClient(client).Verify(ctx, &doormanv1.VerifyRequest{Token: []byte(token)})
}

// reason is the ErrorInfo.reason of a failure.
func reason(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.Domain == "doorman" {
			return info.Reason
		}
	}
	return ""
}

func check(condition bool, what string, details ...interface{}) {
	if !condition {
		fmt.Println("failed:", what, fmt.Sprint(details...))
		os.Exit(1)
	}
}

// hasNoDelay reads TCP_NODELAY of a TCP connection.
func hasNoDelay(connection *net.TCPConn) bool {
	raw, err := connection.SyscallConn()
	check(err == nil, "socket", err)
	value := 0
	err = raw.Control(func(descriptor uintptr) {
		value, _ = syscall.GetsockoptInt(int(descriptor), syscall.IPPROTO_TCP, syscall.TCP_NODELAY)
	})
	return err == nil && value == 1
}

// connect dials the address: with TLS if there are files of certificates.
func connect(address string, files []string) net.Conn {
	if strings.HasPrefix(address, "/") {
		connection, err := net.Dial("unix", address)
		check(err == nil, "connect", err)
		return connection
	}
	if _, _, err := net.SplitHostPort(address); err != nil {
		// A bare host takes Doorman's port, as in the other clients.
		address = net.JoinHostPort(strings.Trim(address, "[]"), "7117")
	}
	plain, err := net.Dial("tcp", address)
	check(err == nil, "connect", err)
	check(hasNoDelay(plain.(*net.TCPConn)), "TCP_NODELAY")
	if len(files) == 0 {
		return plain
	}
	authority, err := os.ReadFile(files[0])
	check(err == nil, "authority", err)
	pool := x509.NewCertPool()
	check(pool.AppendCertsFromPEM(authority), "authority")
	pair, err := tls.LoadX509KeyPair(files[1], files[2])
	check(err == nil, "certificate", err)
	secured := tls.Client(plain, &tls.Config{RootCAs: pool, ServerName: "localhost", Certificates: []tls.Certificate{pair}})
	check(secured.Handshake() == nil, "handshake")
	return secured
}

func main() {
	token, unknown := os.Args[2], os.Args[3]
	client := ttrpc.NewClient(connect(os.Args[1], os.Args[4:]))
	defer client.Close()

	state := &health.HealthCheckResponse{}
	err := client.Call(context.Background(), "grpc.health.v1.Health", "Check", &health.HealthCheckRequest{}, state)
	check(err == nil && state.Status == health.HealthCheckResponse_SERVING, "health", err, state.Status)

	identity, err := verify(client, token)
	check(err == nil, "verify", err)
	check(identity.AccountId != "" && identity.Phone != nil && identity.Phone.Number == "+15551234567", "identity", *identity)

	var calls sync.WaitGroup
	for i := 0; i < 200; i++ {
		calls.Add(1)
		go func() {
			defer calls.Done()
			again, err := verify(client, token)
			check(err == nil && again.AccountId == identity.AccountId, "concurrent verify", err)
		}()
	}
	calls.Wait()

	_, err = verify(client, unknown)
	check(status.Code(err) == codes.Unauthenticated && reason(err) == "TOKEN_REJECTED", "unknown token", err, reason(err))
	_, err = verify(client, "EAAfacebook")
	check(status.Code(err) == codes.InvalidArgument && reason(err) == "MALFORMED_TOKEN", "malformed token", err)
	err = client.Call(context.Background(), "doorman.v1.Auth", "Nothing", &doormanv1.VerifyRequest{}, &doormanv1.Identity{})
	check(status.Code(err) == codes.Unimplemented, "unknown method", err)
	_, err = verify(client, token)
	check(err == nil, "verify at the end", err)

	// The subject is a oneof, with which ttrpc panics if a generator of another version made the message.
	_, err = doormanv1.NewAuthClient(client).Revoke(
		context.Background(), &doormanv1.RevokeRequest{Subject: &doormanv1.RevokeRequest_Token{Token: []byte(token)}})
	check(err == nil, "revoke", err)
	_, err = verify(client, token)
	check(reason(err) == "TOKEN_REJECTED", "verify of a revoked token", err)
	fmt.Println("all is well")
}
