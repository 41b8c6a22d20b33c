package browsertest_test

import (
	"fmt"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/browsertest"
	"github.com/weir-ci/weir/internal/server/servertest"
)

// TestReaderIsLeftAlone changes a farm under an open page: what its reader has
// unfolded, focused and scrolled to stays, and what has changed is told in a sentence.
func TestReaderIsLeftAlone(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	tab := browsertest.Open(t)
	tab.Look(phone())
	tab.Goto(stage(t, f) + "/regressions/3")
	tab.Wait(`document.getElementById("live-state")?.textContent === "live" && !document.getElementById("live-state").hidden`)
	tab.Run(`(window.kept = document.querySelector("main h1"), document.querySelector("main details:not([open])")?.setAttribute("open", ""), scrollTo(0, 600), document.querySelector("main a[href^='/builds/']").focus({preventScroll: true}))`)
	// Where the reader is: scrolled to, unfolded, focused.
	const place = `[scrollY, document.querySelectorAll("main details[open]").length, document.activeElement.getAttribute("href")].join()`
	before := browsertest.Eval[string](tab, place)
	f.Change(weir.EventRegression, "3", func() {
		d := f.Cases[servertest.Culprit]
		d.Regression.Culprit.Revision.Message = "upper: fold sharp s, and say so"
		f.Cases[servertest.Culprit] = d
	})
	tab.Wait(`document.querySelector("main h1").textContent.includes("and say so")`)
	tab.Wait(fmt.Sprintf(`%s === %q`, place, before))
	if !browsertest.Eval[bool](tab, `window.kept === document.querySelector("main h1")`) {
		t.Error("the page was made anew")
	}
	tab.Wait(`document.getElementById("live-said").textContent === "Page updated: 1 change of regressions"`)
	tab.Run(`dispatchEvent(new Event("offline"))`)
	tab.Wait(`document.getElementById("live-state").classList.contains("is-lost")`)
	for _, c := range tab.Console() {
		t.Errorf("console: %s", c)
	}
}

// TestTypedBeforeTheAnswer types into a filter in the very moment in which the answer
// to what was typed before is put into the page: it is asked for, too.
func TestTypedBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	tab := browsertest.Open(t)
	tab.Goto(stage(t, servertest.Demo()) + "/builds")
	tab.Wait(`document.querySelectorAll("main tr[data-row]").length > 1`)
	tab.Run(`addEventListener("htmx:before:swap", () => {
		const filter = document.getElementById("filter");
		filter.value = "marsh";
		filter.dispatchEvent(new InputEvent("input", {bubbles: true}));
		window.typed = true;
	}, {once: true})`)
	tab.Focus("#filter")
	tab.Type("m")
	tab.Wait(`window.typed === true`)
	tab.Wait(`location.search.includes("project=marsh") && document.querySelectorAll("main tr[data-row]").length > 0 && !document.querySelector("main table").innerText.includes("mill/test")`)
	for _, c := range tab.Console() {
		t.Errorf("console: %s", c)
	}
}

// TestFilterAsYouType narrows a list down: the address follows, and the field keeps
// what is being typed.
func TestFilterAsYouType(t *testing.T) {
	t.Parallel()
	tab := browsertest.Open(t)
	tab.Look(wide())
	tab.Goto(stage(t, servertest.Demo()) + "/builds")
	tab.Wait(`document.querySelectorAll("main tr[data-row]").length > 1`)
	tab.Focus("#filter")
	tab.Type("mars")
	tab.Wait(`location.search.includes("project=mars") && document.querySelectorAll("main tr[data-row]").length === 0`)
	tab.Type("h")
	tab.Wait(`location.search.includes("project=marsh") && document.querySelectorAll("main tr[data-row]").length > 0 && !document.querySelector("main table").innerText.includes("mill/test")`)
	tab.Wait(`document.activeElement.value === "marsh"`)
	for _, c := range tab.Console() {
		t.Errorf("console: %s", c)
	}
}
