package java

import (
	"testing"

	"github.com/gokasim/gokasim/parity/clients/internal/rig"
)

// lead has Java clients lead a life of Lives.java.
func lead(t *testing.T, b rig.Broker, life string, settings ...string) {
	t.Helper()
	if stdout, stderr, code := theShell.run(t, "", "Lives", append([]string{life, b.Servers}, settings...)...); code != 0 {
		t.Errorf("%s: exit code %d\n%s\n%s", life, code, stdout, stderr)
	}
}

func TestClients(t *testing.T) {
	rig.Each(t, func(t *testing.T, b rig.Broker) {
		for _, life := range []string{"idempotent", "transactional", "exactlyOnce", "classic", "consumer", "staticMembers", "pattern", "positions", "admin"} {
			t.Run(life, func(t *testing.T) { lead(t, b, life) })
		}
	})
}

// TestLogins has Java clients log in over TLS by every mechanism.
func TestLogins(t *testing.T) {
	certificates := rig.NewCertificates(t)
	b := rig.Serve(t, "--tls-cert", certificates.BrokerCert, "--tls-key", certificates.BrokerKey, "--sasl", "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
		"--user", "alice:secret", "--acls", "--super-user", "User:alice")
	as := func(mechanism, user, password string) []string {
		module := map[string]string{
			"PLAIN": "org.apache.kafka.common.security.plain.PlainLoginModule", "OAUTHBEARER": "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule",
		}[mechanism]
		if module == "" {
			module = "org.apache.kafka.common.security.scram.ScramLoginModule"
		}
		identity := ` username="` + user + `" password="` + password + `";`
		if mechanism == "OAUTHBEARER" {
			identity = ` unsecuredLoginStringClaim_sub="` + user + `";`
		}
		return []string{
			"security.protocol=SASL_SSL", "ssl.truststore.type=PEM", "ssl.truststore.location=" + certificates.CA, "sasl.mechanism=" + mechanism,
			"sasl.jaas.config=" + module + " required" + identity,
		}
	}
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"} {
		t.Run(mechanism, func(t *testing.T) {
			lead(t, b, "login", as(mechanism, "alice", "secret")...)
			if mechanism != "OAUTHBEARER" { // by which everybody can be everybody
				lead(t, b, "stranger", as(mechanism, "alice", "guess")...)
			}
		})
	}
	t.Run("made by an administrator", func(t *testing.T) {
		lead(t, b, "credentials", as("PLAIN", "alice", "secret")...)
		lead(t, b, "login", as("SCRAM-SHA-512", "carol", "made")...)
		lead(t, b, "stranger", as("SCRAM-SHA-256", "carol", "made")...)
	})
}

func TestMutualTLS(t *testing.T) {
	certificates := rig.NewCertificates(t)
	b := rig.Serve(t, "--tls-cert", certificates.BrokerCert, "--tls-key", certificates.BrokerKey, "--tls-client-ca", certificates.CA, "--acls", "--super-user", "User:CN=alice,O=test")
	settings := []string{"security.protocol=SSL", "ssl.truststore.type=PEM", "ssl.truststore.location=" + certificates.CA}
	lead(t, b, "stranger", settings...)
	lead(t, b, "login", append(settings, "ssl.keystore.type=PEM", "ssl.keystore.location="+certificates.ClientBoth)...)
}
