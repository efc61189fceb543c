// Calls Doorman with containerd's own ttrpc client, unchanged, as a Go service would: the proof that a client which exists
// already works. IntegrationTests runs it with the address and two tokens: a valid token and a token that was never issued.
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/containerd/ttrpc"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// The messages of Protos/doorman/v1/auth.proto and Protos/grpc/health/v1/health.proto, as protoc would generate them.

type VerifyRequest struct {
	Token         []byte `protobuf:"bytes,1,opt,name=token,proto3"`
	MaxAgeSeconds uint32 `protobuf:"varint,2,opt,name=max_age_seconds,proto3"`
	ApplicationID string `protobuf:"bytes,3,opt,name=application_id,proto3"`
}

func (m *VerifyRequest) Reset()         { *m = VerifyRequest{} }
func (m *VerifyRequest) String() string { return "VerifyRequest" }
func (m *VerifyRequest) ProtoMessage()  {}

type Phone struct {
	Number         string `protobuf:"bytes,1,opt,name=number,proto3"`
	CountryPrefix  string `protobuf:"bytes,2,opt,name=country_prefix,proto3"`
	NationalNumber string `protobuf:"bytes,3,opt,name=national_number,proto3"`
}

func (m *Phone) Reset()         { *m = Phone{} }
func (m *Phone) String() string { return "Phone" }
func (m *Phone) ProtoMessage()  {}

type Identity struct {
	AccountID     string `protobuf:"bytes,1,opt,name=account_id,proto3"`
	ApplicationID string `protobuf:"bytes,2,opt,name=application_id,proto3"`
	Phone         *Phone `protobuf:"bytes,3,opt,name=phone,proto3"`
	Email         string `protobuf:"bytes,4,opt,name=email,proto3"`
	Provider      string `protobuf:"bytes,5,opt,name=provider,proto3"`
	VerifiedAtMs  int64  `protobuf:"varint,6,opt,name=verified_at_ms,proto3"`
	ValidUntilMs  int64  `protobuf:"varint,7,opt,name=valid_until_ms,proto3"`
	Freshness     int32  `protobuf:"varint,8,opt,name=freshness,proto3"`
}

func (m *Identity) Reset()         { *m = Identity{} }
func (m *Identity) String() string { return "Identity" }
func (m *Identity) ProtoMessage()  {}

type HealthCheckRequest struct {
	Service string `protobuf:"bytes,1,opt,name=service,proto3"`
}

func (m *HealthCheckRequest) Reset()         { *m = HealthCheckRequest{} }
func (m *HealthCheckRequest) String() string { return "HealthCheckRequest" }
func (m *HealthCheckRequest) ProtoMessage()  {}

type HealthCheckResponse struct {
	Status int32 `protobuf:"varint,1,opt,name=status,proto3"`
}

func (m *HealthCheckResponse) Reset()         { *m = HealthCheckResponse{} }
func (m *HealthCheckResponse) String() string { return "HealthCheckResponse" }
func (m *HealthCheckResponse) ProtoMessage()  {}

func verify(client *ttrpc.Client, token string, timeout time.Duration) (*Identity, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	identity := &Identity{}
	err := client.Call(ctx, "doorman.v1.Auth", "Verify", &VerifyRequest{Token: []byte(token)}, identity)
	return identity, err
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

func main() {
	network, address, token, unknown := "tcp", os.Args[1], os.Args[2], os.Args[3]
	if strings.HasPrefix(address, "/") {
		network = "unix"
	} else if _, _, err := net.SplitHostPort(address); err != nil {
		// A bare host takes Doorman's port, as in the other clients.
		address = net.JoinHostPort(strings.Trim(address, "[]"), "7117")
	}
	connection, err := net.Dial(network, address)
	check(err == nil, "connect", err)
	client := ttrpc.NewClient(connection)
	defer client.Close()

	health := &HealthCheckResponse{}
	err = client.Call(context.Background(), "grpc.health.v1.Health", "Check", &HealthCheckRequest{}, health)
	check(err == nil && health.Status == 1, "health", err, health.Status)

	identity, err := verify(client, token, 10*time.Second)
	check(err == nil, "verify", err)
	check(identity.AccountID != "" && identity.Phone != nil && identity.Phone.Number == "+15551234567", "identity", *identity)

	var calls sync.WaitGroup
	for i := 0; i < 200; i++ {
		calls.Add(1)
		go func() {
			defer calls.Done()
			again, err := verify(client, token, 10*time.Second)
			check(err == nil && again.AccountID == identity.AccountID, "concurrent verify", err)
		}()
	}
	calls.Wait()

	_, err = verify(client, unknown, 10*time.Second)
	check(status.Code(err) == codes.Unauthenticated && reason(err) == "TOKEN_REJECTED", "unknown token", err, reason(err))
	_, err = verify(client, "EAAfacebook", 10*time.Second)
	check(status.Code(err) == codes.InvalidArgument && reason(err) == "MALFORMED_TOKEN", "malformed token", err)
	err = client.Call(context.Background(), "doorman.v1.Auth", "Nothing", &VerifyRequest{}, &Identity{})
	check(status.Code(err) == codes.Unimplemented, "unknown method", err)
	_, err = verify(client, token, 10*time.Second)
	check(err == nil, "verify at the end", err)
	fmt.Println("all is well")
}
