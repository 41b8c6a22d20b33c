package server_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

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
	tab, complaints := browser(t)
	look(t, tab, 1280, false)
	js := func(format string, args ...any) {
		t.Helper()
		do(t, tab, chromedp.Evaluate[chromedp.Void]("void ("+fmt.Sprintf(format, args...)+")"))
	}
	row := func(line int) string {
		return fmt.Sprintf(`[...document.querySelectorAll("#step-2 .log-row")].find(r => r.querySelector(".log-n").textContent === "%d")`, line)
	}
	page := fmt.Sprintf("%s/builds/%d", s.URL, servertest.FailedBuild)

	// A link to lines opens there; a failed step opens at its end otherwise.
	do(t, tab, chromedp.Navigate(page+"#step-2-L3-L5"))
	wait(t, tab, row(4)+`?.textContent.includes("line 4 says")`)
	if n := eval[int](t, tab, `document.querySelectorAll("#step-2 .is-marked").length`); n != 3 {
		t.Errorf("%d lines are marked, want 3", n)
	}
	// A progress bar shows its last state; a closed group is one line.
	if text := eval[string](t, tab, row(2)+`.querySelector(".log-t").textContent`); text != "fetching 100%" {
		t.Errorf("the progress bar shows %q", text)
	}
	wait(t, tab, row(11)+`?.querySelector(".log-t").textContent === "▸Part 0 <b>&amp; 890 lines" && !!`+row(902))
	shoot(t, tab, "log-folded")
	js(`%s.querySelector(".log-fold").click()`, row(11))
	wait(t, tab, row(12)+`?.textContent.includes("line 12 says")`)
	js(`%s.querySelector(".log-fold").click()`, row(11))
	wait(t, tab, `!`+row(12))

	// Searching opens what a match is folded into.
	search := func(text, where string) {
		t.Helper()
		js(`(() => { const e = document.querySelector("#step-2 input[type=search]"); e.value = %q; e.dispatchEvent(new KeyboardEvent("keydown", {key: "Enter"})); })()`, text)
		wait(t, tab, fmt.Sprintf(`document.querySelector("#step-2 .log-where").textContent === %q`, where))
	}
	search("NEEDLE", "not found")
	search("needle", "1 of 5")
	search("needle", "2 of 5")
	wait(t, tab, `document.querySelector("#step-2 .is-hit .log-t")?.textContent === "warning: the needle 705 is bent"`)
	if !eval[bool](t, tab, `document.querySelector("#step-2 .is-hit .log-t .fg1")?.textContent === "warning" && CSS.highlights.get("log-match").size > 0`) {
		t.Error("the match has lost its colour, or is not marked")
	}
	shoot(t, tab, "log-search")
	js(`[...document.querySelectorAll("#step-2 button")].find(b => b.title === "Previous match").click()`)
	wait(t, tab, `document.querySelector("#step-2 .log-where").textContent === "1 of 5"`)
	search("/needle (14|28)05/", "1 of 2")
	search("/(/", "\"(\" cannot be searched for")

	// A range by the keyboard's shift, and times.
	do(t, tab, chromedp.Evaluate[chromedp.Void](`void (location.hash = "#L1")`))
	wait(t, tab, row(1)+`?.classList.contains("is-marked")`)
	js(`%s.querySelector(".log-n").dispatchEvent(new MouseEvent("click", {bubbles: true, cancelable: true, shiftKey: true}))`, row(4))
	wait(t, tab, `location.hash === "#step-2-L1-L4" && document.querySelectorAll("#step-2 .is-marked").length === 4`)
	js(`document.querySelectorAll("#step-2 input[type=checkbox]")[1].click()`)
	wait(t, tab, `/^\d\d:\d\d:\d\d/.test(`+row(2)+`?.querySelector(".log-at").textContent)`)
	if href := eval[string](t, tab, `[...document.querySelectorAll("#step-2 .log-bar a")].map(a => a.getAttribute("href")).join(" ")`); !strings.HasSuffix(href, "/2/log/raw?download=true") {
		t.Errorf("links: %s", href)
	}
	for _, width := range []int64{1280, 390} {
		for _, dark := range []bool{false, true} {
			look(t, tab, width, dark)
			if over := eval[int](t, tab, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
				t.Errorf("at %d the page is %d pixels too wide", width, over)
			}
			if bad := eval[string](t, tab, lowContrast); bad != "" {
				t.Errorf("at %d, dark %t: too little contrast: %s", width, dark, bad)
			}
			shoot(t, tab, fmt.Sprintf("log-%d-%t", width, dark))
		}
	}
	for _, c := range complaints() {
		if !strings.Contains(c, "status of 4") { // the pattern that is none
			t.Errorf("console: %s", c)
		}
	}
}

// TestLogViewForgets scrolls through a long log: what is held stays small.
func TestLogViewForgets(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	pad := strings.Repeat("~", 180)
	f.Logs[2] = servertest.Log{Lines: 400_000, Bytes: 80 << 20, Line: func(n int64) string { return fmt.Sprintf("line %d %s", n+1, pad) }}
	s := serve(t, f)
	tab, _ := browser(t)
	do(t, tab, chromedp.Navigate(fmt.Sprintf("%s/builds/%d", s.URL, servertest.RunningBuild)))
	var asked int
	for line := 1; line < 400_000; line += 20_000 {
		do(t, tab, chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`void (location.hash = "#step-2-L%d")`, line)))
		wait(t, tab, fmt.Sprintf(`document.querySelector("#step-2 .is-marked .log-t")?.textContent.startsWith("line %d ")`, line))
		asked++
	}
	heap := eval[float64](t, tab, `performance.memory.usedJSHeapSize`)
	t.Logf("%d places seen, heap %.0f MB", asked, heap/1e6)
	if heap > 60e6 {
		t.Errorf("the page holds %.0f MB", heap/1e6)
	}
}
