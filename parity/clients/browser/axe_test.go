package browser

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// axe is the source of axe-core, or what kept it from being fetched.
var axe = sync.OnceValues(func() (source string, err error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir = filepath.Join(dir, "gokasim-parity", "axe-core-4.14.1")
	name := filepath.Join(dir, "node_modules", "axe-core", "axe.min.js")
	if _, err := os.Stat(name); err != nil {
		if err := fetchAxe(dir); err != nil {
			return "", err
		}
	}
	text, err := os.ReadFile(name)
	return string(text), err
})

func fetchAxe(dir string) error {
	wants, err := os.ReadFile("package.json")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "package.json"), wants, 0o600); err != nil {
		return err
	}
	install := exec.Command("npm", "install", "--no-audit", "--no-fund", "--no-package-lock")
	install.Dir = dir
	return install.Run()
}

// TestAxeIsThere says why pages are looked at by our own rules alone.
func TestAxeIsThere(t *testing.T) {
	if _, err := axe(); err != nil {
		t.Skipf("axe-core could not be fetched by npm, pages are looked at by our own rules alone: %v", err)
	}
}

// violation is a rule of axe-core that a page breaks.
type violation struct {
	ID, Help string
	Nodes    []string
}

// axed returns what axe-core says about the page as it is now, by the rules of WCAG 2.2 AA and its own best practices.
func (b *browser) axed() []violation {
	b.Helper()
	source, err := axe()
	if err != nil {
		return nil
	}
	var list []violation
	b.do(
		chromedp.Evaluate(source+"; 0", nil),
		chromedp.Evaluate(`axe.run(document, {resultTypes: ["violations"]}).then((r) => r.violations.map((v) => ({id: v.id, help: v.help, nodes: v.nodes.slice(0, 3).map((n) => n.html.slice(0, 120))})))`,
			&list, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }),
	)
	return list
}
