package rig

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Certificates are files in PEM: of an authority, of a broker on 127.0.0.1 and of a client whose principal is
// User:CN=alice,O=test, both signed by it.
type Certificates struct {
	CA                    string
	BrokerCert, BrokerKey string
	ClientCert, ClientKey string
	ClientBoth            string // key and certificate in one file, as Java takes them
}

// NewCertificates makes certificates that are good for an hour.
func NewCertificates(t *testing.T) Certificates {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, blocks ...*pem.Block) string {
		path := filepath.Join(dir, name)
		var text []byte
		for _, b := range blocks {
			text = append(text, pem.EncodeToMemory(b)...)
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ca := certify(t, "ca", nil)
	broker, client := certify(t, "broker", ca), certify(t, "alice", ca)
	return Certificates{
		CA:         write("ca.pem", ca.certificate),
		BrokerCert: write("broker.pem", broker.certificate), BrokerKey: write("broker.key", broker.private),
		ClientCert: write("client.pem", client.certificate), ClientKey: write("client.key", client.private),
		ClientBoth: write("client-both.pem", client.private, client.certificate),
	}
}

// identity is a certificate with its key.
type identity struct {
	key                  *ecdsa.PrivateKey
	leaf                 *x509.Certificate
	certificate, private *pem.Block
}

// certify makes an identity, signed by an authority or, if that is nil, by itself.
func certify(t *testing.T, name string, authority *identity) *identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<60))
	if err != nil {
		t.Fatal(err)
	}
	made := &identity{key: key}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name, Organization: []string{"test"}},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour), IsCA: authority == nil, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature,
	}
	if authority == nil {
		template.KeyUsage |= x509.KeyUsageCertSign
		authority, made.leaf = made, template
	} else {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
		template.IPAddresses, template.DNSNames = []net.IP{net.IPv4(127, 0, 0, 1)}, []string{"localhost"}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, authority.leaf, &key.PublicKey, authority.key)
	if err != nil {
		t.Fatal(err)
	}
	if made.leaf, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	made.certificate = &pem.Block{Type: "CERTIFICATE", Bytes: der}
	made.private = &pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}
	return made
}
