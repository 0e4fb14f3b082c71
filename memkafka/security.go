package memkafka

import (
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/server"
)

// WithUser lets a user log in with a password, by SASL PLAIN and both mechanisms of SCRAM, where a listener asks for it. More
// users with SCRAM credentials can be added through Kafka's protocol (AlterUserScramCredentials, KIP-554).
func WithUser(name, password string) Option {
	return func(s *cluster.Settings) error {
		if name == "" || password == "" {
			return fmt.Errorf("user %q: a user needs a name and a password", name)
		}
		s.Users = maps.Clone(s.Users)
		if s.Users == nil {
			s.Users = map[string]string{}
		}
		s.Users[name] = password
		return nil
	}
}

// WithAuthorizer has ACLs say who may do what, as with Kafka's StandardAuthorizer: nobody may do anything without an ACL that
// allows it, but for the super users, which are named as User:admin (super.users). ACLs are made through Kafka's protocol.
// Who comes in without a login, as through Dial, is User:ANONYMOUS.
func WithAuthorizer(superUsers ...string) Option {
	return func(s *cluster.Settings) error {
		for _, user := range superUsers {
			if kind, name, ok := strings.Cut(user, ":"); !ok || kind == "" || name == "" {
				return fmt.Errorf("super user %q: it is no principal; give User:NAME", user)
			}
		}
		s.Authorizer = true
		s.SuperUsers = append(slices.Clone(s.SuperUsers), superUsers...)
		return nil
	}
}

// WithTLS encrypts a listener. The configuration needs a certificate; with ClientAuth set to tls.RequireAndVerifyClientCert
// clients need one too, and are who its subject says.
func WithTLS(config *tls.Config) ListenOption {
	return func(o *server.ListenOptions) error {
		if config == nil || len(config.Certificates) == 0 && config.GetCertificate == nil && config.GetConfigForClient == nil {
			return errors.New("TLS: the configuration has no certificate; set Certificates or GetCertificate")
		}
		o.TLS = config.Clone()
		return nil
	}
}

// WithSASL has the clients of a listener log in by one of these mechanisms: PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512, for the
// users of WithUser, and OAUTHBEARER with unsecured tokens (JWS with alg "none"), which everybody can make: it is for tests.
func WithSASL(mechanisms ...string) ListenOption {
	return func(o *server.ListenOptions) error {
		if len(mechanisms) == 0 {
			return errors.New("SASL: no mechanism is given")
		}
		for _, m := range mechanisms {
			if err := server.CheckMechanism(m); err != nil {
				return err
			}
		}
		o.Mechanisms = slices.Clone(mechanisms)
		return nil
	}
}
