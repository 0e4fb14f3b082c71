package kafkajs

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gokasim/gokasim/parity/clients/internal/rig"
)

func TestMain(m *testing.M) { rig.Main(m) }

// version is the kafkajs that package.json asks for.
const version = "kafkajs-2.2.4"

// lead has kafkajs lead a life of lives.js.
func lead(t *testing.T, b rig.Broker, life string, configuration map[string]any) {
	t.Helper()
	node, npm := rig.Tool(t, "node", "install Node.js, 14 or newer"), rig.Tool(t, "npm", "install npm")
	modules := rig.Fetched(t, version, func(dir string) error {
		if err := copyFile("package.json", dir); err != nil {
			return err
		}
		install := exec.Command(npm, "install", "--no-audit", "--no-fund", "--no-package-lock")
		install.Dir = dir
		if out, err := install.CombinedOutput(); err != nil {
			return fmt.Errorf("npm: %w: %s", err, out)
		}
		return nil
	})
	text, err := json.Marshal(configuration)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir() // where Node.js looks for modules is beside the script
	if err := copyFile("lives.js", dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(modules, "node_modules"), filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	rig.Run(t, "", node, filepath.Join(dir, "lives.js"), life, b.Servers, string(text))
}

func copyFile(name, dir string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name), text, 0o600)
}

func TestClient(t *testing.T) {
	rig.Each(t, func(t *testing.T, b rig.Broker) {
		for _, life := range []string{"produce", "group", "transactions", "admin"} {
			t.Run(life, func(t *testing.T) { lead(t, b, life, nil) })
		}
	})
}

func TestLogins(t *testing.T) {
	certificates := rig.NewCertificates(t)
	ca, err := os.ReadFile(certificates.CA)
	if err != nil {
		t.Fatal(err)
	}
	b := rig.Serve(t, "--tls-cert", certificates.BrokerCert, "--tls-key", certificates.BrokerKey, "--sasl", "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
		"--user", "alice:secret", "--acls", "--super-user", "User:alice")
	as := func(mechanism, password string) map[string]any {
		return map[string]any{
			"ssl":  map[string]any{"ca": []string{string(ca)}},
			"sasl": map[string]any{"mechanism": mechanism, "username": "alice", "password": password},
		}
	}
	for _, mechanism := range []string{"plain", "scram-sha-256", "scram-sha-512"} {
		t.Run(mechanism, func(t *testing.T) {
			lead(t, b, "login", as(mechanism, "secret"))
			lead(t, b, "stranger", as(mechanism, "guess"))
		})
	}
	t.Run("rules", func(t *testing.T) { lead(t, b, "acls", as("plain", "secret")) })
}
