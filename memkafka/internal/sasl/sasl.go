// Package sasl is the broker's side of the SASL mechanisms that Kafka's clients authenticate with: PLAIN, SCRAM (RFC 5802)
// and OAUTHBEARER (RFC 7628) with tokens that are not signed. An [Exchange] is a value that is stepped: it gets what the
// client sends and says what goes back, and in the end who the client is.
package sasl

import (
	"bytes"
	"errors"
	"fmt"
)

// The mechanisms, under the names that clients know.
const (
	Plain       = "PLAIN"
	ScramSHA256 = "SCRAM-SHA-256"
	ScramSHA512 = "SCRAM-SHA-512"
	OAuthBearer = "OAUTHBEARER"
)

// Mechanisms lists those there are.
func Mechanisms() []string { return []string{Plain, ScramSHA256, ScramSHA512, OAuthBearer} }

// ErrAuthentication reports a client that is not who it says, or says it in the wrong way. The text is fit for the client.
var ErrAuthentication = errors.New("authentication failed")

func failed(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrAuthentication}, args...)...)
}

// Exchange is one authentication under way.
type Exchange interface {
	// Step takes what the client sent and returns what goes back to it. Done says that the client is authenticated, as
	// User tells. After an error there is no further step.
	Step(in []byte) (out []byte, done bool, err error)
	// User is who the client is, once it is authenticated.
	User() string
}

// plain is PLAIN (RFC 4616).
type plain struct {
	password func(user string) (string, bool)
	user     string
}

// NewPlain returns an exchange that knows passwords.
func NewPlain(password func(user string) (string, bool)) Exchange { return &plain{password: password} }

func (p *plain) Step(in []byte) ([]byte, bool, error) {
	parts := bytes.Split(in, []byte{0})
	if len(parts) != 3 {
		return nil, false, failed("invalid SASL/PLAIN response: expected 3 tokens, got %d", len(parts))
	}
	authorize, user, password := string(parts[0]), string(parts[1]), string(parts[2])
	switch {
	case user == "":
		return nil, false, failed("username not specified")
	case password == "":
		return nil, false, failed("password not specified")
	}
	if want, known := p.password(user); !known || want != password {
		return nil, false, failed("invalid username or password")
	}
	if authorize != "" && authorize != user {
		return nil, false, failed("client requested an authorization id that is different from username")
	}
	p.user = user
	return []byte{}, true, nil
}

func (p *plain) User() string { return p.user }
