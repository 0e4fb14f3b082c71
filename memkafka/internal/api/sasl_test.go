package api_test

import (
	"net"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka"
)

func TestSaslWhereNobodyLogsIn(t *testing.T) {
	transcript(t, func(s *script) {
		for v := range int16(2) {
			shake := kmsg.NewPtrSASLHandshakeRequest()
			shake.Mechanism = "PLAIN"
			say[*kmsg.SASLHandshakeResponse](s.another(), "a handshake", v, shake)
		}
		for v := range int16(3) {
			say[*kmsg.SASLAuthenticateResponse](s.another(), "a login", v, kmsg.NewPtrSASLAuthenticateRequest())
		}
	})
}

func saslListener(t *testing.T, options ...memkafka.Option) func() *client {
	t.Helper()
	cluster := newCluster(t, append(options, memkafka.WithUser("alice", "secret"))...)
	l, err := cluster.Listen("127.0.0.1:0", memkafka.WithSASL("PLAIN", "SCRAM-SHA-512"))
	if err != nil {
		t.Fatal(err)
	}
	return func() *client {
		conn, err := net.Dial("tcp", l.Addrs()[0])
		if err != nil {
			t.Fatal(err)
		}
		return newClient(t, conn)
	}
}

func shaking(mechanism string) *kmsg.SASLHandshakeRequest {
	r := kmsg.NewPtrSASLHandshakeRequest()
	r.Mechanism = mechanism
	return r
}

func loggingIn(token string) *kmsg.SASLAuthenticateRequest {
	r := kmsg.NewPtrSASLAuthenticateRequest()
	r.SASLAuthBytes = []byte(token)
	return r
}

func TestLogin(t *testing.T) {
	dial := saslListener(t)
	const right, wrong = "\x00alice\x00secret", "\x00alice\x00guess"
	t.Run("versions may be asked for before", func(t *testing.T) {
		c := dial()
		ask[*kmsg.ApiVersionsResponse](c, 0, kmsg.NewPtrApiVersionsRequest())
		ask[*kmsg.SASLHandshakeResponse](c, 1, shaking("PLAIN"))
		if r := ask[*kmsg.SASLAuthenticateResponse](c, 2, loggingIn(right)); r.ErrorCode != 0 {
			t.Fatalf("login: %s", kafka.ErrorCode(r.ErrorCode).Name())
		}
		ask[*kmsg.MetadataResponse](c, 12, kmsg.NewPtrMetadataRequest())
		if r := ask[*kmsg.SASLAuthenticateResponse](c, 2, loggingIn(right)); r.ErrorCode != int16(kafka.IllegalSASLState) {
			t.Fatalf("a second login: %s", kafka.ErrorCode(r.ErrorCode).Name())
		}
	})
	t.Run("nothing else may", func(t *testing.T) {
		c := dial()
		r := kmsg.NewPtrMetadataRequest()
		r.SetVersion(12)
		c.send(r)
		c.closed()
	})
	t.Run("unknown mechanism", func(t *testing.T) {
		c := dial()
		r := ask[*kmsg.SASLHandshakeResponse](c, 1, shaking("GSSAPI"))
		if r.ErrorCode != int16(kafka.UnsupportedSASLMechanism) || len(r.SupportedMechanisms) != 2 {
			t.Fatalf("answer %+v", r)
		}
		c.closed()
	})
	t.Run("wrong password", func(t *testing.T) {
		c := dial()
		ask[*kmsg.SASLHandshakeResponse](c, 1, shaking("PLAIN"))
		if r := ask[*kmsg.SASLAuthenticateResponse](c, 2, loggingIn(wrong)); r.ErrorCode != int16(kafka.SASLAuthenticationFailed) {
			t.Fatalf("login: %s", kafka.ErrorCode(r.ErrorCode).Name())
		}
		c.closed()
	})
	t.Run("login without a handshake", func(t *testing.T) {
		c := dial()
		if r := ask[*kmsg.SASLAuthenticateResponse](c, 2, loggingIn(right)); r.ErrorCode != int16(kafka.IllegalSASLState) {
			t.Fatalf("login: %s", kafka.ErrorCode(r.ErrorCode).Name())
		}
		c.closed()
	})
	t.Run("bare tokens after the first handshake", func(t *testing.T) {
		c := dial()
		ask[*kmsg.SASLHandshakeResponse](c, 0, shaking("PLAIN"))
		if _, err := c.conn.Write(append([]byte{0, 0, 0, byte(len(right))}, right...)); err != nil {
			t.Fatal(err)
		}
		if frame, err := c.readFrame(); err != nil || len(frame) != 0 {
			t.Fatalf("answer %q, %v", frame, err)
		}
		ask[*kmsg.MetadataResponse](c, 12, kmsg.NewPtrMetadataRequest())
	})
	t.Run("a bare token that is wrong", func(t *testing.T) {
		c := dial()
		ask[*kmsg.SASLHandshakeResponse](c, 0, shaking("PLAIN"))
		if _, err := c.conn.Write(append([]byte{0, 0, 0, byte(len(wrong))}, wrong...)); err != nil {
			t.Fatal(err)
		}
		c.closed()
	})
}

func TestScramCredentials(t *testing.T) {
	transcript(t, func(s *script) {
		change := kmsg.NewPtrAlterUserSCRAMCredentialsRequest()
		up := func(user string, mechanism int8, iterations int32) kmsg.AlterUserSCRAMCredentialsRequestUpsertion {
			return kmsg.AlterUserSCRAMCredentialsRequestUpsertion{Name: user, Mechanism: mechanism, Iterations: iterations, Salt: []byte("salt"), SaltedPassword: []byte("hash")}
		}
		change.Upsertions = []kmsg.AlterUserSCRAMCredentialsRequestUpsertion{up("carol", 1, 4096), up("dave", 1, 10), up("erin", 7, 4096), up("frank", 1, 4096), up("frank", 2, 4096)}
		say[*kmsg.AlterUserSCRAMCredentialsResponse](s, "some get credentials", 0, change)
		change.Upsertions = []kmsg.AlterUserSCRAMCredentialsRequestUpsertion{up("carol", 2, 8192)}
		say[*kmsg.AlterUserSCRAMCredentialsResponse](s, "carol gets another", 0, change)
		describe := kmsg.NewPtrDescribeUserSCRAMCredentialsRequest()
		describe.Users = []kmsg.DescribeUserSCRAMCredentialsRequestUser{{Name: "carol"}, {Name: "dave"}}
		until(s, 0, func() kmsg.Request { return describe }, func(r *kmsg.DescribeUserSCRAMCredentialsResponse) bool {
			return len(r.Results[0].CredentialInfos) == 2
		})
		say[*kmsg.DescribeUserSCRAMCredentialsResponse](s, "described", 0, describe)
		drop := kmsg.NewPtrAlterUserSCRAMCredentialsRequest()
		drop.Deletions = []kmsg.AlterUserSCRAMCredentialsRequestDeletion{{Name: "carol", Mechanism: 1}, {Name: "dave", Mechanism: 1}}
		say[*kmsg.AlterUserSCRAMCredentialsResponse](s, "some lose them", 0, drop)
		all := kmsg.NewPtrDescribeUserSCRAMCredentialsRequest()
		until(s, 0, func() kmsg.Request { return all }, func(r *kmsg.DescribeUserSCRAMCredentialsResponse) bool {
			return len(r.Results) == 1 && len(r.Results[0].CredentialInfos) == 1
		})
		say[*kmsg.DescribeUserSCRAMCredentialsResponse](s, "all that there are", 0, all)
	})
}
