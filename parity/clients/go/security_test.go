package clients

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
	scramclient "github.com/xdg-go/scram"

	"github.com/gokasim/gokasim/memkafka"
)

// bearerToken is an unsecured token for a user.
func bearerToken(user string) string {
	part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	return part(`{"alg":"none"}`) + "." + part(fmt.Sprintf(`{"sub":%q,"exp":%d}`, user, time.Now().Add(time.Hour).Unix())) + "."
}

func franzMechanisms(user, password string) map[string]sasl.Mechanism {
	return map[string]sasl.Mechanism{
		"PLAIN":         plain.Auth{User: user, Pass: password}.AsMechanism(),
		"SCRAM-SHA-256": scram.Auth{User: user, Pass: password}.AsSha256Mechanism(),
		"SCRAM-SHA-512": scram.Auth{User: user, Pass: password}.AsSha512Mechanism(),
		"OAUTHBEARER":   oauth.Auth{Token: bearerToken(user)}.AsMechanism(),
	}
}

func listening(t *testing.T, cluster *memkafka.Cluster, options ...memkafka.ListenOption) []string {
	t.Helper()
	l, err := cluster.Listen("127.0.0.1:0", options...)
	if err != nil {
		t.Fatal(err)
	}
	return l.Addrs()
}

func TestFranzGoLogsIn(t *testing.T) {
	cluster := memkafka.New(memkafka.WithUser("alice", "secret"))
	t.Cleanup(cluster.Close)
	addrs := listening(t, cluster, memkafka.WithSASL("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"))
	for name, mechanism := range franzMechanisms("alice", "secret") {
		t.Run(name, func(t *testing.T) {
			client := newFranz(t, kgo.SeedBrokers(addrs...), kgo.SASL(mechanism))
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if err := client.ProduceSync(ctx, &kgo.Record{Topic: "made", Value: []byte("v")}).FirstErr(); err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) {
				t.Fatal(err)
			}
		})
	}
	for name, mechanism := range franzMechanisms("alice", "guess") {
		if name == "OAUTHBEARER" {
			continue // everybody can be everybody
		}
		t.Run("wrong password/"+name, func(t *testing.T) {
			client := newFranz(t, kgo.SeedBrokers(addrs...), kgo.SASL(mechanism))
			if err := client.Ping(t.Context()); !errors.Is(err, kerr.SaslAuthenticationFailed) {
				t.Fatalf("error %v", err)
			}
		})
	}
	t.Run("without a login", func(t *testing.T) {
		client := newFranz(t, kgo.SeedBrokers(addrs...), kgo.RequestRetries(0))
		if err := client.Ping(t.Context()); err == nil {
			t.Fatal("a client that did not log in was answered")
		}
	})
}

type tokens string

func (u tokens) Token() (*sarama.AccessToken, error) {
	return &sarama.AccessToken{Token: bearerToken(string(u))}, nil
}

// scramLogin is a SCRAM client as sarama takes one.
type scramLogin struct {
	hash         scramclient.HashGeneratorFcn
	conversation *scramclient.ClientConversation
}

func (s *scramLogin) Begin(user, password, authzID string) error {
	client, err := s.hash.NewClient(user, password, authzID)
	if err != nil {
		return err
	}
	s.conversation = client.NewConversation()
	return nil
}

func (s *scramLogin) Step(challenge string) (string, error) { return s.conversation.Step(challenge) }

func (s *scramLogin) Done() bool { return s.conversation.Done() }

func TestSaramaLogsIn(t *testing.T) {
	cluster := memkafka.New(memkafka.WithUser("alice", "secret"))
	t.Cleanup(cluster.Close)
	addrs := listening(t, cluster, memkafka.WithSASL("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"))
	scrams := map[sarama.SASLMechanism]scramclient.HashGeneratorFcn{sarama.SASLTypeSCRAMSHA256: scramclient.SHA256, sarama.SASLTypeSCRAMSHA512: scramclient.SHA512}
	for _, mechanism := range []sarama.SASLMechanism{sarama.SASLTypePlaintext, sarama.SASLTypeSCRAMSHA256, sarama.SASLTypeSCRAMSHA512, sarama.SASLTypeOAuth} {
		for _, handshake := range []int16{sarama.SASLHandshakeV0, sarama.SASLHandshakeV1} {
			if mechanism != sarama.SASLTypePlaintext && handshake == sarama.SASLHandshakeV0 {
				continue // sarama has no such thing
			}
			for _, password := range []string{"secret", "guess"} {
				t.Run(fmt.Sprint(mechanism, "/", handshake, "/", password), func(t *testing.T) {
					config := sarama.NewConfig()
					config.Net.SASL.Enable, config.Net.SASL.Mechanism, config.Net.SASL.Version = true, mechanism, handshake
					config.Net.SASL.User, config.Net.SASL.Password, config.Net.SASL.TokenProvider = "alice", password, tokens("alice")
					config.Net.SASL.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &scramLogin{hash: scrams[mechanism]} }
					config.Metadata.Retry.Max = 0
					config.ApiVersionsRequest = handshake != sarama.SASLHandshakeV0 // sarama has it that way
					client, err := sarama.NewClient(addrs, config)
					if mechanism != sarama.SASLTypeOAuth && password != "secret" {
						if err == nil {
							t.Fatal("a wrong password was taken")
						}
						return
					}
					if err != nil {
						t.Fatal(err)
					}
					closing(t, client)
				})
			}
		}
	}
}

// certified makes a certificate for a name, signed by ca or by itself.
func certified(t *testing.T, name string, ca *tls.Certificate) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name, Organization: []string{"test"}}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: ca == nil, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	parent, signer := template, any(key)
	if ca != nil {
		parent, signer = ca.Leaf, ca.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// TestMutualTLS has who a client is depend on its certificate, and what it may do on that.
func TestMutualTLS(t *testing.T) {
	ca := certified(t, "ca", nil)
	pool := x509.NewCertPool()
	pool.AddCert(ca.Leaf)
	cluster := memkafka.New(memkafka.WithAuthorizer("User:CN=admin,O=test"))
	t.Cleanup(cluster.Close)
	addrs := listening(t, cluster, memkafka.WithTLS(&tls.Config{
		Certificates: []tls.Certificate{*certified(t, "broker", ca)}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
	}))
	as := func(cert *tls.Certificate) *kgo.Client {
		config := &tls.Config{RootCAs: pool}
		if cert != nil {
			config.Certificates = []tls.Certificate{*cert}
		}
		return newFranz(t, kgo.SeedBrokers(addrs...), kgo.DialTLSConfig(config), kgo.RequestRetries(0))
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	create := func(client *kgo.Client, topic string) error {
		request := kmsg.NewPtrCreateTopicsRequest()
		asked := kmsg.NewCreateTopicsRequestTopic()
		asked.Topic, asked.NumPartitions, asked.ReplicationFactor = topic, 1, 1
		request.Topics = append(request.Topics, asked)
		answer, err := request.RequestWith(ctx, client)
		if err != nil {
			return err
		}
		return kerr.ErrorForCode(answer.Topics[0].ErrorCode)
	}
	if err := create(as(certified(t, "admin", ca)), "a"); err != nil {
		t.Errorf("the super user: %v", err)
	}
	if err := create(as(certified(t, "alice", ca)), "b"); !errors.Is(err, kerr.TopicAuthorizationFailed) {
		t.Errorf("another user: %v", err)
	}
	if err := create(as(nil), "c"); err == nil || errors.Is(err, kerr.TopicAuthorizationFailed) {
		t.Errorf("a client without a certificate: %v", err)
	}
	if err := create(as(certified(t, "admin", nil)), "d"); err == nil {
		t.Error("a client with a certificate of its own making was answered")
	}
}
