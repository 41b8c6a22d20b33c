package server_test

import (
	"context"
	"fmt"
	"net"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/server"
	"github.com/weir-ci/weir/internal/server/servertest"
)

// browserTime bounds one scenario in the browser on a busy machine.
const browserTime = 2 * time.Minute

// serve starts a server on a farm whose clock stands still.
func serve(t *testing.T, f *servertest.Farm) *httptest.Server {
	t.Helper()
	h, err := server.New(server.Options{Farm: f, Name: "Riverside", Now: func() time.Time { return f.Now }})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(h)
	ctx, cancel := context.WithCancel(context.Background())
	s.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	s.Start()
	t.Cleanup(func() { cancel(); s.CloseClientConnections(); s.Close() })
	return s
}

// browser starts a chromium of its own and returns a tab in it, and a
// function that tells what the tab wrote to its console.
func browser(t *testing.T) (tab context.Context, complaints func() []string) {
	t.Helper()
	path := "/usr/bin/chromium"
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("chromium is not installed (%v); install it with: apt-get install -y chromium", err)
	}
	dir, err := os.MkdirTemp("", "weir-chromium")
	if err != nil {
		t.Fatal(err)
	}
	opts := []chromedp.ExecAllocatorOption{chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Headless, chromedp.UserDataDir(dir), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true)}
	ctx, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	ctx, timeUp := context.WithTimeout(ctx, browserTime)
	tab, closeTab := chromedp.NewContext(ctx)
	t.Cleanup(func() {
		closeTab()
		timeUp()
		stop()
		// Chromium's helpers may still write for a moment; what they leave is
		// in the temporary directory and nobody's loss.
		_ = os.RemoveAll(dir)
	})
	if err := chromedp.Do(tab); err != nil {
		t.Fatalf("chromium does not start: %v", err)
	}
	var mu sync.Mutex
	var texts []string
	messages := chromedp.Console(tab)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			mu.Lock()
			texts = append(texts, m.String()+" "+m.URL)
			mu.Unlock()
		}
	}()
	return tab, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string{}, texts...)
	}
}

func do(t *testing.T, tab context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(tab, steps...); err != nil {
		t.Fatal(err)
	}
}

func eval[T any](t *testing.T, tab context.Context, js string) T {
	t.Helper()
	v, err := chromedp.Run(tab, chromedp.Evaluate[T](js))
	if err != nil {
		t.Fatalf("%s: %v", js, err)
	}
	return v
}

// wait polls the page until js is true.
func wait(t *testing.T, tab context.Context, js string) {
	t.Helper()
	if _, err := chromedp.Run(tab, chromedp.Poll[bool](js, chromedp.WithPollingTimeout(30*time.Second),
		chromedp.WithPollingInterval(50*time.Millisecond))); err != nil {
		t.Fatalf("%s: %v; the page says: %.2000s", js, err, eval[string](t, tab, `document.body.innerText`))
	}
}

func look(t *testing.T, tab context.Context, width int64, dark bool) {
	t.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	if _, err := chromedp.Call(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}); err != nil {
		t.Fatal(err)
	}
	do(t, tab, chromedp.EmulateViewport(width, 900))
}

// shoot keeps a picture of the whole page if somebody asked for it.
func shoot(t *testing.T, tab context.Context, name string) {
	t.Helper()
	dir := os.Getenv("WEIR_SCREENSHOTS")
	if dir == "" {
		return
	}
	picture, err := chromedp.Run(tab, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644); err != nil {
		t.Fatal(err)
	}
}

// lowContrast finds texts whose contrast with what is behind them is below
// 4.5, the limit of WCAG AA for text of any size.
const lowContrast = `(() => {
	const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
	const known = new Map();
	const rgba = (color) => {
		if (!known.has(color)) known.set(color, draw(color));
		return known.get(color);
	};
	const draw = (color) => {
		canvas.clearRect(0, 0, 1, 1);
		canvas.fillStyle = color;
		canvas.fillRect(0, 0, 1, 1);
		return [...canvas.getImageData(0, 0, 1, 1).data];
	};
	const light = (c) => {
		const [r, g, b] = c.map((v) => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
		return .2126 * r + .7152 * g + .0722 * b;
	};
	const ground = (e) => {
		for (; e; e = e.parentElement) {
			const c = rgba(getComputedStyle(e).backgroundColor);
			if (c[3] > 250) return c;
		}
		return [255, 255, 255];
	};
	const walker = document.createTreeWalker(document.querySelector("body"), NodeFilter.SHOW_TEXT);
	const seen = new Set();
	while (walker.nextNode()) {
		const e = walker.currentNode.parentElement;
		if (seen.has(e) || !walker.currentNode.data.trim() || !e.checkVisibility()) continue;
		seen.add(e);
		if (seen.size > 400) break;
		const a = light(rgba(getComputedStyle(e).color).slice(0, 3)), b = light(ground(e).slice(0, 3));
		const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
		if (ratio < 4.5) return e.className + " " + ratio.toFixed(2) + " " + walker.currentNode.data.slice(0, 60);
	}
	return "";
})()`

// TestPagesInBrowser opens every page in light and dark, wide and on a phone.
// Nothing may be wrong with a page for the browser, and nothing may stick out.
func TestPagesInBrowser(t *testing.T) {
	t.Parallel()
	s := serve(t, servertest.Demo())
	empty := serve(t, servertest.New())
	hostile := serve(t, servertest.Hostile())
	many := serve(t, servertest.Many(1000))
	openPages(t, []view{
		{"overview", s.URL + "/", "upper: fold sharp s"},
		{"build", s.URL + "/builds/41", "Run this yourself"},
		{"running", s.URL + "/builds/44", "results"},
		{"regression", s.URL + "/regressions/3", "97 % sure"},
		{"search", s.URL + "/regressions/4", "7 suspects left"},
		{"lock-step", s.URL + "/regressions/5", "brook 99d2000000 and mill 58c4000000 have to move together"},
		{"test", s.URL + demoTest(), "Only here: on mill/test"},
		{"builds", s.URL + "/builds", "brook/build"},
		{"regressions", s.URL + "/regressions", "Closed"},
		{"flaky", s.URL + "/flaky", "What the bad runs have in common: worker bittern: 6 of 6"},
		{"flaky-project", s.URL + "/flaky?project=mill", "Flaky tests of mill"},
		{"missing", s.URL + "/nowhere", "Not found"},
		{"empty", empty.URL + "/", "has no projects yet"},
		{"many", many.URL + "/", "3 in trouble"},
		{"filtered", many.URL + "/?q=project-030", "project-0300"},
		{"hostile", hostile.URL + "/", "alert(1)"},
		{"hostile-build", hostile.URL + "/builds/41", "alert(1)"},
		{"hostile-test", hostile.URL + demoTest(), "alert(1)"},
		{"hostile-regression", hostile.URL + "/regressions/3", "alert(1)"},
		{"hostile-flaky", hostile.URL + "/flaky", "alert(1)"},
		{"hostile-corners", hostile.URL + "/regressions/5", "alert(1)"},
	})
}

// TestSayingsInBrowser opens the pages of regressions of which people have said
// something, in the same way.
func TestSayingsInBrowser(t *testing.T) {
	t.Parallel()
	held := serve(t, servertest.Held())
	hostile := serve(t, servertest.Hostile())
	openPages(t, []view{
		{"held", held.URL + "/", "2 regressions are open, 6 tests bad; 1 in hand"},
		{"held-regressions", held.URL + "/regressions", "in hand: otter until 2026-03-20"},
		{"held-regression", held.URL + "/regressions/3", "weir regressions unacknowledge 3"},
		{"asked", held.URL + "/regressions/79", "asked by otter · is it the same on 3.2?"},
		{"hostile-asked", hostile.URL + "/regressions/79", "alert(1)"},
	})
}

// view is a page and a text that is on it.
type view struct{ name, url, text string }

// openPages opens pages in light and dark, wide and on a phone.
func openPages(t *testing.T, pages []view) {
	t.Helper()
	tab, complaints := browser(t)
	for _, p := range pages {
		look(t, tab, 1280, false)
		do(t, tab, chromedp.Navigate(p.url))
		wait(t, tab, `!document.querySelector("details[open] .log") || document.querySelector(".log-row .log-t")?.textContent.length > 1`)
		if text := eval[string](t, tab, `document.body.innerText`); !strings.Contains(text, p.text) {
			t.Errorf("%s: %q is not on the page:\n%.1500s", p.name, p.text, text)
		}
		if eval[bool](t, tab, `!!window.hacked`) {
			t.Errorf("%s: foreign text was run", p.name)
		}
		for _, width := range []int64{1280, 390} {
			for _, dark := range []bool{false, true} {
				name := fmt.Sprintf("%s-%d-%s", p.name, width, map[bool]string{false: "light", true: "dark"}[dark])
				look(t, tab, width, dark)
				if over := eval[int](t, tab, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
					t.Errorf("%s: the page is %d pixels too wide", name, over)
				}
				if bad := eval[string](t, tab, lowContrast); bad != "" {
					t.Errorf("%s: too little contrast: %s", name, bad)
				}
				shoot(t, tab, name)
			}
		}
	}
	for _, c := range complaints() {
		if !strings.Contains(c, "404") { // the missing page itself
			t.Errorf("console: %s", c)
		}
	}
}

// demoTest is the page of the demo's test.
func demoTest() string {
	id := servertest.DemoTest()
	return "/tests?" + url.Values{"project": {"mill"}, "suite": {id.Suite}, "name": {id.Name}}.Encode()
}

// TestLiveUpdate changes the farm under an open page.
func TestLiveUpdate(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	s := serve(t, f)
	tab, complaints := browser(t)
	do(t, tab, chromedp.Navigate(s.URL+"/"))
	wait(t, tab, `!document.getElementById("live-state").hidden`)
	do(t, tab, chromedp.Evaluate[chromedp.Void](`void (window.kept = true)`))
	for i := range 20 {
		f.Change(weir.EventBuild, "44", func() { f.State.Doubted = i + 2 })
	}
	f.Change(weir.EventRegression, "4", func() {
		f.State.Regressions = f.State.Regressions[:1]
	})
	wait(t, tab, `document.querySelector("h1").textContent.startsWith("1 regression is open") && document.title.startsWith("1 regression")`)
	if !eval[bool](t, tab, `window.kept === true`) {
		t.Error("the page was loaded again")
	}
	for _, c := range complaints() {
		t.Errorf("console: %s", c)
	}
}

// TestLongLog opens a log of 100 MB, jumps to its end and to a line, and
// follows it when it grows. Only what is in sight may be in the document.
func TestLongLog(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	const lines = 1_300_000 // of 80 bytes
	pad := strings.Repeat("~", 60)
	f.Logs[2] = servertest.Log{Lines: lines, Bytes: lines * 80, Line: func(n int64) string { return fmt.Sprintf("line %013d %s", n+1, pad) }}
	s := serve(t, f)
	tab, complaints := browser(t)
	look(t, tab, 1280, false)
	do(t, tab, chromedp.Navigate(fmt.Sprintf("%s/builds/%d", s.URL, servertest.RunningBuild)))
	shown := func(n int) string {
		return fmt.Sprintf(`[...document.querySelectorAll("#step-2 .log-t")].some(e => e.textContent.startsWith("line %013d "))`, n)
	}
	wait(t, tab, shown(lines)) // a running step is followed
	f.Change(weir.EventLog, "44", func() {
		log := f.Logs[2]
		log.Lines += 5000
		f.Logs[2] = log
	})
	wait(t, tab, shown(lines+5000))
	do(t, tab, chromedp.Evaluate[chromedp.Void](`void (location.hash = "#step-2-L600000")`))
	wait(t, tab, shown(600_000))
	wait(t, tab, `document.querySelector(".log-row.is-marked .log-n").textContent === "600000"`)
	do(t, tab, chromedp.Evaluate[chromedp.Void](`void document.querySelector("#step-2 .log-view").scrollBy(0, 200)`))
	wait(t, tab, shown(600_015))
	do(t, tab, chromedp.Evaluate[chromedp.Void](`void [...document.querySelectorAll("#step-2 button")].find(b => b.textContent === "Start").click()`))
	wait(t, tab, shown(1))
	do(t, tab, chromedp.Evaluate[chromedp.Void](`void [...document.querySelectorAll("#step-2 button")].find(b => b.textContent === "End").click()`))
	wait(t, tab, shown(lines+5000))
	if n := eval[int](t, tab, `document.querySelectorAll("#step-2 *").length`); n > 400 {
		t.Errorf("the log has %d elements in the document, want at most 400", n)
	}
	for _, c := range complaints() {
		t.Errorf("console: %s", c)
	}
}

// TestWithoutScript reads a build's page as a browser without JavaScript does.
func TestWithoutScript(t *testing.T) {
	t.Parallel()
	s := serve(t, servertest.Demo())
	tab, _ := browser(t)
	if _, err := chromedp.Call(tab, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	do(t, tab, chromedp.Navigate(s.URL+"/builds/41"))
	text, err := chromedp.Run(tab, chromedp.Text(chromedp.CSS("#step-2 .log-tail")))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text, "--- FAIL: TestUpper/case_1 (0.03s)") || !strings.Contains(text, "module_2399.c") || strings.Contains(text, "module_2199.c") {
		t.Errorf("the end of the log is not on the page: %.300s", text)
	}
	shoot(t, tab, "noscript")
}
