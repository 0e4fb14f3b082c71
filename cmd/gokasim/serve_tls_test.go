package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// trusting pings brokers as a client that trusts a certificate alone.
func trusting(t *testing.T, brokers []string, ca string) error {
	t.Helper()
	text, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		t.Fatalf("%s holds no certificate:\n%s", ca, text)
	}
	c, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.DialTLSConfig(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}), kgo.RetryTimeout(5*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.Ping(t.Context())
}

func TestTLSWithoutFilesWritesWhatClientsTrust(t *testing.T) {
	ca := filepath.Join(t.TempDir(), "ca.pem")
	brokers, stop := serving(t, "--listen", "127.0.0.1:0", "--tls", "--tls-ca", ca)
	if err := trusting(t, brokers, ca); err != nil {
		t.Error(err)
	}
	stop()
	other := filepath.Join(t.TempDir(), "other.pem")
	brokers, stop = serving(t, "--listen", "127.0.0.1:0", "--tls", "--tls-ca", other)
	if err := trusting(t, brokers, ca); err == nil {
		t.Error("a certificate of one run is trusted by that of another")
	}
	stop()
}

func TestAnotherFileIsNotWrittenOver(t *testing.T) {
	ca := filepath.Join(t.TempDir(), "company.pem")
	if err := os.WriteFile(ca, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := mayReplace(ca); err == nil || !strings.Contains(err.Error(), ca) {
		t.Errorf("a file that is no certificate may be replaced: %v", err)
	}
	if err := mayReplace(ca + "2"); err != nil {
		t.Error(err)
	}
}

func TestWhatClientsTrustIsKeptWithTheCluster(t *testing.T) {
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	var first []byte
	for _, host := range []string{"", "kafka.example", "bücher.example", ""} { // names may change, as addresses do
		args := []string{"--listen", "127.0.0.1:0", "--tls", "--data", dir}
		if host != "" {
			args = append(args, "--advertise", host)
		}
		brokers, stop := serving(t, args...)
		text, err := os.ReadFile(ca)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = text
		}
		if !bytes.Equal(first, text) {
			t.Errorf("advertised as %q, clients have to trust another certificate", host)
		}
		_, port, err := net.SplitHostPort(brokers[0])
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(first)
		for _, name := range []string{"localhost", "127.0.0.1", strings.Replace(host, "bücher", "xn--bcher-kva", 1)} {
			if name == "" {
				continue
			}
			c, err := tls.Dial("tcp", "127.0.0.1:"+port, &tls.Config{RootCAs: roots, ServerName: name, MinVersion: tls.VersionTLS12})
			if err != nil {
				t.Errorf("advertised as %q, and reached as %s: %v", host, name, err)
				continue
			}
			_ = c.Close() // nothing was said
		}
		stop()
	}
}

func TestNamesOfHostsInCertificates(t *testing.T) {
	for host, want := range map[string]string{
		"Rechner-Müller": "xn--rechner-mller-4ob", "my_host": "my_host", "Kafka.Example.": "kafka.example", "::1": "::1", "10.0.0.1": "10.0.0.1",
		"Bob's Mac": "", "a..b": "", "": "",
	} {
		if got, err := hostName(host); got != want && want != "" || (err != nil) != (want == "") {
			t.Errorf("%q is %q in a certificate, %v; want %q", host, got, err, want)
		}
	}
	if _, err := certified("127.0.0.1:0", "Bob's Mac"); err == nil || !strings.Contains(err.Error(), "--advertise Bob's Mac") {
		t.Errorf("a certificate for what is no name: %v", err)
	}
}

func TestTheTemporaryCertificateGoesWithTheBrokers(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	_, stop := serving(t, "--listen", "127.0.0.1:0", "--tls")
	found, err := filepath.Glob(filepath.Join(os.TempDir(), "gokasim-tls-*", "ca.pem"))
	if err != nil || len(found) != 1 {
		t.Errorf("found %q, %v", found, err)
	}
	stop()
	if left := entries(t, os.TempDir()); left != 0 {
		t.Errorf("%d files are left", left)
	}
}
