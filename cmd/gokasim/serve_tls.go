package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/net/idna"

	"github.com/gokasim/gokasim/internal/whole"
)

// tlsOptions is what serve is told about TLS.
type tlsOptions struct {
	on       bool
	cert     string
	key      string
	clientCA string
	ca       string // where the certificate that clients trust is written to
}

func (o *tlsOptions) flags(f *pflag.FlagSet) {
	f.BoolVar(&o.on, "tls", false, "listen with TLS, with a certificate that is made at once unless --tls-cert names one; clients trust the one in --tls-ca")
	f.StringVar(&o.ca, "tls-ca", "", "`file` to write the certificate (PEM) of --tls to; ca.pem in --data, else a temporary one that the log names")
	f.StringVar(&o.cert, "tls-cert", "", "listen with TLS, with the certificate in this `file` (PEM)")
	f.StringVar(&o.key, "tls-key", "", "`file` with the key of --tls-cert (PEM)")
	f.StringVar(&o.clientCA, "tls-client-ca", "", "`file` with certificates (PEM) one of which has to have signed a client's")
}

// wanted reports whether brokers listen with TLS.
func (o *tlsOptions) wanted() bool { return o.on || o.cert != "" }

// made reports whether the certificate is made here.
func (o *tlsOptions) made() bool { return o.on && o.cert == "" }

// config reads the files that were named. Its certificate is missing when it has to be made.
func (o *tlsOptions) config() (*tls.Config, error) {
	switch {
	case (o.cert == "") != (o.key == ""):
		return nil, errors.New("TLS needs both --tls-cert and --tls-key, or --tls alone")
	case o.clientCA != "" && !o.wanted():
		return nil, errors.New("--tls-client-ca: it says something only with --tls or --tls-cert")
	case o.ca != "" && !o.made():
		return nil, errors.New("--tls-ca: it is written for a certificate that is made here; give --tls without --tls-cert")
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.cert != "" {
		certificate, err := tls.LoadX509KeyPair(o.cert, o.key)
		if err != nil {
			return nil, fmt.Errorf("--tls-cert %s: %w", o.cert, err)
		}
		config.Certificates = []tls.Certificate{certificate}
	}
	if o.clientCA == "" {
		return config, nil
	}
	text, err := os.ReadFile(o.clientCA)
	if err != nil {
		return nil, fmt.Errorf("--tls-client-ca: %w", err)
	}
	config.ClientCAs = x509.NewCertPool()
	if !config.ClientCAs.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("--tls-client-ca %s: it holds no certificate in PEM", o.clientCA)
	}
	config.ClientAuth = tls.RequireAndVerifyClientCert
	return config, nil
}

// certify puts a certificate into config and returns the file that clients trust it by: that of an authority, which stays the same in data, the
// directory of the cluster, while each run has it sign another certificate for the names that the brokers have then.
func (o *tlsOptions) certify(config *tls.Config, hosts []string, data string) (ca string, discard func(), err error) {
	discard = func() {}
	ca = o.ca
	kept := ""
	switch {
	case data != "":
		kept = filepath.Join(data, "tls.pem")
		if ca == "" {
			ca = filepath.Join(data, "ca.pem")
		}
	case ca == "":
		dir, err := os.MkdirTemp("", "gokasim-tls-*")
		if err != nil {
			return "", nil, fmt.Errorf("--tls: %w", err)
		}
		discard = func() { _ = os.RemoveAll(dir) } // a directory of temporary files that stays harms nobody
		ca = filepath.Join(dir, "ca.pem")
	}
	if err := mayReplace(ca); err != nil {
		discard()
		return "", nil, err
	}
	authority, err := keptAuthority(kept)
	if err == nil && authority == nil {
		var text []byte
		authority, text, err = newAuthority()
		if err == nil && kept != "" {
			err = whole.Write(kept, 0o600, writes(text))
		}
	}
	var certificate *tls.Certificate
	if err == nil {
		certificate, err = issue(authority, hosts)
	}
	if err == nil {
		public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority.Certificate[0]})
		err = whole.Write(ca, 0o644, writes(public))
	}
	if err != nil {
		discard()
		return "", nil, fmt.Errorf("--tls: %w", err)
	}
	config.Certificates = []tls.Certificate{*certificate}
	return ca, discard, nil
}

// organization is in the certificates that are made here.
const organization = "gokasim, for development"

// mayReplace refuses to write over a file that is not a certificate of an earlier run.
func mayReplace(ca string) error {
	text, err := os.ReadFile(ca)
	if err != nil {
		return nil //nolint:nilerr // there is none, or writing it says what is wrong
	}
	if block, _ := pem.Decode(text); block != nil {
		if c, err := x509.ParseCertificate(block.Bytes); err == nil && slices.Equal(c.Subject.Organization, []string{organization}) {
			return nil
		}
	}
	return fmt.Errorf("--tls-ca %s: there is another file of that name, and the certificate that clients are to trust is written to it; name one that may be replaced", ca)
}

// keptAuthority is that of an earlier run, nil when there is none or it does not serve any more.
func keptAuthority(name string) (*tls.Certificate, error) {
	if name == "" {
		return nil, nil
	}
	text, err := os.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	}
	c, err := tls.X509KeyPair(text, text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; remove it, and another one is made", name, err)
	}
	if !c.Leaf.IsCA || time.Until(c.Leaf.NotAfter) < 24*time.Hour {
		return nil, nil
	}
	return &c, nil
}

// newAuthority makes a certificate that signs itself and others, for ten years, and returns it with its key in PEM too.
func newAuthority() (*tls.Certificate, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	t, err := certificate("gokasim serve", 10)
	if err != nil {
		return nil, nil, err
	}
	t.KeyUsage, t.IsCA, t.MaxPathLenZero = x509.KeyUsageDigitalSignature|x509.KeyUsageCertSign, true, true
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return nil, nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	var text bytes.Buffer
	for _, block := range []*pem.Block{{Type: "CERTIFICATE", Bytes: der}, {Type: "PRIVATE KEY", Bytes: private}} {
		if err := pem.Encode(&text, block); err != nil {
			return nil, nil, err
		}
	}
	c, err := tls.X509KeyPair(text.Bytes(), text.Bytes())
	return &c, text.Bytes(), err
}

// issue makes a certificate for hosts that an authority signs, for a year.
func issue(authority *tls.Certificate, hosts []string) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	t, err := certificate("gokasim serve: broker", 1)
	if err != nil {
		return nil, err
	}
	t.KeyUsage = x509.KeyUsageDigitalSignature
	if t.NotAfter.After(authority.Leaf.NotAfter) {
		t.NotAfter = authority.Leaf.NotAfter
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, authority.Leaf, key.Public(), authority.PrivateKey)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der, authority.Certificate[0]}, PrivateKey: key}, nil
}

// certificate is what all certificates here have in common.
func certificate(name string, years int) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name, Organization: []string{organization}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(years, 0, 0), // an hour back, for clocks that differ
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}, nil
}

// certified are the names that clients may know the brokers by: those of this machine, when they listen to everybody.
func certified(listen, advertise string) ([]string, error) {
	hosts := []string{"localhost", "127.0.0.1", "::1"}
	add := func(h string) {
		if h != "" && !slices.Contains(hosts, h) {
			hosts = append(hosts, h)
		}
	}
	if advertise != "" {
		name, err := hostName(advertise)
		if err != nil {
			return nil, fmt.Errorf("--tls: no certificate can be made for --advertise %s: %w; give --tls-cert, or another name", advertise, err)
		}
		add(name)
	}
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return hosts, nil //nolint:nilerr // listening will say what is wrong
	}
	if ip := net.ParseIP(host); host != "" && (ip == nil || !ip.IsUnspecified()) {
		if name, err := hostName(host); err == nil { // else listening will say what is wrong
			add(name)
		}
		return hosts, nil
	}
	if machine, err := os.Hostname(); err == nil {
		if name, err := hostName(machine); err == nil { // else nobody can look it up
			add(name)
		}
	}
	if addresses, err := net.InterfaceAddrs(); err == nil {
		for _, a := range addresses {
			if ip, _, err := net.ParseCIDR(a.String()); err == nil {
				add(ip.String())
			}
		}
	}
	return hosts, nil
}

// hostName is a host as certificates have it: an address, or a name in ASCII (RFC 5280, 7.2).
func hostName(host string) (string, error) {
	if net.ParseIP(host) != nil {
		return host, nil
	}
	name, err := names.ToASCII(strings.TrimSuffix(host, "."))
	if err == nil && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" {
		err = fmt.Errorf("%q is no name of a host", host)
	}
	return name, err
}

// names takes names as they are looked up, and underscores, which are common.
var names = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.StrictDomainName(false), idna.VerifyDNSLength(true))
