package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/server/servertest"
)

// TestManyBuilders bounds what a front page weighs: nobody waits for
// megabytes to hear that nothing is broken.
func TestManyBuilders(t *testing.T) {
	t.Parallel()
	const most = 300_000 // bytes
	for _, c := range []struct{ builders, most int }{{200, most}, {1000, most}, {5000, most}} {
		s := serve(t, servertest.Many(c.builders))
		_, body := get(t, s.URL+"/")
		t.Logf("%d builders: %d bytes", c.builders, len(body))
		if len(body) > c.most {
			t.Errorf("the page of %d builders has %d bytes, want at most %d", c.builders, len(body), c.most)
		}
		if !strings.Contains(body, ">project-0007<") && c.builders > 200 {
			t.Errorf("of %d builders the one in trouble is not on the page", c.builders)
		}
	}
}

// TestNotModified asks again for a page while nothing happens, and then once more.
func TestNotModified(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	s := serve(t, f)
	first, _ := get(t, s.URL+"/")
	tag := first.Header.Get("ETag")
	ask := func(header ...string) (int, string) {
		answer, body := get(t, s.URL+"/", append([]string{"If-None-Match", tag}, header...)...)
		return answer.StatusCode, body
	}
	if status, body := ask(); status != http.StatusNotModified || body != "" {
		t.Errorf("asked again it answers %d", status)
	}
	if status, _ := ask("HX-Request", "true"); status != http.StatusOK {
		t.Errorf("asked for the content it answers %d", status)
	}
	f.Change(weir.EventWorker, "heron", func() { f.State.Doubted = 3 })
	if status, body := ask(); status != http.StatusOK || !strings.Contains(body, "3 builds have") {
		t.Errorf("after something has happened it answers %d", status)
	}
}
