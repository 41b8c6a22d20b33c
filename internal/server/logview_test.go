package server_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/weir-ci/weir/internal/browsertest"
	"github.com/weir-ci/weir/internal/server/servertest"
)

// foldedLog has three groups of a thousand lines, colours, and a progress bar.
func foldedLog() servertest.Log {
	return servertest.Log{Lines: 3000, Bytes: 120_000, Line: func(n int64) string {
		switch {
		case n%1000 == 10:
			return fmt.Sprintf("::group::Part %d <b>&amp;", n/1000)
		case n%1000 == 900:
			return "::endgroup::"
		case n == 1:
			return "fetching  10%\rfetching  50%\rfetching 100%"
		case n%700 == 5:
			return fmt.Sprintf("\x1b[31mwarning\x1b[0m: the needle %d is bent", n)
		}
		return fmt.Sprintf("line %d says nothing of interest", n+1)
	}}
}

// TestLogView folds, searches, links and times a log.
func TestLogView(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	f.Logs[2] = foldedLog()
	s := serve(t, f)
	tab := browsertest.Open(t)
	tab.Look(browsertest.Look{Width: 1280})
	js := func(format string, args ...any) {
		t.Helper()
		tab.Run(fmt.Sprintf(format, args...))
	}
	row := func(line int) string {
		return fmt.Sprintf(`[...document.querySelectorAll("#step-2 .log-row")].find(r => r.querySelector(".log-n").textContent === "%d")`, line)
	}
	page := fmt.Sprintf("%s/builds/%d", s.URL, servertest.FailedBuild)

	// A link to lines opens there; a failed step opens at its end otherwise.
	tab.Goto(page + "#step-2-L3-L5")
	tab.Wait(row(4) + `?.textContent.includes("line 4 says") && document.querySelectorAll("#step-2 .is-marked").length === 3`)
	// A progress bar shows its last state; a closed group is one line.
	tab.Wait(row(2) + `?.querySelector(".log-t").textContent === "fetching 100%"`)
	tab.Wait(row(11) + `?.querySelector(".log-t").textContent === "▸Part 0 <b>&amp; 890 lines" && !!` + row(902))
	shoot(t, tab, "log-folded")
	js(`%s.querySelector(".log-fold").click()`, row(11))
	tab.Wait(row(12) + `?.textContent.includes("line 12 says")`)
	js(`%s.querySelector(".log-fold").click()`, row(11))
	tab.Wait(`!` + row(12))

	// The short form of a link to a range.
	js(`location.hash = "#s2-L920-L924"`)
	tab.Wait(row(922) + `?.classList.contains("is-marked") && document.querySelectorAll("#step-2 .is-marked").length === 5`)
	js(`location.hash = "#s2-L1"`)
	tab.Wait(row(1) + `?.classList.contains("is-marked")`)

	// Searching opens what a match is folded into.
	search := func(text, where string) {
		t.Helper()
		js(`(() => { const e = document.querySelector("#step-2 input[type=search]"); e.value = %q; e.dispatchEvent(new KeyboardEvent("keydown", {key: "Enter"})); })()`, text)
		tab.Wait(fmt.Sprintf(`document.querySelector("#step-2 .log-where").textContent === %q`, where))
	}
	search("NEEDLE", "not found")
	search("needle", "1 of 5")
	search("needle", "2 of 5")
	tab.Wait(`document.querySelector("#step-2 .is-hit .log-t")?.textContent === "warning: the needle 705 is bent"`)
	tab.Wait(`document.querySelector("#step-2 .is-hit .log-t .fg1")?.textContent === "warning" && CSS.highlights.get("log-match").size > 0`)
	shoot(t, tab, "log-search")
	js(`[...document.querySelectorAll("#step-2 button")].find(b => b.title === "Previous match").click()`)
	tab.Wait(`document.querySelector("#step-2 .log-where").textContent === "1 of 5"`)
	search("/needle (14|28)05/", "1 of 2")
	search("/(/", "\"(\" cannot be searched for")

	// A range by the keyboard's shift, and times.
	tab.Run(`location.hash = "#L1"`)
	tab.Wait(row(1) + `?.classList.contains("is-marked")`)
	js(`%s.querySelector(".log-n").dispatchEvent(new MouseEvent("click", {bubbles: true, cancelable: true, shiftKey: true}))`, row(4))
	tab.Wait(`location.hash === "#step-2-L1-L4" && document.querySelectorAll("#step-2 .is-marked").length === 4`)
	js(`document.querySelectorAll("#step-2 input[type=checkbox]")[1].click()`)
	tab.Wait(`/^\d\d:\d\d:\d\d/.test(` + row(2) + `?.querySelector(".log-at").textContent)`)
	if href := browsertest.Eval[string](tab, `[...document.querySelectorAll("#step-2 .log-bar a")].map(a => a.getAttribute("href")).join(" ")`); !strings.HasSuffix(href, "/2/log/raw?download=true") {
		t.Errorf("links: %s", href)
	}
	for _, width := range []int64{1280, 390} {
		for _, dark := range []bool{false, true} {
			tab.Look(browsertest.Look{Width: width, Dark: dark})
			if over, what, loose := tab.Wider(); over > 0 || loose != "" {
				t.Errorf("at %d the page is %d pixels too wide: %s; does not scroll: %s", width, over, what, loose)
			}
			if bad := tab.LowContrast(); bad != "" {
				t.Errorf("at %d, dark %t: too little contrast: %s", width, dark, bad)
			}
			shoot(t, tab, fmt.Sprintf("log-%d-%t", width, dark))
		}
	}
	for _, c := range tab.Console() {
		if !strings.Contains(c, "status of 4") { // the pattern that is none
			t.Errorf("console: %s", c)
		}
	}
}

// TestLogViewCounts looks for what is in a log more often than is fetched at once.
func TestLogViewCounts(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	f.Logs[2] = servertest.Log{Lines: 4000, Bytes: 100_000, Line: func(n int64) string { return fmt.Sprintf("line %d %s", n+1, []string{"even", "odd"}[(n+1)%2]) }}
	s := serve(t, f)
	tab := browsertest.Open(t)
	tab.Goto(fmt.Sprintf("%s/builds/%d#s2-L1", s.URL, servertest.FailedBuild))
	tab.Wait(`document.querySelector("#step-2 .is-marked .log-t")?.textContent === "line 1 odd"`)
	tab.Focus("#step-2 input[type=search]")
	tab.Type("even\r")
	tab.Wait(`document.querySelector("#step-2 .log-where").textContent === "1 of 2,000"`)
	tab.Wait(`document.querySelector("#step-2 .is-hit .log-t")?.textContent === "line 2 even"`)
}

// TestLogViewForgets scrolls through a long log: what is held stays small.
func TestLogViewForgets(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	pad := strings.Repeat("~", 180)
	f.Logs[2] = servertest.Log{Lines: 400_000, Bytes: 80 << 20, Line: func(n int64) string { return fmt.Sprintf("line %d %s", n+1, pad) }}
	s := serve(t, f)
	tab := browsertest.Open(t)
	tab.Goto(fmt.Sprintf("%s/builds/%d", s.URL, servertest.RunningBuild))
	var asked int
	for line := 1; line < 400_000; line += 20_000 {
		tab.Run(fmt.Sprintf(`location.hash = "#step-2-L%d"`, line))
		tab.Wait(fmt.Sprintf(`document.querySelector("#step-2 .is-marked .log-t")?.textContent.startsWith("line %d ")`, line))
		asked++
	}
	heap := tab.Heap()
	t.Logf("%d places seen, heap %.0f MB", asked, heap/1e6)
	if heap > 60e6 {
		t.Errorf("the page holds %.0f MB", heap/1e6)
	}
}
