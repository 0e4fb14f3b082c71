package sasl

import (
	"bytes"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"hash"
	"strconv"
	"strings"
)

// Credential is what a broker keeps of a user's password.
type Credential struct {
	Iterations                 int32
	Salt, StoredKey, ServerKey []byte
}

// Least and most iterations that Kafka takes.
const (
	MinIterations = 4096
	MaxIterations = 16384
)

func hashOf(mechanism string) func() hash.Hash {
	if mechanism == ScramSHA512 {
		return sha512.New
	}
	return sha256.New
}

// NewCredential makes a credential of a password that was salted and hashed already, as AlterUserScramCredentials brings it.
func NewCredential(mechanism string, salt, saltedPassword []byte, iterations int32) Credential {
	h := hashOf(mechanism)
	clientKey := mac(h, saltedPassword, "Client Key")
	return Credential{Iterations: iterations, Salt: salt, StoredKey: digest(h, clientKey), ServerKey: mac(h, saltedPassword, "Server Key")}
}

// CredentialOf makes a credential of a password.
func CredentialOf(mechanism, password string) (Credential, error) {
	salt := make([]byte, 16)
	if _, err := rand.Read(salt); err != nil {
		return Credential{}, err
	}
	h := hashOf(mechanism)
	salted, err := pbkdf2.Key(h, password, salt, MinIterations, h().Size())
	if err != nil {
		return Credential{}, err
	}
	return NewCredential(mechanism, salt, salted, MinIterations), nil
}

func mac(h func() hash.Hash, key []byte, text string) []byte {
	m := hmac.New(h, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

func digest(h func() hash.Hash, b []byte) []byte {
	d := h()
	d.Write(b)
	return d.Sum(nil)
}

// scram is SCRAM (RFC 5802) without channel binding, as Kafka has it.
type scram struct {
	hash       func() hash.Hash
	credential func(user string) (Credential, bool)

	user        string
	known       Credential
	nonce       string
	firstBare   string
	serverFirst string
}

// NewScram returns an exchange of one of the SCRAM mechanisms that knows credentials.
func NewScram(mechanism string, credential func(user string) (Credential, bool)) Exchange {
	return &scram{hash: hashOf(mechanism), credential: credential}
}

func (s *scram) User() string { return s.user }

func (s *scram) Step(in []byte) ([]byte, bool, error) {
	if s.serverFirst == "" {
		out, err := s.first(string(in))
		return out, false, err
	}
	out, err := s.final(string(in))
	return out, err == nil, err
}

// first takes the client's first message: n,a=authzid,n=user,r=nonce[,extensions].
func (s *scram) first(message string) ([]byte, error) {
	parts := strings.SplitN(message, ",", 3)
	if len(parts) != 3 || parts[0] != "n" {
		return nil, failed("invalid SCRAM client first message")
	}
	s.firstBare = parts[2]
	fields := fieldsOf(s.firstBare)
	user, nonce := unescape(fields["n"]), fields["r"]
	if user == "" || nonce == "" {
		return nil, failed("invalid SCRAM client first message: it names no user, or has no nonce")
	}
	if authorize := unescape(strings.TrimPrefix(parts[1], "a=")); authorize != "" && authorize != user {
		return nil, failed("client requested an authorization id that is different from username")
	}
	credential, known := s.credential(user)
	if !known {
		return nil, failed("invalid user credentials")
	}
	s.known = credential
	s.user = user
	s.nonce = nonce + rand.Text()
	s.serverFirst = "r=" + s.nonce + ",s=" + base64.StdEncoding.EncodeToString(s.known.Salt) + ",i=" + strconv.Itoa(int(s.known.Iterations))
	return []byte(s.serverFirst), nil
}

// final takes the client's final message: c=channel,r=nonce,p=proof. The nonce has to end with what the broker sent, as in
// Kafka 3.8.1 and 3.9: librdkafka before 2.6.1 puts its own before it once more, which Kafka 4 refuses.
func (s *scram) final(message string) ([]byte, error) {
	at := strings.LastIndex(message, ",p=")
	if at < 0 {
		return nil, failed("invalid SCRAM client final message: it has no proof")
	}
	proof, err := base64.StdEncoding.DecodeString(message[at+len(",p="):])
	if err != nil || len(proof) != s.hash().Size() {
		return nil, failed("invalid SCRAM client final message: its proof is none")
	}
	if !strings.HasSuffix(fieldsOf(message[:at])["r"], s.nonce) {
		return nil, failed("invalid client nonce in the final client message")
	}
	auth := s.firstBare + "," + s.serverFirst + "," + message[:at]
	clientKey := mac(s.hash, s.known.StoredKey, auth)
	for i := range clientKey {
		clientKey[i] ^= proof[i]
	}
	if !bytes.Equal(digest(s.hash, clientKey), s.known.StoredKey) {
		return nil, failed("invalid client credentials")
	}
	return []byte("v=" + base64.StdEncoding.EncodeToString(mac(s.hash, s.known.ServerKey, auth))), nil
}

// fieldsOf reads a message of the form a=value,b=value.
func fieldsOf(message string) map[string]string {
	fields := map[string]string{}
	for _, part := range strings.Split(message, ",") {
		if name, value, ok := strings.Cut(part, "="); ok {
			fields[name] = value
		}
	}
	return fields
}

// unescape takes back what SCRAM does to commas and equal signs in names.
func unescape(name string) string {
	return strings.NewReplacer("=2C", ",", "=3D", "=").Replace(name)
}
