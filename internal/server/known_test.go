package server_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/views"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/server"
	"github.com/weir-ci/weir/internal/server/servertest"
)

// TestKnownValues asks operations that are told how to list things for what they do not
// know: they say what they know. All that forms of pages write into addresses they take.
func TestKnownValues(t *testing.T) {
	t.Parallel()
	db, now := smallFarm(t)
	clock := func() time.Time { return now }
	h, err := server.New(server.Options{Farm: servertest.Demo(), Views: views.New(views.Options{Store: db, Now: clock}), Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	s := host(t, h)
	for _, c := range []struct{ name, operation, page, words string }{
		{"show", "projects", "/projects", "all, bad, running, changed"},
		{"show", "overview", "/", "all, bad, running, changed"},
		{"group", "projects", "/projects", "none, upstream, platform, state"},
		{"group", "overview", "/", "none, upstream, platform, state"},
		{"sort", "matrix", "/matrix?upstream=brook", "name"},
	} {
		address := s.URL + "/api/v1/" + c.operation + "?" + c.name + "="
		for _, value := range []string{"nonsense", "Bad", "bad,running", "<b>"} {
			answer, body := get(t, address+url.QueryEscape(value))
			var p protocol.Problem
			if err := json.Unmarshal([]byte(body), &p); err != nil || answer.StatusCode != http.StatusUnprocessableEntity || p.Code != weir.Invalid ||
				!strings.Contains(p.Detail, "parameter "+c.name+" ") || p.Hint != "it knows: "+c.words {
				t.Errorf("%s%s: %d %s", address, value, answer.StatusCode, body)
			}
		}
		_, page := get(t, s.URL+c.page)
		form := regexp.MustCompile(`(?s)<select name="` + c.name + `">(.*?)</select>`).FindStringSubmatch(page)
		if form == nil {
			t.Fatalf("%s has no choice of %s", c.page, c.name)
		}
		written := []string{""} // forms send their empty fields, too
		for _, option := range regexp.MustCompile(`<option value="([^"]*)"`).FindAllStringSubmatch(form[1], -1) {
			written = append(written, option[1])
		}
		if len(written) < 3 {
			t.Errorf("%s offers only %q as %s", c.page, written, c.name)
		}
		for _, value := range written {
			if answer, body := get(t, address+value); answer.StatusCode != http.StatusOK {
				t.Errorf("%s%s: %d %s", address, value, answer.StatusCode, body)
			}
		}
	}
}
