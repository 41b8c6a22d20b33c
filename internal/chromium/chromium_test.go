package chromium_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weir-ci/weir/internal/chromium"
)

// open starts a browser and opens a tab in it, and bounds what is done there.
func open(t *testing.T) (context.Context, *chromium.Browser, *chromium.Tab) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	t.Cleanup(cancel)
	b, err := chromium.Start(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { must(t, b.Close()) })
	return ctx, b, tabOf(ctx, t, b)
}

func tabOf(ctx context.Context, t *testing.T, b *chromium.Browser) *chromium.Tab {
	t.Helper()
	tab, err := b.Tab(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tab.Close)
	return tab
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// uneasy serves pages whose documents are numbered, and of which nothing stays.
func uneasy(t *testing.T) string {
	var documents atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!doctype html><title>uneasy</title><body><h1>%d</h1><a href="%s">again</a>`, documents.Add(1), r.URL.Path)
		switch r.URL.Path {
		case "/morphed": // as by a live update, only all the time
			fmt.Fprint(w, `<script>setInterval(() => document.body.replaceWith(document.body.cloneNode(true)), 4)</script>`)
		case "/reloaded":
			fmt.Fprint(w, `<script>onload = () => setTimeout(() => location.reload(), 200)</script>`)
		case "/refreshed": // without scripts
			fmt.Fprint(w, `<meta http-equiv="refresh" content="1">`)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// TestUneasyPages reads and follows links in pages whose documents, or all that is in
// them, are replaced all the time.
func TestUneasyPages(t *testing.T) {
	t.Parallel()
	ctx, b, _ := open(t)
	url := uneasy(t)
	for path, times := range map[string]int{"/morphed": 50, "/reloaded": 10, "/refreshed": 5} { // to load takes its time
		t.Run(path[1:], func(t *testing.T) {
			t.Parallel()
			tab := tabOf(ctx, t, b)
			must(t, tab.Scripts(ctx, path != "/refreshed"))
			number := func() int {
				t.Helper()
				text, err := tab.Text(ctx, "h1")
				must(t, err)
				n, err := strconv.Atoi(text)
				must(t, err)
				return n
			}
			must(t, tab.Goto(ctx, url+path))
			for range times {
				before := number()
				must(t, tab.Follow(ctx, "a"))
				if after := number(); after <= before {
					t.Fatalf("after document %d there is document %d", before, after)
				}
			}
			for at := ""; at != "/calm"; { // the page that is left may be loaded once more
				must(t, tab.Goto(ctx, url+"/calm"))
				var err error
				at, err = chromium.Eval[string](ctx, tab, `location.pathname`)
				must(t, err)
			}
		})
	}
}

const formPage = `<!doctype html><title>form</title><body style="margin: 0; width: 100%"><h1>Who?</h1>
<form method="post"><input id="name" name="name"><button>Send</button></form><a href="#down">down</a>
<script>
	let keys = ""; addEventListener("keydown", (e) => { keys += e.key; });
	console.warn("a form, nr", 7); document.cookie = "seen=1";
</script>`

// forms serves a form, and says what was sent with it.
func forms(t *testing.T) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		if r.Method == http.MethodPost {
			fmt.Fprintf(w, `<!doctype html><title>sent</title><h1>Hello %s</h1>`, r.PostFormValue("name"))
			return
		}
		fmt.Fprint(w, formPage)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// TestForm types and sends, with scripts and without.
func TestForm(t *testing.T) {
	t.Parallel()
	ctx, b, _ := open(t)
	url := forms(t)
	for _, scripts := range []bool{true, false} {
		tab := tabOf(ctx, t, b)
		must(t, tab.Scripts(ctx, scripts))
		must(t, tab.Goto(ctx, url))
		must(t, tab.Goto(ctx, url+"/#down")) // no other document
		must(t, tab.Focus(ctx, "#name"))
		must(t, tab.Type(ctx, "Ada"))
		must(t, tab.Wait(ctx, `document.getElementById("name").value === "Ada"`))
		if keys, err := chromium.Eval[string](ctx, tab, `typeof keys === "string" ? keys : ""`); err != nil || scripts && keys != "Ada" {
			t.Errorf("the keys are %q, %v", keys, err)
		}
		must(t, tab.Follow(ctx, "form button"))
		if text, err := tab.Text(ctx, "h1"); err != nil || text != "Hello Ada" {
			t.Errorf("what was sent is %q, %v", text, err)
		}
		messages, err := tab.Console(ctx)
		must(t, err)
		if got := strings.Join(messages, "\n"); scripts != strings.Contains(got, "a form, nr 7") {
			t.Errorf("scripts %t: the console says %q", scripts, got)
		}
		if messages, err = tab.Console(ctx); err != nil || len(messages) != 0 {
			t.Errorf("the console says %q once more, %v", messages, err)
		}
	}
}

// TestTabs looks at one page in two tabs, which share nothing.
func TestTabs(t *testing.T) {
	t.Parallel()
	ctx, b, one := open(t)
	two := tabOf(ctx, t, b)
	url := forms(t)
	must(t, one.Goto(ctx, url))
	must(t, two.Scripts(ctx, false))
	must(t, two.Goto(ctx, url))
	for tab, want := range map[*chromium.Tab]string{one: "seen=1", two: ""} {
		for _, l := range []chromium.Look{{Width: 1200}, {Width: 390, Dark: true}, {Width: 700, Print: true}} {
			must(t, tab.Look(ctx, l))
			const seen = `document.body.offsetWidth + (matchMedia("(prefers-color-scheme: dark)").matches ? "-dark" : "-light") + (matchMedia("print").matches ? "-print" : "")`
			if got, err := chromium.Eval[string](ctx, tab, seen); err != nil || got != l.String() {
				t.Errorf("the page is looked at as %q, want %s, %v", got, l, err)
			}
		}
		if cookies, err := chromium.Eval[string](ctx, tab, `document.cookie`); err != nil || cookies != want {
			t.Errorf("the cookies are %q, want %q, %v", cookies, want, err)
		}
	}
	picture, err := one.Picture(ctx)
	if must(t, err); !strings.HasPrefix(string(picture), "\x89PNG") {
		t.Errorf("the picture begins with %q", picture[:min(len(picture), 8)])
	}
}

// TestHeap counts what a page holds, and not what it has let go of.
func TestHeap(t *testing.T) {
	t.Parallel()
	ctx, _, tab := open(t)
	must(t, tab.Goto(ctx, forms(t)))
	heap := func(js string) float64 {
		t.Helper()
		must(t, tab.Do(ctx, js))
		n, err := tab.Heap(ctx)
		must(t, err)
		return n
	}
	const things = 1_000_000
	before := heap(`window.held = null`)
	held := heap(fmt.Sprintf(`window.held = Array.from({length: %d}, (_, i) => ({i}))`, things))
	after := heap(`window.held = null`)
	if held < before+8*things || after > held-8*things {
		t.Errorf("of %d things %.0f bytes come, and %.0f go", things, held-before, held-after)
	}
}

// TestTold is about errors: what is told when a page cannot be had, when something
// does not come true, and when JavaScript is wrong.
func TestTold(t *testing.T) {
	t.Parallel()
	ctx, _, tab := open(t)
	// A server that hangs up: on a port where nobody listens somebody may listen soon.
	away := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	t.Cleanup(away.Close)
	tells := func(err error, want string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want one with %q", err, want)
		}
	}
	tells(tab.Goto(ctx, away.URL), "ERR_EMPTY_RESPONSE")
	must(t, tab.Goto(ctx, forms(t)))
	tells(tab.Wait(ctx, `)(`), "SyntaxError")
	short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	tells(tab.Wait(short, `document.querySelector("h2").hidden`), "deadline exceeded")
	tells(tab.Wait(short, `false`), "the page says: http") // the tab has outlived it
	tells(tab.Follow(short, "h2"), "deadline exceeded")
	must(t, tab.Do(ctx, fmt.Sprintf(`document.querySelector("a").href = %q`, away.URL)))
	tells(tab.Follow(ctx, "a"), "leads nowhere")
	_, err := chromium.Eval[int](ctx, tab, `nothing.here`)
	tells(err, "ReferenceError")
}

// TestNoBrowser looks for a browser where there is none.
func TestNoBrowser(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := chromium.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "apt-get install -y chromium") {
		t.Errorf("the error is %v", err)
	}
}
