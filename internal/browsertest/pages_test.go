package browsertest_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir/internal/browsertest"
	"github.com/weir-ci/weir/internal/server"
	"github.com/weir-ci/weir/internal/server/servertest"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// serve serves a handler until the test ends.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	ctx, cancel := context.WithCancel(context.Background())
	s.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	s.Start()
	t.Cleanup(func() { cancel(); s.CloseClientConnections(); s.Close() })
	return s.URL
}

// stage serves a farm of servertest, whose clock stands still.
func stage(t *testing.T, f *servertest.Farm) string {
	t.Helper()
	h, err := server.New(server.Options{Farm: f, Name: "Riverside", Dev: true, Now: func() time.Time { return f.Now }, Views: f.Views(&servertest.Acts{})})
	must(t, err)
	return serve(t, h)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wide, dark, phone and night are the ways in which pages are looked at.
func wide() browsertest.Look  { return browsertest.Look{Width: 1200} }
func dark() browsertest.Look  { return browsertest.Look{Width: 1200, Dark: true} }
func phone() browsertest.Look { return browsertest.Look{Width: 390} }
func night() browsertest.Look { return browsertest.Look{Width: 390, Dark: true} }

// all are all ways to look at a page.
func all() []browsertest.Look { return []browsertest.Look{wide(), dark(), night(), phone()} }

// inspector opens pages in a tab and complains of them.
type inspector struct {
	t     *testing.T
	tab   *browsertest.Tab
	axe   string // source of axe-core; empty: it is not asked
	looks []browsertest.Look
}

// inspect looks at a page in every way, and complains.
func (i inspector) inspect(name, url string) {
	i.t.Helper()
	i.tab.Look(wide())
	i.tab.Goto(url)
	if h := browsertest.Eval[int](i.tab, `document.querySelectorAll("main h1").length`); h != 1 && name != "dev-components" {
		i.t.Errorf("%s: the page has %d headings of the first level", name, h)
	}
	if i.axe != "" {
		for _, p := range i.tab.Problems(i.axe) {
			i.t.Errorf("%s: %s, %s: %s: %s", name, p.Impact, p.Rule, p.Help, p.Where)
		}
	}
	for _, l := range i.looks {
		i.tab.Look(l)
		over, what, loose := i.tab.Wider()
		if over > 0 {
			i.t.Errorf("%s, %s: the page is %d pixels too wide: %s", name, l, over, what)
		}
		if loose != "" {
			i.t.Errorf("%s, %s: this does not scroll with the box that it is in: %s", name, l, loose)
		}
		if bad := i.tab.LowContrast(); bad != "" {
			i.t.Errorf("%s, %s: too little contrast: %s", name, l, bad)
		}
		if dir := os.Getenv("WEIR_LOOK"); dir != "" { // for those who work on the pages
			must(i.t, os.WriteFile(filepath.Join(dir, name+"-"+l.String()+".png"), i.tab.Picture(), 0o644))
		}
	}
	if browsertest.Eval[bool](i.tab, `!!window.hacked || document.body.innerText.startsWith("taken over")`) {
		i.t.Errorf("%s: foreign text was run", name)
	}
	for _, c := range i.tab.Console() {
		switch {
		case name == "nowhere" && strings.Contains(c, "404"):
		case strings.HasSuffix(name, "admin-reload") && strings.Contains(c, "501"): // this farm has no file
		default:
			i.t.Errorf("%s: console: %s", name, c)
		}
	}
}

// fileName makes a name for pictures of an address.
func fileName(path string) string {
	name := strings.Trim(strings.Map(func(c rune) rune {
		if strings.ContainsRune("/?&=%+", c) {
			return '-'
		}
		return c
	}, path), "-")
	if name == "" {
		return "overview"
	}
	return name[:min(len(name), 60)]
}

// sample are addresses of a page.
func (f *grown) sample(t *testing.T, samples map[string][]string, r page.Route) []string {
	t.Helper()
	if len(samples[r.Pattern]) == 0 {
		t.Fatalf("no address of page %s is known to this test; add one to samples", r.Pattern)
	}
	return samples[r.Pattern]
}

// looked reports whether an address is looked at by somebody who has not signed in;
// who works on the pages may choose some with $WEIR_LOOK_AT.
func looked(path string) bool {
	return strings.HasPrefix(path, os.Getenv("WEIR_LOOK_AT")) && !strings.HasPrefix(path, "/admin")
}

// signIn signs a browser in, as a person does who has a link.
func signIn(t *testing.T, tab *browsertest.Tab, f *grown) {
	t.Helper()
	code, err := f.SignInLink(t.Context(), "ada")
	must(t, err)
	tab.Goto(f.url + "/signin?code=" + code)
	tab.Follow("main form button")
	tab.Wait(`document.querySelector(".account summary")?.textContent.includes("ada") && document.readyState === "complete"`)
}

// TestHostilePages looks at every page of a farm whose every text is an attack. The
// pages are those of TestPages: what may break is how text is shown.
func TestHostilePages(t *testing.T) {
	t.Parallel()
	f := grow(t, true)
	i, samples := inspector{t: t, tab: browsertest.Open(t), looks: []browsertest.Look{wide(), phone()}}, f.find(t).samples()
	for _, r := range f.routes {
		if r.Pattern == "/dev/components" {
			continue // it shows nothing of the farm
		}
		if path := f.sample(t, samples, r)[0]; looked(path) {
			i.inspect("evil-"+fileName(path), f.url+path)
		}
	}
}

// TestStagedPages looks at pages of farms that are made up, in which everything
// occurs that seldom does.
func TestStagedPages(t *testing.T) {
	t.Parallel()
	i := inspector{t: t, tab: browsertest.Open(t), axe: browsertest.Axe(t), looks: []browsertest.Look{wide(), night()}}
	demo, empty, hostile := stage(t, servertest.Demo()), stage(t, servertest.New()), stage(t, servertest.Hostile())
	for name, at := range map[string]string{"demo": demo + "/", "demo-build": demo + "/builds/41", "demo-refused": demo + "/builds/38", "demo-regression": demo + "/regressions/3", "demo-flaky": demo + "/flaky",
		"nowhere": demo + "/nowhere", "empty": empty + "/", "empty-builds": empty + "/builds", "empty-regressions": empty + "/regressions", "hostile": hostile + "/",
		"hostile-refused": hostile + "/builds/38", "hostile-build": hostile + "/builds/41", "hostile-regression": hostile + "/regressions/3", "demo-workers": demo + "/workers", "demo-worker": demo + "/workers/otter",
		"demo-queue": demo + "/queue", "hostile-workers": hostile + "/workers", "hostile-queue": hostile + "/queue", "hostile-worker": hostile + "/workers/" + url.PathEscape(servertest.Nasty)} {
		i.inspect(name, at)
	}
}
