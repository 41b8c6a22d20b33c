package server_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/server"
	"github.com/weir-ci/weir/internal/server/servertest"
)

// TestOwners asks every page, and its twin, that tells what the owners of workers
// allow and refuse.
func TestOwners(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	f.State.Workers[1].Seen = time.Now() // the API has the clock of this machine
	h, err := server.New(server.Options{Farm: f, Views: f.Views(&servertest.Acts{}), Now: func() time.Time { return f.Now }})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(path string) string {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != http.StatusOK {
			t.Errorf("%s: %d", path, w.Code)
		}
		return w.Body.String()
	}
	tags := regexp.MustCompile(`<[^>]*>`)
	for path, wants := range map[string][]string{
		"/":                      {"2 of 3 workers here, 1 rests"},
		"/workers":               {"1 rests, as its owner wishes", "resting builds begin between 19:00 and 07:00"},
		"/workers?state=resting": {"otter", "1 of 3 workers"},
		"/workers/otter":         {"What its owner allows builds of these projects only: brook, mill no revisions of strangers", "not asked; again in 29 d", "may be asked again"},
		"/workers/heron":         {"builds of all projects but marsh", "whatever it was given, its owner allows"},
		"/workers/toad":          {"Everything that fits its platform and its labels"},
		"/queue":                 {"otter refuses it (projects: builds of these projects only: brook, mill)", "no worker takes work, 1 rests"},
		"/builds/38":             {"refused by the owner of otter: builds of these projects only: brook, mill"},
		"/help/keys":             {"a worker at rest, as its owner wishes"},
	} {
		text := strings.Join(strings.Fields(tags.ReplaceAllString(ask(path), " ")), " ")
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not say %q", path, want)
			}
		}
	}
	var otter client.WorkerDetail
	var list []client.Worker
	var refused []client.WorkerRefusal
	var queue client.Queue
	for path, into := range map[string]any{"/workers/otter.json": &otter, "/workers.json?state=resting": &list, "/api/v1/workers/otter/refusals": &refused, "/queue.json": &queue} {
		if err := json.Unmarshal([]byte(ask(path)), into); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	if otter.State != weir.WorkerResting || len(otter.Policy) != 4 || otter.Rest.Text == "" || len(list) != 1 || len(refused) != 3 || refused[0].Builder.Name() == "" || refused[0].Build == 0 {
		t.Errorf("as JSON: %+v, %d rest, %+v", otter.Worker, len(list), refused)
	}
	if n := len(queue.Builds); n == 0 || queue.Builds[n-1].Waits.Reason != "refused" || queue.Depths[2].Resting != 1 {
		t.Errorf("the queue: %+v", queue)
	}
}
