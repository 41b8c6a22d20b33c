//go:build !race

package browsertest_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/weir-ci/weir/internal/browsertest"
)

// TestPages looks at every page of a farm that has lived for a week, and uses some.
// The race detector makes a week long, so that it does not get this test; scripts/test
// runs it without.
func TestPages(t *testing.T) {
	t.Parallel()
	f := grow(t, false)
	i, samples := inspector{t: t, tab: browsertest.Open(t), axe: browsertest.Axe(t), looks: all()}, f.find(t).samples()
	for _, r := range f.routes {
		for _, path := range f.sample(t, samples, r) {
			if looked(path) {
				i.inspect(fileName(path), f.url+path)
			}
		}
	}
	t.Run("keys", func(t *testing.T) { walk(t, f) })
	t.Run("no scripts", func(t *testing.T) { script(t, f, samples) })
	t.Run("paper", func(t *testing.T) { paper(t, f) })
	signIn(t, i.tab, f)
	for _, pattern := range []string{"/admin", "/admin/audit", "/admin/reload", "/builds/{id}", "/regressions/{id}", "/workers/{name}", "/projects/{project}/force"} {
		if path := samples[pattern][0]; strings.HasPrefix(path, os.Getenv("WEIR_LOOK_AT")) {
			i.inspect("signed-in-"+fileName(path), f.url+path)
		}
	}
}

// walk uses the pages with keys alone.
func walk(t *testing.T, f *grown) {
	tab := browsertest.Open(t)
	tab.Look(wide())
	tab.Goto(f.url + "/builds")
	focused := func(js string) {
		t.Helper()
		tab.Wait(`document.activeElement === ` + js)
	}
	onRow := func(n int) {
		t.Helper()
		tab.Wait(fmt.Sprintf(`[...document.querySelectorAll("[data-row]")].filter((row) => row.checkVisibility())[%d].contains(document.activeElement)`, n))
	}
	tab.Type("\t")
	focused(`document.querySelector("a[href='#content']")`)
	tab.Type("j")
	onRow(0)
	tab.Type("j")
	onRow(1)
	tab.Type("k")
	onRow(0)
	tab.Type("?")
	tab.Wait(`document.getElementById("keys").open`)
	tab.Type("\x1b")
	tab.Wait(`!document.getElementById("keys").open`)
	tab.Type("/")
	focused(`document.getElementById("search")`)
	tab.Run(`document.getElementById("search").value = ""`)
	tab.Type("g?/j") // a field keeps its keys
	tab.Wait(`document.getElementById("search").value === "g?/j"`)
	tab.Type("\r")
	tab.Wait(`location.pathname === "/search" && new URLSearchParams(location.search).get("q") === "g?/j" && document.readyState === "complete"`)
	tab.Run(`document.activeElement?.blur()`)
	// The second key has to follow soon, which is not for a busy machine.
	tab.Run(`["g", "b"].forEach((key) => document.body.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true})))`)
	tab.Wait(`location.pathname === "/builds" && document.readyState === "complete"`)
	tab.Run(`document.querySelector("time").dispatchEvent(new PointerEvent("pointerover", {bubbles: true}))`)
	if got := browsertest.Eval[string](tab, `document.querySelector("time").title`); !strings.Contains(got, "2026") {
		t.Errorf("a time says %q when pointed at", got)
	}
}

// script reads the pages as a browser without JavaScript does: what they say, their
// links and their forms are there.
func script(t *testing.T, f *grown, samples map[string][]string) {
	tab := browsertest.Open(t)
	tab.Look(phone())
	tab.Scripts(false)
	for _, path := range []string{"/", "/builds", samples["/regressions/{id}"][0], samples["/builds/{id}"][0], samples["/tests"][0], "/matrix", "/workers", "/trends", "/help/keys"} {
		tab.Goto(f.url + path)
		said := browsertest.Eval[string](tab, `document.querySelector("main").innerText`)
		links := browsertest.Eval[int](tab, `document.querySelectorAll("main a[href]").length`)
		if len(said) < 40 || links == 0 && path != "/help/keys" {
			t.Errorf("%s without JavaScript says %.200q and has %d links", path, said, links)
		}
	}
	tab.Goto(f.url + "/")
	tab.Click(".menu > summary")
	tab.Wait(`document.querySelector(".menu .sections a[href='/workers']").checkVisibility()`)
	tab.Run(`(document.getElementById("search").value = "nobody", document.querySelector("form.search").submit())`)
	tab.Wait(`document.querySelector("main h1").innerText.includes("nobody")`)
}

// paper looks at what would come out of a printer.
func paper(t *testing.T, f *grown) {
	tab := browsertest.Open(t)
	tab.Look(browsertest.Look{Width: 900, Dark: true, Print: true})
	tab.Goto(f.url + "/")
	if shown := browsertest.Eval[string](tab, `[...document.querySelectorAll(".sections, .search, .menu, .door, .bottom, button")].filter((e) => e.checkVisibility()).map((e) => e.className).join(" ")`); shown != "" {
		t.Errorf("on paper there is %s", shown)
	}
	if bad := tab.LowContrast(); bad != "" {
		t.Errorf("on paper there is too little contrast: %s", bad)
	}
}
