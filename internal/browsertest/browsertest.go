// Package browsertest opens pages in a real browser, for tests: it says what is
// wrong with a page that no reader of its HTML would see: what sticks out of the
// window, texts with too little contrast, what a screen reader cannot make sense of
// (axe-core), messages on the console.
//
// Its verbs are those of package chromium, none of which can race with the page; here
// they end the test if something goes wrong, and are bounded by the time that a very
// busy machine may take. Between something that is done and what it leads to there
// has to be a Wait, for the condition that is to be tested.
//
// The tests of this package hold every page of the farm against that.
package browsertest

import (
	"context"
	_ "embed"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weir-ci/weir/internal/chromium"
)

// patience bounds each thing that a test does in its browser: it is over at once when
// all is well, and may take minutes on a machine with much else to do.
const patience = 3 * time.Minute

// Look is how a page is looked at.
type Look = chromium.Look

// shared is the browser of a test program: to start one takes longer than most tests
// that need it. It runs while a test has a tab in it. Tests see nothing of each
// other, as each tab has cookies of its own.
var shared struct {
	sync.Mutex
	browser *chromium.Browser
	users   int
	err     error // why it does not start, which takes minutes: nobody else tries
}

// use starts the browser, if it does not run yet, and keeps it until the test ends.
func use(t testing.TB) *chromium.Browser {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.users == 0 && shared.err == nil {
		shared.browser, shared.err = chromium.Start(context.Background())
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	shared.users++
	t.Cleanup(func() {
		shared.Lock()
		defer shared.Unlock()
		if shared.users--; shared.users > 0 {
			return
		}
		if err := shared.browser.Close(); err != nil {
			t.Error(err)
		}
	})
	return shared.browser
}

// Tab is a tab of a browser, for one goroutine at a time.
type Tab struct {
	t   testing.TB
	tab *chromium.Tab
}

// Open opens a tab, which is closed when the test ends.
func Open(t testing.TB) *Tab {
	t.Helper()
	browser, b := use(t), &Tab{t: t}
	b.do(func(ctx context.Context) (err error) { b.tab, err = browser.Tab(ctx); return err })
	t.Cleanup(b.tab.Close)
	return b
}

// do lets the tab do something, and ends the test if that goes wrong.
func (b *Tab) do(verb func(context.Context) error) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), patience)
	defer cancel()
	if err := verb(ctx); err != nil {
		b.t.Fatal(err)
	}
}

// Goto opens an address, and waits until it has loaded.
func (b *Tab) Goto(url string) {
	b.t.Helper()
	b.do(func(ctx context.Context) error { return b.tab.Goto(ctx, url) })
}

// Follow clicks on what leads to another document, and waits until that has loaded.
func (b *Tab) Follow(selector string) {
	b.t.Helper()
	b.do(func(ctx context.Context) error { return b.tab.Follow(ctx, selector) })
}

// Click clicks on an element; wait for what comes of it.
func (b *Tab) Click(selector string) {
	b.t.Helper()
	b.do(func(ctx context.Context) error { return b.tab.Click(ctx, selector) })
}

// Focus gives an element the focus.
func (b *Tab) Focus(selector string) {
	b.t.Helper()
	b.do(func(ctx context.Context) error { return b.tab.Focus(ctx, selector) })
}

// Type presses keys in whatever has the focus; wait for what comes of it.
func (b *Tab) Type(keys string) {
	b.t.Helper()
	b.do(func(ctx context.Context) error { return b.tab.Type(ctx, keys) })
}

// Text waits for an element, and returns its text as it is shown.
func (b *Tab) Text(selector string) (text string) {
	b.t.Helper()
	b.do(func(ctx context.Context) (err error) { text, err = b.tab.Text(ctx, selector); return err })
	return text
}

// Eval runs JavaScript in the page, and returns its value or that of its promise.
func Eval[T any](b *Tab, js string) (v T) {
	b.t.Helper()
	b.do(func(ctx context.Context) (err error) { v, err = chromium.Eval[T](ctx, b.tab, js); return err })
	return v
}

// Run runs JavaScript whose value does not matter; wait for what comes of it.
func (b *Tab) Run(js string) {
	b.t.Helper()
	b.do(func(ctx context.Context) error { return b.tab.Do(ctx, js) })
}

// Wait waits until JavaScript is true in the page, or in one that the page leads to.
func (b *Tab) Wait(js string) {
	b.t.Helper()
	b.do(func(ctx context.Context) error { return b.tab.Wait(ctx, js) })
}

// Console is what the tab wrote to its console since it was last asked.
func (b *Tab) Console() (messages []string) {
	b.t.Helper()
	b.do(func(ctx context.Context) (err error) { messages, err = b.tab.Console(ctx); return err })
	return messages
}

// Look changes how pages are looked at, and waits until the page is laid out anew.
func (b *Tab) Look(l Look) {
	b.t.Helper()
	b.do(func(ctx context.Context) error { return b.tab.Look(ctx, l) })
}

// Scripts switches JavaScript on or off, for the pages that are opened next.
func (b *Tab) Scripts(on bool) {
	b.t.Helper()
	b.do(func(ctx context.Context) error { return b.tab.Scripts(ctx, on) })
}

// Heap is how many bytes the scripts of the page hold on to.
func (b *Tab) Heap() (bytes float64) {
	b.t.Helper()
	b.do(func(ctx context.Context) (err error) { bytes, err = b.tab.Heap(ctx); return err })
	return bytes
}

// Picture is a PNG of the whole page.
func (b *Tab) Picture() (png []byte) {
	b.t.Helper()
	b.do(func(ctx context.Context) (err error) { png, err = b.tab.Picture(ctx); return err })
	return png
}

//go:embed contrast.js
var contrast string

// LowContrast finds a text whose contrast with what is behind it is below 4.5,
// the limit of WCAG AA for text of any size; empty if there is none.
func (b *Tab) LowContrast() string {
	b.t.Helper()
	return Eval[string](b, contrast)
}

//go:embed wider.js
var wider string

// Wider is by how many pixels the page is wider than the window, and which elements
// make it so. Loose are those that do not scroll with the box that they are in, and so
// would make it so if the box held more.
func (b *Tab) Wider() (over int, what, loose string) {
	b.t.Helper()
	found := Eval[struct {
		Over       int
		Out, Loose string
	}](b, wider)
	return found.Over, found.Out, found.Loose
}

// Problem is something that axe-core finds wrong with a page.
type Problem struct {
	Rule   string // its id
	Impact string // serious or critical
	Help   string
	Where  string // the first elements concerned
}

// fetchAxe prints where axe-core is, from the directory of a test of this package.
const fetchAxe = "../../scripts/fetch-axe"

// Axe is the source of axe-core.
func Axe(t testing.TB) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), fetchAxe).Output()
	if err != nil {
		t.Fatalf("axe-core cannot be had: %v; run: scripts/fetch-axe", err)
	}
	source, err := os.ReadFile(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatalf("%v; run: scripts/fetch-axe", err)
	}
	return string(source)
}

// axe runs axe-core, and lists what is serious or critical.
const axe = `axe.run(document, {resultTypes: ["violations"]}).then((r) => r.violations
	.filter((v) => v.impact === "serious" || v.impact === "critical")
	.map((v) => ({Rule: v.id, Impact: v.impact, Help: v.help, Where: v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)).join(" | ")})))`

// Problems runs axe-core, whose source is given, on the page, and lists what is
// serious or critical.
func (b *Tab) Problems(source string) []Problem {
	b.t.Helper()
	if !Eval[bool](b, `"axe" in window`) {
		b.do(func(ctx context.Context) error {
			_, err := chromium.Eval[bool](ctx, b.tab, source+"; true")
			return err
		})
	}
	return Eval[[]Problem](b, axe)
}
