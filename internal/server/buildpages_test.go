package server_test

import (
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/browsertest"
	"github.com/weir-ci/weir/internal/server/servertest"
)

// TestBuildPagesInBrowser opens the parts of a build's page, two builds compared and
// lists of builds, with a farm's texts and with an attacker's.
func TestBuildPagesInBrowser(t *testing.T) {
	t.Parallel()
	s, hostile, empty := serve(t, servertest.Demo()), serve(t, servertest.Hostile()), serve(t, servertest.New())
	openPages(t, []view{
		{"build-tests", s.URL + "/builds/41?tab=tests", "mill/grain"},
		{"build-filtered", s.URL + "/builds/41?tab=tests&q=case_2", "1 test"},
		{"build-files", s.URL + "/builds/41?tab=files", "12.5 MB"},
		{"build-environment", s.URL + "/builds/41?tab=environment", "LANG=C.UTF-8"},
		{"compare", s.URL + "/compare?a=40&b=41", "waited 12 s"},
		{"compare-form", s.URL + "/compare", "Compare two builds"},
		{"builds-failed", s.URL + "/builds?outcome=failed", "mill/test"},
		{"builds-none", s.URL + "/builds?worker=nobody", "No build matches."},
		{"builds-empty", empty.URL + "/builds", "Nothing has been built yet."},
		{"hostile-build-tests", hostile.URL + "/builds/41?tab=tests", "By suite"},
		{"hostile-build-files", hostile.URL + "/builds/41?tab=files", "index.html"},
		{"hostile-build-environment", hostile.URL + "/builds/41?tab=environment", "Where it ran, and with what"},
		{"hostile-compare", hostile.URL + "/compare?a=40&b=41", "Build 41 against 40"},
		{"hostile-builds", hostile.URL + "/builds", "alert(1)"},
	})
}

// TestFilterTests types into the filter of a build's tests: the list follows, and
// so does the address.
func TestFilterTests(t *testing.T) {
	t.Parallel()
	s := serve(t, servertest.Demo())
	tab := browsertest.Open(t)
	tab.Goto(s.URL + "/builds/41?tab=tests")
	tab.Wait(`document.querySelectorAll(".suite").length === 3 && !!window.htmx`)
	tab.Focus("#filter")
	tab.Type("grain/12")
	tab.Wait(`document.querySelectorAll(".results > li").length === 15 && !document.querySelector(".suite")`)
	tab.Wait(`location.search.includes("q=grain%2F12") && location.search.includes("tab=tests")`)
	tab.Wait(`document.activeElement.id === "filter" && document.activeElement.value === "grain/12"`)
	tab.Run(`() => { const e = document.querySelector("select[name=status]"); e.value = "skipped"; e.dispatchEvent(new Event("input", {bubbles: true})); })(`)
	tab.Wait(`document.querySelector("#content").textContent.includes("No test matches.")`)
	for _, c := range tab.Console() {
		t.Errorf("console: %s", c)
	}
}

// TestTypeFaster types faster than the server answers: what is asked for last is what
// is shown.
func TestTypeFaster(t *testing.T) {
	t.Parallel()
	pages, err := url.Parse(serve(t, servertest.Demo()).URL)
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan string, 100)
	front := httputil.NewSingleHostReverseProxy(pages)
	s := host(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if q := r.URL.Query().Get("q"); r.Header.Get("HX-Request") == "true" && q != "" {
			asked <- q
			if q != "grain/12" { // no answer before the browser gives it up
				<-r.Context().Done()
				return
			}
		}
		front.ServeHTTP(w, r)
	}))
	tab := browsertest.Open(t)
	tab.Goto(s.URL + "/builds/41?tab=tests")
	tab.Wait(`document.querySelectorAll(".suite").length === 3 && !!window.htmx`)
	tab.Focus("#filter")
	for typed := ""; typed != "grain/12"; {
		next := map[string]string{"": "gr", "gr": "ain/1", "grain/1": "2"}[typed]
		tab.Type(next)
		typed += next
		for at := ""; at != typed; { // some letters may be asked for by themselves on a slow machine
			select {
			case at = <-asked:
			case <-time.After(2 * time.Minute):
				t.Fatalf("%s is typed and was never asked for", typed)
			}
		}
	}
	tab.Wait(`document.querySelectorAll(".results > li").length === 15 && location.search.includes("q=grain%2F12")`)
	for _, c := range tab.Console() {
		t.Errorf("console: %s", c)
	}
}

// TestBuildWithoutScript uses a build's page as a browser without JavaScript does.
func TestBuildWithoutScript(t *testing.T) {
	t.Parallel()
	s := serve(t, servertest.Demo())
	tab := browsertest.Open(t)
	tab.Scripts(false)
	tab.Goto(s.URL + "/builds/41")
	tab.Follow(`.tabs a[href*="tab=tests"]`)
	tab.Text("#suites") // it is there
	if got := tab.Text("#content"); !strings.Contains(got, "By suite") || !strings.Contains(got, "newly failing: passed → failed") {
		t.Errorf("the tab says %.500s", got)
	}
	tab.Focus("#filter")
	tab.Type("case_3")
	tab.Follow(`form.filter button`)
	tab.Text("form.filter a")
	if got := tab.Text("#content"); !strings.Contains(got, "1 test") || strings.Contains(got, "case_2") {
		t.Errorf("the filter says %.500s", got)
	}
	tab.Goto(s.URL + "/builds/41")
	tab.Follow(`.acts button`)
	if got := tab.Text("body"); !strings.Contains(got, "Sign in") || !strings.Contains(got, "weir signin") {
		t.Errorf("a button leads to %.300s", got)
	}
}

// TestBuildPagesWeigh bounds what the pages of builds weigh.
func TestBuildPagesWeigh(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	set := f.Sets[servertest.FailedBuild]
	for i := range 100_000 {
		set.Results = append(set.Results, weir.Result{Test: weir.TestID{Suite: fmt.Sprintf("suite/%04d", i%1000), Name: fmt.Sprintf("Test%06d", i)},
			Status: []weir.Status{weir.Fail, weir.Pass, weir.Skip}[i%3], Message: strings.Repeat("a message that goes on and on ", 40)})
	}
	f.Sets[servertest.FailedBuild] = set
	s := serve(t, f)
	for _, path := range []string{"/builds/41?tab=tests", "/builds/41?tab=tests&status=bad", "/builds/41", "/builds", "/compare?a=41&b=40", "/compare?a=41&b=41"} {
		answer, body := get(t, s.URL+path)
		t.Logf("%s: %d bytes", path, len(body))
		if answer.StatusCode != http.StatusOK || len(body) > 300_000 || !strings.HasSuffix(strings.TrimSpace(body), "</html>") {
			t.Errorf("%s: status %d, %d bytes", path, answer.StatusCode, len(body))
		}
	}
	for _, path := range []string{"/compare?a=x&b=41", "/compare?a=41&b=-1", "/builds?outcome=nonsense"} {
		if answer, _ := get(t, s.URL+path); answer.StatusCode != http.StatusBadRequest && answer.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: status %d", path, answer.StatusCode)
		}
	}
	if answer, _ := get(t, s.URL+"/compare?a=999&b=41"); answer.StatusCode != http.StatusNotFound {
		t.Errorf("a build that is not there: status %d", answer.StatusCode)
	}
}
