package front_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/weir-ci/weir/internal/browsertest"
	"github.com/weir-ci/weir/internal/server"
	"github.com/weir-ci/weir/internal/server/servertest"
)

// serve serves a farm that is made up, whose clock stands still.
func serve(t *testing.T, f *servertest.Farm) string {
	t.Helper()
	h, err := server.New(server.Options{Farm: f, Views: f.Views(&servertest.Acts{}), Name: "Riverside", Now: func() time.Time { return f.Now }})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(h)
	ctx, cancel := context.WithCancel(context.Background())
	s.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	s.Start()
	t.Cleanup(func() { cancel(); s.CloseClientConnections(); s.Close() })
	return s.URL
}

// TestInBrowser types into the field of the header and into the filter of the
// projects, and looks at all pages in every way.
func TestInBrowser(t *testing.T) {
	t.Parallel()
	tab := browsertest.Open(t)
	demo, many, hostile := serve(t, servertest.Demo()), serve(t, servertest.Many(1000)), serve(t, servertest.Hostile())

	tab.Goto(demo + "/")
	// One key asks once: an answer to fewer letters could come in later.
	tab.Focus("#search")
	tab.Run(`document.getElementById("search").value = "mil"`)
	tab.Type("l")
	tab.Wait(`document.querySelector("#found a[href='/projects/mill']")?.checkVisibility()`)
	picture(t, tab, "found")
	tab.Type(kb.ArrowDown)
	tab.Wait(`document.activeElement.getAttribute("href") === document.querySelector("#found a").getAttribute("href")`)
	tab.Type(kb.Escape)
	tab.Wait(`document.activeElement.id === "search" && !document.querySelector("#found a")`)
	tab.Type(kb.Escape)
	tab.Wait(`document.activeElement.id !== "search"`)
	tab.Goto(demo + "/search?q=regression+3&go=1") // as the field's form sends it
	if at := browsertest.Eval[string](tab, `location.pathname`); at != "/regressions/3" {
		t.Errorf("what was asked for exactly is not shown, but %s", at)
	}

	tab.Goto(many + "/")
	tab.Focus("#filter")
	tab.Type("project-0300")
	tab.Wait(`document.querySelectorAll(".projects > li").length === 1 && location.search === "?q=project-0300"`)
	tab.Wait(`document.activeElement.id === "filter" && document.activeElement.value === "project-0300"`)
	tab.Wait(`document.getElementById("view-address").textContent === location.href`)

	for name, url := range map[string]string{"overview": demo + "/", "many": many + "/?group=state", "projects": demo + "/projects?group=upstream", "project": demo + "/projects/mill",
		"builder": demo + "/builders/3", "run": demo + "/runs/11", "search": demo + "/search?q=mill", "nothing": demo + "/search", "hostile": hostile + "/", "hostile-search": hostile + "/search?q=%22%3E%3Cscript%3E"} {
		tab.Goto(url)
		for _, l := range []browsertest.Look{{Width: 1200}, {Width: 1200, Dark: true}, {Width: 390}, {Width: 390, Dark: true}} {
			tab.Look(l)
			if over, what, loose := tab.Wider(); over > 0 || loose != "" {
				t.Errorf("%s %s: %d pixels too wide: %s; does not scroll: %s", name, l, over, what, loose)
			}
			if low := tab.LowContrast(); low != "" {
				t.Errorf("%s %s: too little contrast: %s", name, l, low)
			}
			picture(t, tab, name+"-"+l.String())
		}
		if browsertest.Eval[bool](tab, `!!window.hacked`) {
			t.Errorf("%s: foreign text was run", name)
		}
		for _, c := range tab.Console() {
			t.Errorf("%s: console: %s", name, strings.TrimSpace(c))
		}
	}
}

// TestEscapeEndsSearch presses Escape while the search of the header is under way: its
// answer is shown to nobody any more.
func TestEscapeEndsSearch(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	h, err := server.New(server.Options{Farm: f, Views: f.Views(&servertest.Acts{}), Name: "Riverside", Now: func() time.Time { return f.Now }})
	if err != nil {
		t.Fatal(err)
	}
	asked, answer := make(chan string, 10), make(chan struct{}) // searches that have come, and may be answered
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/search" {
			asked <- r.URL.Query().Get("q")
			<-answer
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	tab := browsertest.Open(t)
	tab.Goto(s.URL + "/")
	tab.Run(`(window.begun = 0, window.sent = 0, window.over = 0)`)
	tab.Run(`document.querySelector("form.search").addEventListener("htmx:finally:request", () => { window.over++; })`)
	tab.Run(`document.addEventListener("htmx:before:request", (event) => {
		if (!event.target.matches("form.search")) return;
		window.begun++;
		window.sent += event.defaultPrevented ? 0 : 1;
	})`)
	// A key that no browser empties the field at.
	const escape = `document.getElementById("search").dispatchEvent(new KeyboardEvent("keydown", {key: "Escape", bubbles: true, cancelable: true}))`
	nothing := func(when string) {
		t.Helper()
		if got := browsertest.Eval[string](tab, `document.getElementById("found").textContent`); got != "" {
			t.Errorf("%s: found: %s", when, got)
		}
	}

	// It is on its way. One key asks once.
	tab.Focus("#search")
	tab.Run(`document.getElementById("search").value = "mil"`)
	tab.Type("l")
	if q := <-asked; q != "mill" {
		t.Fatalf("%q is looked for", q)
	}
	tab.Run(escape)
	tab.Wait(`document.activeElement.id !== "search"`)
	answer <- struct{}{}
	tab.Wait(`window.over === 1`)
	nothing("on its way")
	if browsertest.Eval[bool](tab, `document.activeElement.id === "search"`) {
		t.Error("the field has taken the focus again")
	}

	// It would have been on its way in a moment.
	tab.Focus("#search")
	tab.Run(`document.getElementById("search").value = "reed"`)
	tab.Run(`document.getElementById("search").dispatchEvent(new InputEvent("input", {bubbles: true})) && ` + escape)
	tab.Wait(`window.begun === 2`)
	if browsertest.Eval[int](tab, `window.sent`) > 1 {
		t.Errorf("%q is looked for all the same", <-asked)
		answer <- struct{}{}
	}
	tab.Wait(`window.over === 2`)
	nothing("not yet on its way")

	// Something is found already, and more is typed: the next answer is on its way.
	tab.Focus("#search")
	tab.Run(`document.getElementById("search").value = "mil"`)
	tab.Type("l")
	<-asked
	answer <- struct{}{}
	tab.Wait(`document.querySelector("#found a[href='/projects/mill']")?.checkVisibility()`)
	before := browsertest.Eval[int](tab, `window.over`)
	tab.Type(kb.Backspace)
	<-asked
	tab.Type(kb.Escape)
	tab.Wait(`document.activeElement.id === "search" && !document.querySelector("#found a")`)
	answer <- struct{}{}
	tab.Wait(fmt.Sprintf(`window.over > %d`, before))
	nothing("another one on its way")
	for _, c := range tab.Console() {
		t.Errorf("console: %s", c)
	}
}

// picture keeps a picture for those who work on the pages, in the directory
// $WEIR_LOOK.
func picture(t *testing.T, tab *browsertest.Tab, name string) {
	t.Helper()
	if dir := os.Getenv("WEIR_LOOK"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, "front-"+name+".png"), tab.Picture(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
