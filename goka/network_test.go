package goka_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/memkafka"
)

// certificate makes a certificate of 127.0.0.1, and those who trust it.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a broker"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// One configuration with TLS and SASL serves everything: group, consumers, producers and topic managers.
func TestOneConfigurationWithTLSAndSASL(t *testing.T) {
	cert, pool := certificate(t)
	c := memkafka.New(memkafka.WithInitialRebalanceDelay(0), memkafka.WithUser("anna", "secret"))
	t.Cleanup(c.Close)
	l, err := c.Listen("127.0.0.1:0", memkafka.WithTLS(&tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}), memkafka.WithSASL("PLAIN"))
	if err != nil {
		t.Fatal(err)
	}
	p := &place{T: t, cluster: c, brokers: l.Addrs(), log: new(logLines)}
	config := p.config()
	config.Net.TLS.Enable, config.Net.TLS.Config = true, &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	config.Net.SASL.Enable, config.Net.SASL.User, config.Net.SASL.Password = true, "anna", "secret"
	p.check(c.CreateTopic("in", 2))

	e, err := goka.NewEmitter(p.brokers, "in", new(codec.String), goka.WithEmitterConfig(config))
	p.check(err)
	p.check(e.EmitSync("k", "v"))
	p.check(e.Finish())
	r := p.run("a", holder("g"), goka.WithConfig(config)).ready()
	v := p.view("g-table", new(codec.String), goka.WithViewConfig(config))
	p.until("the view has it", func() bool { got, err := v.Get("k"); return err == nil && got == "v" })
	p.check(r.stop())

	config.Net.SASL.Password = "wrong"
	config.Metadata.Retry.Max = 0
	_, err = goka.NewProcessor(p.brokers, holder("g"), goka.WithConfig(config))
	refused(t, err, "SASL")
}

// A view with auto-reconnect needs Kafka neither when it is made nor when it runs: it waits for it.
func TestAViewThatStartsBeforeKafka(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	p := &place{T: t, brokers: []string{addr}, log: new(logLines)}
	config := p.config()
	config.Metadata.Retry.Max = 0
	v := p.view("t", new(codec.String), goka.WithViewConfig(config), goka.WithViewAutoReconnect(),
		goka.WithViewBackoffBuilder(func() (goka.Backoff, error) {
			return goka.NewSimpleBackoff(10*time.Millisecond, 50*time.Millisecond), nil
		}))
	p.until("it has tried", func() bool { return p.log.has("trying again") })
	if _, err := v.Get("k"); err == nil {
		t.Error("a value without Kafka")
	}
	c := memkafka.New()
	t.Cleanup(c.Close)
	p.check(c.CreateTopic("t", 1, memkafka.WithConfig("cleanup.policy", "compact")))
	_, err = c.Produce("t", 0, memkafka.Record{Key: []byte("k"), Value: []byte("v"), Timestamp: memkafka.NoTimestamp})
	p.check(err)
	_, err = c.Listen(addr)
	p.check(err)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	select {
	case <-v.WaitRunning():
	case <-ctx.Done():
		t.Fatal("it never runs")
	}
	if got, err := v.Get("k"); got != "v" || err != nil {
		t.Errorf("Get returned %v, %v", got, err)
	}
}
