package browser

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/color/palette"
	"image/draw"
	"image/png"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/goka/web/actions"
	"github.com/gokasim/gokasim/goka/web/index"
	"github.com/gokasim/gokasim/goka/web/monitor"
	"github.com/gokasim/gokasim/goka/web/query"
	"github.com/gokasim/gokasim/memkafka"
	_ "github.com/gokasim/gokasim/memkafka/saramaclient"
)

// browser is one tab, and what went wrong in it.
type browser struct {
	*testing.T
	ctx  context.Context
	base string

	mu       sync.Mutex // guards what follows
	problems []string
}

const patience = 20 * time.Second

func open(t *testing.T, base string) *browser {
	t.Helper()
	chromium := os.Getenv("GOKASIM_CHROMIUM")
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); chromium == "" && err == nil {
			chromium = path
		}
	}
	if chromium == "" {
		t.Fatal("there is no Chromium on PATH; install it, or name it in GOKASIM_CHROMIUM")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium), chromedp.NoSandbox, chromedp.WindowSize(1200, 800))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 15*patience)
	t.Cleanup(cancel)
	b := &browser{T: t, ctx: ctx, base: base}
	own, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	chromedp.ListenTarget(ctx, func(event any) {
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			b.problem("exception: %s", e.ExceptionDetails.Error())
		case *runtime.EventConsoleAPICalled:
			if e.Type == runtime.APITypeError || e.Type == runtime.APITypeWarning {
				b.problem("console: %s", e.Type)
			}
		case *log.EventEntryAdded:
			if e.Entry.Level == log.LevelError || e.Entry.Level == log.LevelWarning {
				b.problem("log: %s %s", e.Entry.Text, e.Entry.URL)
			}
		case *network.EventRequestWillBeSent:
			if u, err := url.Parse(e.Request.URL); err != nil || u.Host != own.Host && u.Scheme != "data" && u.Scheme != "about" {
				b.problem("a request to another host: %s", e.Request.URL)
			}
		}
	})
	b.do(network.Enable(), log.Enable(), runtime.Enable())
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, p := range b.problems {
			t.Error(p)
		}
	})
	return b
}

func (b *browser) problem(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.problems = append(b.problems, fmt.Sprintf(format, args...))
}

func (b *browser) do(actions ...chromedp.Action) {
	b.Helper()
	if err := chromedp.Run(b.ctx, actions...); err != nil {
		b.Fatal(err)
	}
}

// load goes to a page, waits until it is there, and looks whether people can use it.
func (b *browser) load(path string) {
	b.Helper()
	b.do(chromedp.Navigate(b.base+path), chromedp.WaitVisible("main h1", chromedp.ByQuery))
	b.usable(path)
}

// rules look for what keeps people from using a page: the checks of axe-core that need no library, each as its name and what is wrong.
const rules = `(() => {
  const wrong = [];
  const name = (e) => (e.getAttribute("aria-label") || e.textContent || e.title || "").trim();
  if (!document.documentElement.lang) wrong.push("html-has-lang");
  if (!document.title) wrong.push("document-title");
  if (document.querySelectorAll("main").length !== 1) wrong.push("landmark-one-main");
  if (document.querySelectorAll("h1").length !== 1) wrong.push("page-has-heading-one");
  for (const e of document.querySelectorAll("a[href], button, summary")) if (!name(e)) wrong.push("link-or-button-name: " + e.outerHTML.slice(0, 80));
  for (const e of document.querySelectorAll("input:not([type=hidden]), select, textarea")) if (!e.labels.length && !e.getAttribute("aria-label")) wrong.push("label: " + e.outerHTML.slice(0, 80));
  for (const e of document.querySelectorAll("[role=region], nav, section")) if (!e.getAttribute("aria-label")) wrong.push("region-name: " + e.outerHTML.slice(0, 80));
  for (const e of document.querySelectorAll("progress")) if (!name(e)) wrong.push("progress-name");
  for (const e of document.querySelectorAll("table")) if (!e.querySelector("th")) wrong.push("table-headers");
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) wrong.push("duplicate-id: " + id);
  let level = 0;
  for (const h of document.querySelectorAll("h1,h2,h3,h4")) { const n = +h.tagName[1]; if (n > level + 1) wrong.push("heading-order"); level = n; }
  const light = (c) => { const v = c.match(/[\d.]+/g).slice(0, 3).map((x) => { x /= 255; return x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4; }); return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2]; };
  const behind = (e) => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (c !== "rgba(0, 0, 0, 0)") return c; } return "rgb(255, 255, 255)"; };
  for (const e of document.querySelectorAll("body *")) {
    if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) || e.closest("svg") || !e.checkVisibility()) continue;
    const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) wrong.push("color-contrast " + ratio.toFixed(2) + ": " + e.outerHTML.slice(0, 80));
  }
  if (document.documentElement.scrollWidth > innerWidth + 1) wrong.push("the page is wider than its window: " + document.documentElement.scrollWidth);
  return wrong;
})()`

func (b *browser) usable(path string) {
	b.Helper()
	for _, dark := range []string{"light", "dark"} {
		for _, width := range []int64{1200, 360} {
			var wrong []string
			b.do(
				emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: dark}, {Name: "prefers-reduced-motion", Value: "reduce"}}),
				emulation.SetDeviceMetricsOverride(width, 800, 1, false),
				chromedp.Evaluate(rules, &wrong),
			)
			for _, w := range wrong {
				b.Errorf("%s, %s, %d pixels wide: %s", path, dark, width, w)
			}
			for _, v := range b.axed() {
				b.Errorf("%s, %s, %d pixels wide: axe: %s: %s: %q", path, dark, width, v.ID, v.Help, v.Nodes)
			}
		}
	}
	b.do(
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "light"}, {Name: "prefers-reduced-motion", Value: "reduce"}}),
		emulation.SetDeviceMetricsOverride(1200, 800, 1, false),
	)
}

// picture keeps the page as docs/pictures/NAME.png, small.
func (b *browser) picture(name string) {
	b.Helper()
	var shot []byte
	b.do(chromedp.CaptureScreenshot(&shot))
	img, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		b.Fatal(err)
	}
	few := image.NewPaletted(img.Bounds(), colours(img))
	draw.Draw(few, few.Bounds(), img, image.Point{}, draw.Src)
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, few); err != nil {
		b.Fatal(err)
	}
	if err := os.MkdirAll("../../../docs/pictures", 0o755); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("../../../docs/pictures", name+".png"), out.Bytes(), 0o644); err != nil {
		b.Fatal(err)
	}
}

// pictures keeps the page as it is, dark, and on a small screen.
func (b *browser) pictures(name string) {
	b.Helper()
	b.picture(name)
	media := func(scheme string) chromedp.Action {
		return emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}})
	}
	b.do(media("dark"))
	b.picture(name + "-dark")
	b.do(media("light"), emulation.SetDeviceMetricsOverride(360, 740, 1, true))
	b.picture(name + "-small")
	b.do(emulation.SetDeviceMetricsOverride(1200, 800, 1, false))
}

// colours are those of a picture that are there most, as many as a palette holds.
func colours(img image.Image) color.Palette {
	count := map[color.RGBA]int{}
	for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y++ {
		for x := img.Bounds().Min.X; x < img.Bounds().Max.X; x++ {
			count[color.RGBAModel.Convert(img.At(x, y)).(color.RGBA)]++
		}
	}
	var list color.Palette
	for least := 1 << 20; least > 0 && len(list) < 256; least /= 2 {
		for c, n := range count {
			if n >= least && n < 2*least && len(list) < 256 {
				list = append(list, c)
			}
		}
	}
	if len(list) == 0 {
		return palette.WebSafe
	}
	return list
}

// shows waits until the page has a text.
func (b *browser) shows(text string) {
	b.Helper()
	b.until(fmt.Sprintf("document.querySelector('main')?.textContent.includes(%q) ?? false", text))
}

// until waits for an expression to be true, over the loading of pages.
func (b *browser) until(expression string) {
	b.Helper()
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-time.After(50 * time.Millisecond) {
		var is bool
		if err = chromedp.Run(b.ctx, chromedp.Evaluate("document.readyState === 'complete' && ("+expression+")", &is)); err == nil && is {
			return
		}
	}
	var text string
	b.do(chromedp.Text("body", &text, chromedp.ByQuery))
	b.Fatalf("it never became true that %s (%v):\n%s", expression, err, text)
}

// TestTheClustersPage goes through the page of gokasim serve as somebody would who tries it.
func TestTheClustersPage(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "gokasim")
	build := exec.Command("go", "build", "-o", bin, "./cmd/gokasim")
	build.Dir = "../../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	addr := freeAddr(t)
	cmd := exec.Command(bin, "serve", "--listen", "127.0.0.1:0", "--brokers", "3", "--http", addr, "--topic", "orders:3", "--topic", "state:2:cleanup.policy=compact")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
	await(t, "http://"+addr+"/")

	b := open(t, "http://"+addr)
	b.load("/topics")
	b.do(chromedp.Click("//summary[contains(., 'Create')]"), chromedp.WaitVisible("input[name=name]"), chromedp.SendKeys("input[name=name]", "clicks"), chromedp.Submit("input[name=name]"))
	b.shows("topic clicks was created")
	for i, value := range []string{`{"id": 1, "city": "Köln"}`, "<script>document.title = 'broken'</script>", "plain text"} {
		b.load("/topics/orders")
		b.do(
			chromedp.Click("//summary[contains(., 'Produce')]"), chromedp.WaitVisible("textarea[name=value]"),
			chromedp.SendKeys("input[name=key]", fmt.Sprintf("key-%d", i)), chromedp.SendKeys("textarea[name=value]", value),
			chromedp.SendKeys("textarea[name=headers]", "trace: abc"), chromedp.Submit("textarea[name=value]"),
		)
		b.shows("the record is at offset")
	}
	b.load("/schemas")
	b.do(chromedp.SendKeys("input[name=target]", "state"), chromedp.SendKeys("textarea[name=schema]", `{"type":"record","name":"shop.State","fields":[{"name":"count","type":"long"}]}`), chromedp.Submit("textarea[name=schema]"))
	b.shows("state is decoded by what was written")
	b.usable("/schemas")
	b.picture("schemas")
	b.load("/topics/state")
	b.do(
		chromedp.Click("//summary[contains(., 'Produce')]"), chromedp.WaitVisible("textarea[name=value]"), chromedp.SendKeys("select[name=value_kind]", "hex"),
		chromedp.SendKeys("input[name=key]", "k"), chromedp.SendKeys("textarea[name=value]", "0000000007 54"), chromedp.Submit("textarea[name=value]"),
	)
	b.shows("the record is at offset")
	b.load("/topics/state/records")
	b.shows("shop.State schema id 7")
	b.load("/topics/orders/records")
	b.shows("<script>document.title")
	b.pictures("records")
	b.do(chromedp.KeyEvent("/"))
	b.until("document.activeElement.id === 'q'")
	b.load("/topics/orders/records?filter=json.id+%3D%3D+1")
	b.until("document.querySelectorAll('main tbody tr').length === 1")
	b.do(chromedp.Click("input[name=mark]"), chromedp.Click("//button[.='Make this a test']"))
	b.shows("tester.Replay(t")
	b.usable("a test")
	b.picture("test")
	b.load("/topics/orders/records?q=K%C3%B6ln")
	b.until("document.querySelectorAll('main tbody tr').length === 1")
	b.do(chromedp.Click("main tbody td.n a", chromedp.ByQuery))
	b.shows("Headers")
	b.do(chromedp.Click("//summary[contains(., 'Change and send')]"), chromedp.WaitVisible("textarea[name=value]"))
	b.usable("a record")
	b.picture("record")
	b.do(chromedp.Click("//button[contains(., 'Send it again')]"))
	b.shows("the record is at offset")
	b.load("/topics/orders/records?tail=1")
	produceInBackground(t, b)
	b.shows("came while you looked")
	b.load("/topics/orders/0")
	b.load("/topics")
	b.do(chromedp.Click("//th//button[contains(., 'Records')]"), chromedp.WaitVisible("th[aria-sort=ascending]"))
	b.picture("topics")
	b.load("/faults")
	b.do(chromedp.SendKeys("#faults", "on produce topic=nobody nth=3: drop-response"), chromedp.Submit("#faults"))
	b.shows("1 faults were added")
	b.usable("/faults")
	b.load("/groups")
	b.load("/transactions")
	withoutScripts(b, "/topics", "orders")
	withoutScripts(b, "/topics/orders/records", "Köln")
	b.load("/")
	// at once: the page may look again, and put others in the place of its elements, as long as nothing is open
	b.do(chromedp.Evaluate(`{
		const of = (kind, text) => [...document.querySelectorAll(kind)].find((e) => e.textContent.includes(text));
		of("summary", "Stop").click();
		of("button", "Yes, stop broker 1").click();
	}`, nil))
	b.shows("broker 1 is down")
	b.usable("/")
	b.pictures("cluster")
	var title string
	if b.do(chromedp.Title(&title)); strings.Contains(title, "broken") {
		t.Error("a record was run")
	}
}

// withoutScripts looks whether a page says something to a browser that runs no scripts.
func withoutScripts(b *browser, path, text string) {
	b.Helper()
	b.do(emulation.SetScriptExecutionDisabled(true), chromedp.Navigate(b.base+path), chromedp.WaitVisible("main h1", chromedp.ByQuery))
	var main string
	b.do(chromedp.OuterHTML("main", &main, chromedp.ByQuery), emulation.SetScriptExecutionDisabled(false))
	if !strings.Contains(main, text) || strings.Contains(main, "<th><button") {
		b.Errorf("%s without scripts:\n%s", path, main)
	}
}

// produceInBackground adds a record as another program does, while the browser shows the tail.
func produceInBackground(t *testing.T, b *browser) {
	t.Helper()
	err := chromedp.Run(b.ctx, chromedp.Evaluate(`(async () => {
		const text = await (await fetch("/topics/orders")).text();
		const token = new DOMParser().parseFromString(text, "text/html").querySelector("input[name=token]").value;
		await fetch("/topics/orders/records", {method: "POST", headers: {"X-Token": token, Accept: "application/json"}, body: new URLSearchParams({key: "late", value: "came while you looked"})});
	})()`, nil, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
	if err != nil {
		t.Fatal(err)
	}
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func await(t *testing.T, address string) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-time.After(20 * time.Millisecond) {
		if answer, err := http.Get(address); err == nil {
			_ = answer.Body.Close()
			return
		}
	}
	t.Fatalf("nobody answers at %s", address)
}

type quiet struct{}

func (quiet) Print(...any)          {}
func (quiet) Println(...any)        {}
func (quiet) Printf(string, ...any) {}

// TestTheProgramsPages goes through goka/web.
func TestTheProgramsPages(t *testing.T) {
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	cluster := memkafka.New(memkafka.WithInitialRebalanceDelay(0))
	defer cluster.Close()
	release, err := memkafka.SetNamed("browser", cluster)
	check(err)
	defer release()
	brokers := []string{"mem://browser"}
	check(cluster.CreateTopic("orders", 4))
	check(cluster.CreateTopic("totals", 4))
	check(cluster.CreateTopic("prices", 4, memkafka.WithConfig("cleanup.policy", "compact")))
	p, err := goka.NewProcessor(brokers, goka.DefineGroup("counts",
		goka.Input("orders", new(codec.String), func(ctx goka.Context, msg any) {
			ctx.SetValue(msg)
			ctx.Emit("totals", ctx.Key(), msg)
		}),
		goka.Join("prices", new(codec.String)), goka.Output("totals", new(codec.String)), goka.Persist(new(codec.String))), goka.WithLogger(quiet{}))
	check(err)
	v, err := goka.NewView(brokers, "counts-table", new(codec.String), goka.WithViewLogger(quiet{}))
	check(err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- p.Run(ctx) }()
	go func() { done <- v.Run(ctx) }()
	defer func() {
		cancel()
		check(errors.Join(<-done, <-done))
	}()
	check(p.WaitForReady())
	<-v.WaitRunning()
	e, err := goka.NewEmitter(brokers, "orders", new(codec.String), goka.WithEmitterLogger(quiet{}))
	check(err)
	for i := range 120 {
		check(e.EmitSync(fmt.Sprintf("order-%03d", i), fmt.Sprintf("value <b>%d</b>", i)))
	}
	check(e.Finish())

	root := http.NewServeMux()
	m, q, a, i := monitor.NewServer("/monitor", root), query.NewServer("/query", root), actions.NewServer("/actions", root), index.NewServer("/", root)
	i.AddComponent(m, "Monitor")
	i.AddComponent(q, "Query")
	i.AddComponent(a, "Actions")
	m.AttachProcessor(p)
	m.AttachView(v)
	check(q.AttachView("counts", v))
	check(a.AttachFuncAction("repair", "Goes over all rows and corrects them.", func(ctx context.Context, _ string) error {
		actions.Progress(ctx, 30, 120, "rows")
		<-ctx.Done()
		return ctx.Err()
	}))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	server := &http.Server{Handler: root}
	go func() { _ = server.Serve(l) }()
	defer server.Close()
	defer func() { check(a.Close(context.Background())) }()

	b := open(t, "http://"+l.Addr().String())
	b.load("/")
	b.do(chromedp.Click("//a[.='Monitor']"))
	b.shows("counts")
	b.usable("/monitor/")
	b.pictures("monitor")
	b.do(chromedp.Click("//table//a[.='counts']"))
	b.shows("Rebalances")
	b.usable("/monitor/processor/0")
	b.pictures("processor")
	withoutScripts(b, "/monitor/", "counts")
	withoutScripts(b, "/query/counts", "order-000")
	b.load("/monitor/view/0")
	b.load("/query/")
	b.do(chromedp.Click("//a[.='counts']"))
	b.shows("order-000")
	b.usable("/query/counts")
	b.picture("query")
	b.do(chromedp.Click("//a[.='Next rows']"))
	b.shows("order-050")
	b.do(chromedp.SendKeys("#key", "order-007"), chromedp.Submit("#key"))
	b.shows("value")
	b.usable("/query/counts?key=order-007")
	b.load("/actions/")
	b.do(chromedp.Click("summary"), chromedp.Click("//button[contains(., 'Yes, start repair')]"))
	b.shows("30 of 120")
	b.usable("/actions/")
	b.picture("actions")
	b.do(chromedp.Click("//button[.='Stop']"))
	b.shows("stopped")
}
