package connect

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestSettingsAreKcatsAndWrongOnesAreNamed(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	t.Setenv("KCAT_CONFIG", "")
	for _, c := range []struct{ name, brokers, properties, want string }{
		{"no brokers", "", "", "no brokers; name one, as in --brokers localhost:9092"},
		{"brokers of a property", "", "bootstrap.servers=a:1,b:2", ""},
		{"no =", "a:1", "linger.ms", "-X linger.ms: it has no =; give NAME=VALUE"},
		{"unknown", "a:1", "fetch.wait.max.ms=5", `-X fetch.wait.max.ms=5: setting "fetch.wait.max.ms" is not supported; these are: acks, bootstrap.servers,`},
		{"protocol", "a:1", "security.protocol=tls", `security.protocol "tls" is none of plaintext, ssl, sasl_plaintext, sasl_ssl`},
		{"tls alone", "a:1", "security.protocol=ssl", ""},
		{"no such CA", "a:1", "security.protocol=SSL ssl.ca.location=/none", "-X ssl.ca.location=/none: open /none"},
		{"CA without TLS", "a:1", "ssl.ca.location=/none", "-X ssl.ca.location=/none: it says something only with security.protocol=ssl"},
		{"certificate without key", "a:1", "security.protocol=ssl ssl.certificate.location=/none", "it needs ssl.key.location too"},
		{"no mechanism", "a:1", "security.protocol=sasl_ssl", "name a sasl.mechanism too"},
		{"no user", "a:1", "security.protocol=sasl_plaintext sasl.mechanism=PLAIN", "it needs sasl.username and sasl.password"},
		{"user without SASL", "a:1", "sasl.username=u", "it says something only with security.protocol=sasl_plaintext or sasl_ssl"},
		{"plain", "a:1", "security.protocol=sasl_plaintext sasl.mechanisms=plain sasl.username=u sasl.password=p", ""},
		{"scram", "a:1", "security.protocol=sasl_plaintext sasl.mechanism=SCRAM-SHA-512 sasl.username=u sasl.password=p", ""},
		{"unheard-of mechanism", "a:1", "security.protocol=sasl_plaintext sasl.mechanism=GSSAPI sasl.username=u sasl.password=p", `"GSSAPI" is none of PLAIN`},
		{"signed tokens", "a:1", "security.protocol=sasl_plaintext sasl.mechanism=OAUTHBEARER", "only unsigned tokens are offered"},
		{"isolation", "a:1", "isolation.level=serializable", "isolation.level is read_committed or read_uncommitted"},
		{"compression", "a:1", "compression.type=brotli", `"brotli" is none of none, gzip, snappy, lz4, zstd`},
		{"fewer acks", "a:1", "acks=1", "only acks=all is offered"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := Flags{Properties: strings.Fields(c.properties)}
			if c.brokers != "" {
				f.Brokers = strings.Split(c.brokers, ",")
			}
			_, err := f.Read()
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestTheConfigurationFileComesBeforeTheCommandLine(t *testing.T) {
	name := filepath.Join(t.TempDir(), "kcat.conf")
	if err := os.WriteFile(name, []byte("# a comment\n\nbootstrap.servers=file:1\nisolation.level=read_uncommitted\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := (&Flags{File: name}).Read()
	if err != nil || c.Brokers[0] != "file:1" || !c.Uncommitted {
		t.Errorf("from the file: %+v, %v", c, err)
	}
	c, err = (&Flags{File: name, Brokers: []string{"flag:1"}, Properties: []string{"isolation.level=read_committed"}}).Read()
	if err != nil || c.Brokers[0] != "flag:1" || c.Uncommitted {
		t.Errorf("with flags: %+v, %v", c, err)
	}
	if err := os.WriteFile(name, []byte("bootstrap.servers=a:1\nsession.timeout.ms = 45000\ntopic.message.timeout.ms=1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := []string{name + ":2: session.timeout.ms", name + ":3: topic.message.timeout.ms"}
	if c, err = (&Flags{File: name}).Read(); err != nil || !slices.Equal(c.Unused, want) {
		t.Errorf("settings of other programs: %+v, %v, want %q unused", c, err, want)
	}
	if err := os.WriteFile(name, []byte("bootstrap.servers=a:1\nssl.keystore.location=x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (&Flags{File: name}).Read(); err == nil || !strings.Contains(err.Error(), name+`:2: setting "ssl.keystore.location" is not supported`) {
		t.Errorf("a setting that says how to connect: %v", err)
	}
	if _, err := (&Flags{File: name + "x"}).Read(); err == nil || !strings.Contains(err.Error(), "reading the configuration file: open") {
		t.Errorf("a file that is missing: %v", err)
	}
	if err := os.WriteFile(name, []byte("bootstrap.servers=a:1\nwhat\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (&Flags{File: name}).Read(); err == nil || err.Error() != name+":2: it has no =; give NAME=VALUE" {
		t.Errorf("a wrong line: %v", err)
	}
}
