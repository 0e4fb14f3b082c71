package sasl

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"
)

// bearer is OAUTHBEARER (RFC 7628) with unsecured JWS tokens, as Kafka's own login module for development makes them.
type bearer struct {
	now     func() time.Time
	user    string
	refused error
}

// NewOAuthBearer returns an exchange that takes tokens whose time, by now, has come and is not over.
func NewOAuthBearer(now func() time.Time) Exchange { return &bearer{now: now} }

func (b *bearer) User() string { return b.user }

func (b *bearer) Step(in []byte) ([]byte, bool, error) {
	if b.refused != nil { // the client has heard why, and said so with a single byte
		return nil, false, b.refused
	}
	token, err := tokenOf(string(in))
	if err != nil {
		return nil, false, err
	}
	if b.user, err = b.subject(token); err != nil {
		b.refused = err
		return []byte(`{"status":"invalid_token"}`), false, nil
	}
	return []byte{}, true, nil
}

// tokenOf finds the token in a client's first message: n,a=authzid,^Aauth=Bearer token^A^A, where ^A is the byte 1.
func tokenOf(message string) (string, error) {
	header, rest, ok := strings.Cut(message, "\x01")
	if !ok || !strings.HasPrefix(header, "n,") {
		return "", failed("invalid OAUTHBEARER client first message")
	}
	for _, field := range strings.Split(rest, "\x01") {
		if name, value, ok := strings.Cut(field, "="); ok && name == "auth" {
			scheme, token, _ := strings.Cut(value, " ")
			if !strings.EqualFold(scheme, "bearer") || token == "" {
				return "", failed("invalid scheme in OAUTHBEARER client first message: %s", scheme)
			}
			return strings.TrimSpace(token), nil
		}
	}
	return "", failed("invalid OAUTHBEARER client first message: 'auth' not specified")
}

// subject checks a token and returns whom it is about.
func (b *bearer) subject(token string) (string, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || parts[2] != "" {
		return "", failed("the token is not an unsecured JWS: it needs a header, claims and no signature")
	}
	var header struct {
		Algorithm string `json:"alg"`
	}
	var claims struct {
		Subject string   `json:"sub"`
		Expires *float64 `json:"exp"`
		Issued  *float64 `json:"iat"`
	}
	if err := decode(parts[0], &header); err != nil {
		return "", err
	}
	if err := decode(parts[1], &claims); err != nil {
		return "", err
	}
	now := float64(b.now().UnixMilli()) / 1000
	switch {
	case header.Algorithm != "none":
		return "", failed("the token says alg %q; unsecured ones say none", header.Algorithm)
	case claims.Subject == "":
		return "", failed("the token has no sub claim")
	case claims.Expires == nil:
		return "", failed("the token has no exp claim")
	case *claims.Expires <= now:
		return "", failed("the token expired at %v s, now is %v s", *claims.Expires, now)
	case claims.Issued != nil && *claims.Issued > now:
		return "", failed("the token was issued at %v s, now is %v s", *claims.Issued, now)
	}
	return claims.Subject, nil
}

func decode(part string, into any) error {
	text, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(part, "="))
	if err != nil {
		return failed("the token is not base64")
	}
	if err := json.Unmarshal(text, into); err != nil {
		return failed("the token is not JSON")
	}
	return nil
}
