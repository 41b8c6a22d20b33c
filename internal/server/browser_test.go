package server_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/browsertest"
	"github.com/weir-ci/weir/internal/server"
	"github.com/weir-ci/weir/internal/server/servertest"
)

// serve starts a server on a farm whose clock stands still.
func serve(t *testing.T, f *servertest.Farm) *httptest.Server {
	t.Helper()
	h, err := server.New(server.Options{Farm: f, Views: f.Views(&servertest.Acts{}), Name: "Riverside", Now: func() time.Time { return f.Now }})
	if err != nil {
		t.Fatal(err)
	}
	return host(t, h)
}

// host serves pages until the test is over.
func host(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	ctx, cancel := context.WithCancel(context.Background())
	s.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	s.Start()
	t.Cleanup(func() { cancel(); s.CloseClientConnections(); s.Close() })
	return s
}

// shoot keeps a picture of the whole page if somebody asked for it.
func shoot(t *testing.T, tab *browsertest.Tab, name string) {
	t.Helper()
	dir := os.Getenv("WEIR_SCREENSHOTS")
	if dir == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), tab.Picture(), 0o644); err != nil {
		t.Fatal(err)
	}
}

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
		{"many", many.URL + "/", "1,000 projects, 3 bad"},
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
	tab := browsertest.Open(t)
	for _, p := range pages {
		tab.Look(browsertest.Look{Width: 1280})
		tab.Goto(p.url)
		tab.Wait(`!document.querySelector("details[open] .log") || document.querySelector(".log-row .log-t")?.textContent.length > 1`)
		if text := browsertest.Eval[string](tab, `document.body.innerText`); !strings.Contains(text, p.text) {
			t.Errorf("%s: %q is not on the page:\n%.1500s", p.name, p.text, text)
		}
		if browsertest.Eval[bool](tab, `!!window.hacked`) {
			t.Errorf("%s: foreign text was run", p.name)
		}
		for _, width := range []int64{1280, 390} {
			for _, dark := range []bool{false, true} {
				name := fmt.Sprintf("%s-%d-%s", p.name, width, map[bool]string{false: "light", true: "dark"}[dark])
				tab.Look(browsertest.Look{Width: width, Dark: dark})
				if over, what, loose := tab.Wider(); over > 0 || loose != "" {
					t.Errorf("%s: the page is %d pixels too wide: %s; does not scroll: %s", name, over, what, loose)
				}
				if bad := tab.LowContrast(); bad != "" {
					t.Errorf("%s: too little contrast: %s", name, bad)
				}
				shoot(t, tab, name)
			}
		}
	}
	for _, c := range tab.Console() {
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
	tab := browsertest.Open(t)
	tab.Goto(s.URL + "/")
	tab.Wait(`!document.getElementById("live-state").hidden`)
	tab.Run(`window.kept = true`)
	for i := range 20 {
		f.Change(weir.EventBuild, "44", func() { f.State.Doubted = i + 2 })
	}
	f.Change(weir.EventRegression, "4", func() {
		f.State.Regressions = f.State.Regressions[:1]
	})
	tab.Wait(`document.querySelector("h1").textContent.startsWith("1 regression is open") && document.title.startsWith("1 regression")`)
	if !browsertest.Eval[bool](tab, `window.kept === true`) {
		t.Error("the page was loaded again")
	}
	for _, c := range tab.Console() {
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
	tab := browsertest.Open(t)
	tab.Look(browsertest.Look{Width: 1280})
	tab.Goto(fmt.Sprintf("%s/builds/%d", s.URL, servertest.RunningBuild))
	shown := func(n int) string {
		return fmt.Sprintf(`[...document.querySelectorAll("#step-2 .log-t")].some(e => e.textContent.startsWith("line %013d "))`, n)
	}
	tab.Wait(shown(lines)) // a running step is followed
	f.Change(weir.EventLog, "44", func() {
		log := f.Logs[2]
		log.Lines += 5000
		f.Logs[2] = log
	})
	tab.Wait(shown(lines + 5000))
	tab.Run(`location.hash = "#step-2-L600000"`)
	tab.Wait(shown(600_000))
	tab.Wait(`document.querySelector(".log-row.is-marked .log-n").textContent === "600000"`)
	tab.Run(`document.querySelector("#step-2 .log-view").scrollBy(0, 200)`)
	tab.Wait(shown(600_015))
	tab.Run(`[...document.querySelectorAll("#step-2 button")].find(b => b.textContent === "Start").click()`)
	tab.Wait(shown(1))
	tab.Run(`[...document.querySelectorAll("#step-2 button")].find(b => b.textContent === "End").click()`)
	tab.Wait(shown(lines + 5000))
	if n := browsertest.Eval[int](tab, `document.querySelectorAll("#step-2 *").length`); n > 400 {
		t.Errorf("the log has %d elements in the document, want at most 400", n)
	}
	for _, c := range tab.Console() {
		t.Errorf("console: %s", c)
	}
}

// TestWithoutScript reads a build's page as a browser without JavaScript does.
func TestWithoutScript(t *testing.T) {
	t.Parallel()
	s := serve(t, servertest.Demo())
	tab := browsertest.Open(t)
	tab.Scripts(false)
	tab.Goto(s.URL + "/builds/41")
	text := tab.Text("#step-2 .log-tail")
	if !strings.Contains(text, "--- FAIL: TestUpper/case_1 (0.03s)") || !strings.Contains(text, "module_2399.c") || strings.Contains(text, "module_2199.c") {
		t.Errorf("the end of the log is not on the page: %.300s", text)
	}
	shoot(t, tab, "noscript")
}
