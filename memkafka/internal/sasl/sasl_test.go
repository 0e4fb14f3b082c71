package sasl_test

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gokasim/gokasim/memkafka/internal/sasl"
)

func TestPlain(t *testing.T) {
	known := func(user string) (string, bool) { return "secret", user == "alice" }
	for _, tc := range []struct{ name, message, want string }{
		{"right", "\x00alice\x00secret", ""},
		{"with an authorization id", "alice\x00alice\x00secret", ""},
		{"another authorization id", "bob\x00alice\x00secret", "authorization id"},
		{"wrong password", "\x00alice\x00guess", "invalid username or password"},
		{"unknown user", "\x00bob\x00secret", "invalid username or password"},
		{"no user", "\x00\x00secret", "username not specified"},
		{"no password", "\x00alice\x00", "password not specified"},
		{"too short", "alice", "expected 3 tokens, got 1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := sasl.NewPlain(known)
			_, done, err := e.Step([]byte(tc.message))
			if tc.want == "" {
				if err != nil || !done || e.User() != "alice" {
					t.Fatalf("done %t as %q, %v", done, e.User(), err)
				}
				return
			}
			if !errors.Is(err, sasl.ErrAuthentication) || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("error %v, want %q", err, tc.want)
			}
		})
	}
}

// TestScramOfTheStandard is the example of RFC 7677, but for the nonce that the broker chooses. A client may put its own
// nonce before that once more, as librdkafka did before 2.6.1.
func TestScramOfTheStandard(t *testing.T) {
	salt, err := base64.StdEncoding.DecodeString("W22ZaJ0SNY7soEsUEjb6gQ==")
	if err != nil {
		t.Fatal(err)
	}
	salted, err := pbkdf2.Key(sha256.New, "pencil", salt, 4096, sha256.Size)
	if err != nil {
		t.Fatal(err)
	}
	known := sasl.NewCredential(sasl.ScramSHA256, salt, salted, 4096)
	login := func(password, once string) (string, error) {
		e := sasl.NewScram(sasl.ScramSHA256, func(user string) (sasl.Credential, bool) { return known, user == "user" })
		const bare = "n=user,r=rOprNGfwEbeRWgbNEkqO"
		first, _, err := e.Step([]byte("n,," + bare))
		if err != nil {
			t.Fatal(err)
		}
		nonce, _, _ := strings.Cut(strings.TrimPrefix(string(first), "r="), ",")
		salted, err := pbkdf2.Key(sha256.New, password, salt, 4096, sha256.Size)
		if err != nil {
			t.Fatal(err)
		}
		mac := func(key []byte, text string) []byte {
			m := hmac.New(sha256.New, key)
			m.Write([]byte(text))
			return m.Sum(nil)
		}
		final := "c=biws,r=" + once + nonce
		clientKey := mac(salted, "Client Key")
		stored := sha256.Sum256(clientKey)
		proof := mac(stored[:], bare+","+string(first)+","+final)
		for i := range proof {
			proof[i] ^= clientKey[i]
		}
		out, done, err := e.Step([]byte(final + ",p=" + base64.StdEncoding.EncodeToString(proof)))
		if err == nil && (!done || e.User() != "user") {
			t.Fatalf("done %t as %q", done, e.User())
		}
		server := mac(mac(salted, "Server Key"), bare+","+string(first)+","+final)
		if err == nil && string(out) != "v="+base64.StdEncoding.EncodeToString(server) {
			t.Fatalf("the broker's proof is %s", out)
		}
		return string(out), err
	}
	if _, err := login("pencil", ""); err != nil {
		t.Error(err)
	}
	if _, err := login("pencil", "rOprNGfwEbeRWgbNEkqO"); err != nil {
		t.Errorf("with the client's nonce twice: %v", err)
	}
	if _, err := login("pen", ""); !errors.Is(err, sasl.ErrAuthentication) {
		t.Errorf("a wrong password: %v", err)
	}
}

func TestScramRefuses(t *testing.T) {
	known, err := sasl.CredentialOf(sasl.ScramSHA512, "secret")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ name, first, final, want string }{
		{"another mechanism's words", "p=tls-unique,,n=alice,r=x", "", "invalid SCRAM client first message"},
		{"nonsense", "hello", "", "invalid SCRAM client first message"},
		{"no nonce", "n,,n=alice", "", "has no nonce"},
		{"unknown user", "n,,n=bob,r=x", "", "invalid user credentials"},
		{"another authorization id", "n,a=bob,n=alice,r=x", "", "authorization id"},
		{"no proof", "n,,n=alice,r=x", "c=biws,r=x", "has no proof"},
		{"a proof that is none", "n,,n=alice,r=x", "c=biws,r=x,p=####", "its proof is none"},
		{"another nonce", "n,,n=alice,r=x", "c=biws,r=x,p=" + base64.StdEncoding.EncodeToString(make([]byte, 64)), "invalid client nonce"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := sasl.NewScram(sasl.ScramSHA512, func(user string) (sasl.Credential, bool) { return known, user == "alice" })
			_, done, err := e.Step([]byte(tc.first))
			if err == nil && tc.final != "" {
				_, done, err = e.Step([]byte(tc.final))
			}
			if done || !errors.Is(err, sasl.ErrAuthentication) || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("done %t, error %v, want %q", done, err, tc.want)
			}
		})
	}
}

func token(header, claims string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + "."
}

func TestOAuthBearer(t *testing.T) {
	const none = `{"alg":"none"}`
	now := time.Unix(1000, 0)
	for _, tc := range []struct{ name, token, want string }{
		{"right", token(none, `{"sub":"alice","exp":1001,"iat":999}`), ""},
		{"over", token(none, `{"sub":"alice","exp":1000}`), "expired"},
		{"from the future", token(none, `{"sub":"alice","exp":1009,"iat":1001}`), "issued"},
		{"about nobody", token(none, `{"exp":1001}`), "no sub claim"},
		{"for ever", token(none, `{"sub":"alice"}`), "no exp claim"},
		{"signed", token(`{"alg":"HS256"}`, `{"sub":"alice","exp":1001}`), "unsecured ones say none"},
		{"with a signature", token(none, `{"sub":"alice","exp":1001}`) + "x", "not an unsecured JWS"},
		{"no base64", "###.###.", "not base64"},
		{"no JSON", token("x", "y"), "not JSON"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := sasl.NewOAuthBearer(func() time.Time { return now })
			out, done, err := e.Step(fmt.Appendf(nil, "n,,\x01auth=Bearer %s\x01\x01", tc.token))
			if err != nil {
				t.Fatal(err)
			}
			if tc.want == "" {
				if !done || e.User() != "alice" || len(out) > 0 {
					t.Fatalf("done %t as %q, %q", done, e.User(), out)
				}
				return
			}
			if done || string(out) != `{"status":"invalid_token"}` {
				t.Fatalf("done %t, %q", done, out)
			}
			if _, _, err := e.Step([]byte{1}); !errors.Is(err, sasl.ErrAuthentication) || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("error %v, want %q", err, tc.want)
			}
		})
	}
	for _, message := range []string{"", "hello", "n,,\x01host=x\x01\x01", "n,,\x01auth=Basic x\x01\x01"} {
		if _, _, err := sasl.NewOAuthBearer(time.Now).Step([]byte(message)); !errors.Is(err, sasl.ErrAuthentication) {
			t.Errorf("%q: %v", message, err)
		}
	}
}
