package connect

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// options turns the settings into options of the client.
func (s settings) options() ([]kgo.Opt, error) {
	var all []kgo.Opt
	if v, ok := s["client.id"]; ok {
		all = append(all, kgo.ClientID(v.value))
	}
	dial := net.Dialer{Timeout: 10 * time.Second}
	if v, ok := s["socket.connection.setup.timeout.ms"]; ok {
		ms, err := v.number(1, 1<<31-1)
		if err != nil {
			return nil, err
		}
		dial.Timeout = time.Duration(ms) * time.Millisecond
	}
	secure, login, err := s.protocol()
	if err != nil {
		return nil, err
	}
	if secure {
		config, err := s.tls()
		if err != nil {
			return nil, err
		}
		all = append(all, kgo.Dialer((&tls.Dialer{NetDialer: &dial, Config: config}).DialContext))
	} else {
		if v, ok := s.first("ssl.ca.location", "ssl.certificate.location", "ssl.key.location"); ok {
			return nil, fmt.Errorf("%s: it says something only with security.protocol=ssl or sasl_ssl", v.where)
		}
		all = append(all, kgo.Dialer(dial.DialContext))
	}
	if login {
		mechanism, err := s.mechanism()
		if err != nil {
			return nil, err
		}
		all = append(all, kgo.SASL(mechanism))
	} else if v, ok := s.first("sasl.mechanism", "sasl.mechanisms", "sasl.username", "sasl.password"); ok {
		return nil, fmt.Errorf("%s: it says something only with security.protocol=sasl_plaintext or sasl_ssl", v.where)
	}
	if v, ok := s["isolation.level"]; ok && v.value != "read_committed" && v.value != "read_uncommitted" {
		return nil, fmt.Errorf("%s: isolation.level is read_committed or read_uncommitted", v.where)
	}
	producing, err := s.producing()
	return append(all, producing...), err
}

// first returns the first of the named settings that was given.
func (s settings) first(names ...string) (setting, bool) {
	for _, name := range names {
		if v, ok := s[name]; ok {
			return v, true
		}
	}
	return setting{}, false
}

func (v setting) number(low, high int64) (int64, error) {
	n, err := strconv.ParseInt(v.value, 10, 64)
	if err != nil || n < low || n > high {
		return 0, fmt.Errorf("%s: %q is no whole number from %d to %d", v.where, v.value, low, high)
	}
	return n, nil
}

func (v setting) truth() (bool, error) {
	b, err := strconv.ParseBool(v.value)
	if err != nil {
		return false, fmt.Errorf("%s: %q is neither true nor false", v.where, v.value)
	}
	return b, nil
}

// protocol reads security.protocol: whether the connection is encrypted, and whether the client logs in.
func (s settings) protocol() (secure, login bool, err error) {
	v, ok := s["security.protocol"]
	if !ok {
		return false, false, nil
	}
	switch strings.ToLower(v.value) {
	case "plaintext":
		return false, false, nil
	case "ssl":
		return true, false, nil
	case "sasl_plaintext":
		return false, true, nil
	case "sasl_ssl":
		return true, true, nil
	}
	return false, false, fmt.Errorf("%s: security.protocol %q is none of plaintext, ssl, sasl_plaintext, sasl_ssl", v.where, v.value)
}

func (s settings) tls() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca, ok := s["ssl.ca.location"]; ok {
		pem, err := os.ReadFile(ca.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", ca.where, err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s: %s holds no certificate in PEM", ca.where, ca.value)
		}
	}
	certificate, withCertificate := s["ssl.certificate.location"]
	key, withKey := s["ssl.key.location"]
	switch {
	case withCertificate && withKey:
		pair, err := tls.LoadX509KeyPair(certificate.value, key.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", certificate.where, err)
		}
		config.Certificates = []tls.Certificate{pair}
	case withCertificate:
		return nil, fmt.Errorf("%s: it needs ssl.key.location too", certificate.where)
	case withKey:
		return nil, fmt.Errorf("%s: it needs ssl.certificate.location too", key.where)
	}
	verify := true
	if v, ok := s["enable.ssl.certificate.verification"]; ok {
		var err error
		if verify, err = v.truth(); err != nil {
			return nil, err
		}
	}
	byName := true
	if v, ok := s["ssl.endpoint.identification.algorithm"]; ok {
		switch v.value {
		case "https":
		case "none":
			byName = false
		default:
			return nil, fmt.Errorf("%s: %q is neither https nor none", v.where, v.value)
		}
	}
	switch {
	case !verify:
		config.InsecureSkipVerify = true // as the user says
	case !byName:
		config.InsecureSkipVerify = true // what follows verifies all but the name
		config.VerifyConnection = func(state tls.ConnectionState) error {
			between := x509.NewCertPool()
			for _, c := range state.PeerCertificates[1:] {
				between.AddCert(c)
			}
			_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: config.RootCAs, Intermediates: between})
			return err
		}
	}
	return config, nil
}

func (s settings) mechanism() (sasl.Mechanism, error) {
	name, ok := s.first("sasl.mechanism", "sasl.mechanisms")
	if !ok {
		return nil, fmt.Errorf("%s: name a sasl.mechanism too, one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER", s["security.protocol"].where)
	}
	user, password := s["sasl.username"].value, s["sasl.password"].value
	mechanism := strings.ToUpper(name.value)
	if mechanism != "OAUTHBEARER" && (user == "" || password == "") {
		return nil, fmt.Errorf("%s: it needs sasl.username and sasl.password", name.where)
	}
	switch mechanism {
	case "PLAIN":
		return plain.Auth{User: user, Pass: password}.AsMechanism(), nil
	case "SCRAM-SHA-256":
		return scram.Auth{User: user, Pass: password}.AsSha256Mechanism(), nil
	case "SCRAM-SHA-512":
		return scram.Auth{User: user, Pass: password}.AsSha512Mechanism(), nil
	case "OAUTHBEARER":
		return s.unsecured(name)
	}
	return nil, fmt.Errorf("%s: %q is none of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER", name.where, name.value)
}

// unsecured makes the tokens of OAUTHBEARER that nobody signed, librdkafka's enable.sasl.oauthbearer.unsecure.jwt, for clusters
// that are tried out.
func (s settings) unsecured(name setting) (sasl.Mechanism, error) {
	allowed := false
	if v, ok := s["enable.sasl.oauthbearer.unsecure.jwt"]; ok {
		var err error
		if allowed, err = v.truth(); err != nil {
			return nil, err
		}
	}
	if !allowed {
		return nil, fmt.Errorf("%s: only unsigned tokens are offered, by enable.sasl.oauthbearer.unsecure.jwt=true", name.where)
	}
	principal := ""
	config := s["sasl.oauthbearer.config"]
	for _, word := range strings.Fields(config.value) {
		key, value, _ := strings.Cut(word, "=")
		if key != "principal" {
			return nil, fmt.Errorf("%s: %q is not supported in sasl.oauthbearer.config; give principal=NAME", config.where, word)
		}
		principal = value
	}
	if principal == "" {
		return nil, fmt.Errorf("%s: say who logs in, by sasl.oauthbearer.config=principal=NAME", name.where)
	}
	return oauth.Oauth(func(context.Context) (oauth.Auth, error) {
		now := time.Now()
		claims, err := json.Marshal(map[string]any{"sub": principal, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()})
		if err != nil {
			return oauth.Auth{}, err
		}
		part := base64.RawURLEncoding.EncodeToString
		return oauth.Auth{Token: part([]byte(`{"alg":"none"}`)) + "." + part(claims) + "."}, nil
	}), nil
}

// producing are the settings of a producer.
func (s settings) producing() ([]kgo.Opt, error) {
	var all []kgo.Opt
	if v, ok := s.first("compression.codec", "compression.type"); ok {
		codecs := map[string]kgo.CompressionCodec{
			"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
		}
		codec, ok := codecs[v.value]
		if !ok {
			return nil, fmt.Errorf("%s: %q is none of none, gzip, snappy, lz4, zstd", v.where, v.value)
		}
		all = append(all, kgo.ProducerBatchCompression(codec))
	}
	if v, ok := s["linger.ms"]; ok {
		ms, err := v.number(0, 900_000)
		if err != nil {
			return nil, err
		}
		all = append(all, kgo.ProducerLinger(time.Duration(ms)*time.Millisecond))
	}
	if v, ok := s["message.max.bytes"]; ok {
		n, err := v.number(1000, 1_000_000_000)
		if err != nil {
			return nil, err
		}
		all = append(all, kgo.ProducerBatchMaxBytes(int32(n)))
	}
	if v, ok := s.first("acks", "request.required.acks"); ok && v.value != "all" && v.value != "-1" {
		return nil, fmt.Errorf("%s: only acks=all is offered, so that what was loaded is there", v.where)
	}
	return all, nil
}
