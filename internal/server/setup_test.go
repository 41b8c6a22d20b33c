package server_test

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/setup"
	"github.com/weir-ci/weir/internal/server/servertest"
)

var everyPage = []string{"/", "/builds", "/builds/41", "/regressions", "/regressions/3", "/flaky", "/nowhere"}

func setupStatus(f *servertest.Farm, change func(*setup.Status)) {
	f.Change(weir.EventConfig, "", func() {
		f.State.Config.Turn++
		change(&f.State.Config)
	})
}

// TestBannerOnEveryPage breaks the farm file and mends it.
func TestBannerOnEveryPage(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	s := serve(t, f)
	const says = "weir.yaml has 7 mistakes and is not in force"
	look := func(want bool, texts ...string) {
		t.Helper()
		for _, path := range everyPage {
			_, body := get(t, s.URL+path)
			for _, text := range texts {
				if strings.Contains(body, text) != want {
					t.Errorf("%s: that %q is there is %v", path, text, !want)
				}
			}
		}
	}
	look(false, "banner-bad", "banner-note")
	setupStatus(f, func(c *setup.Status) {
		*c = setup.Status{File: "weir.yaml", Read: f.Now.Add(-2 * time.Minute), Errors: 7, Problems: []setup.Problem{
			{Line: 4, Message: "unknown key \"stepz\"", Hint: "did you mean steps?"}, {Message: "<script>alert(1)</script>\u202e"}}}
	})
	look(true, says, "line 4: unknown key", "did you mean steps?", "and 5 more", "weir check weir.yaml", `role="alert"`, "2 min ago")
	look(false, "<script>alert", "\u202e", "banner-note")
	// What htmx fetches again holds it, too.
	_, part := get(t, s.URL+"/builds", "HX-Request", "true")
	if !strings.Contains(part, says) || strings.Contains(part, "<html") {
		t.Errorf("the content of a page is %.300s", part)
	}
	setupStatus(f, func(c *setup.Status) {
		*c = setup.Status{File: "weir.yaml", Restart: []string{"listen", "data"}, Warnings: []setup.Problem{{Line: 2, Message: "the key shards is called cells now"}}}
	})
	look(true, "weir.yaml: 1 warning, 2 keys wait for the next start", "listen, data", "line 2: the key shards is called cells now")
	look(false, "banner-bad")
	setupStatus(f, func(c *setup.Status) { *c = setup.Status{File: "weir.yaml", Turn: c.Turn} })
	look(false, "banner-bad", "banner-note")
}

// TestBannerIsNotCached makes sure that a page that nothing else happened to is
// sent again when the configuration has changed.
func TestBannerIsNotCached(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	s := serve(t, f)
	answer, _ := get(t, s.URL+"/")
	tag := answer.Header.Get("ETag")
	if again, _ := get(t, s.URL+"/", "If-None-Match", tag); again.StatusCode != 304 {
		t.Fatalf("the same page is sent again: %d", again.StatusCode)
	}
	setupStatus(f, func(c *setup.Status) { c.Errors = 1 })
	if again, _ := get(t, s.URL+"/", "If-None-Match", tag); again.StatusCode != 200 {
		t.Errorf("the page is taken for the same: %d", again.StatusCode)
	}
}

// TestOpenPagesFollowTheConfiguration holds the topics of live pages against the
// event.
func TestOpenPagesFollowTheConfiguration(t *testing.T) {
	t.Parallel()
	s := serve(t, servertest.Demo())
	for _, path := range []string{"/", "/builds", "/builds/41", "/regressions", "/flaky"} {
		if _, body := get(t, s.URL+path); !strings.Contains(body, "config&amp;") && !strings.Contains(body, "%2Cconfig") {
			t.Errorf("%s does not follow events about the configuration", path)
		}
	}
	_, script := get(t, s.URL+staticPath(t, s, "live"))
	if !strings.Contains(script, `"config"`) {
		t.Error("live.js does not know events about the configuration")
	}
}

func staticPath(t *testing.T, s *httptest.Server, name string) string {
	t.Helper()
	_, body := get(t, s.URL+"/")
	i := strings.Index(body, "/static/"+name)
	if i < 0 {
		t.Fatalf("no page loads %s", name)
	}
	path, _, _ := strings.Cut(body[i:], `"`)
	return path
}

// TestRecipesOfRepositories shows which recipe is in force where a newer one is
// wrong.
func TestRecipesOfRepositories(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	s := serve(t, f)
	setupStatus(f, func(c *setup.Status) {
		c.Recipes = []setup.Recipe{{Project: "brook", Revision: "0123456789012345678901234567890123456789", Origin: ".weir.yaml", Read: f.Now},
			{Project: "mill", Revision: "abc", Origin: ".weir.yaml", Problem: "at def: <b>unknown key</b>", Read: f.Now}, {Project: "new", Problem: "nothing tells"}}
	})
	_, front := get(t, s.URL+"/")
	for _, want := range []string{"Recipes that are not in force", "at def: &lt;b&gt;unknown key", ".weir.yaml at abc", "nothing tells", "no recipe is in force"} {
		if !strings.Contains(front, want) {
			t.Errorf("the overview does not say %q", want)
		}
	}
	if strings.Contains(front, ".weir.yaml at 0123456789") {
		t.Error("the overview tells of a recipe that is fine")
	}
	if _, body := get(t, s.URL+"/builds?project=brook"); !strings.Contains(body, ".weir.yaml at 0123456789<") || strings.Contains(body, "unknown key") {
		t.Error("the page of brook does not say where its jobs come from")
	}
	if _, body := get(t, s.URL+"/builds?project=mill"); !strings.Contains(body, "unknown key") {
		t.Error("the page of mill does not say what is wrong")
	}
}

// TestLocalEvent tells open pages of a file with mistakes, which is no event of
// the farm: also those that were made before it, and whose stream begins after it.
func TestLocalEvent(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	s := serve(t, f)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	_, front := get(t, s.URL+"/")
	_, made, ok := strings.Cut(front, "&amp;turn=")
	if made, _, _ = strings.Cut(made, `"`); !ok || made == "" {
		t.Fatal("the overview does not say which configuration it was made from")
	}
	open := func(turn string) *bufio.Scanner {
		t.Helper()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/events?topics=build,config"+turn, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = answer.Body.Close() })
		lines := bufio.NewScanner(answer.Body)
		lines.Scan() // the greeting: from now on the stream listens
		return lines
	}
	told := func(stream string, lines *bufio.Scanner) {
		t.Helper()
		for lines.Scan() {
			if line := lines.Text(); strings.HasPrefix(line, "event: ") {
				if line != "event: config" {
					t.Errorf("%s: the first event is %q", stream, line)
				}
				return
			} else if strings.HasPrefix(line, "id: ") {
				t.Errorf("%s: it has a number: %q", stream, line)
			}
		}
		t.Errorf("%s: the stream ended: %v", stream, lines.Err())
	}
	before, unsaid := open("&turn="+made), open("")
	f.Change(weir.EventLog, "41", func() { f.State.Config.Turn++ })
	told("a stream that was there", before)
	told("one that does not say what its page was made from", unsaid)
	told("one that came later", open("&turn="+made))
}
