package hooks_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/hook"
)

func TestPullRequests(t *testing.T) {
	t.Parallel()
	const at = "https://example.org/org/hello"
	w, d := newDesk(project("hello", at, "main", weir.Watch{Pulls: weir.PullPolicy{Build: weir.PullsHeld}}), project("deaf", at, "main", weir.Watch{}))
	head := strings.Repeat("a", 40)
	body := []byte(`{"action":"opened","number":5,"repository":{"id":7,"clone_url":"` + at + `.git"},"sender":{"id":3,"login":"ann"},
		"pull_request":{"number":5,"user":{"id":3,"login":"ann"},"head":{"sha":"` + head + `","repo":{"id":9}},"base":{"ref":"main"}}}`)
	mac := hmac.New(sha256.New, []byte("secret of T"))
	mac.Write(body)
	h := http.Header{}
	h.Set("X-Forgejo-Event", "pull_request")
	h.Set("X-Gitea-Event", "pull_request")
	h.Set("X-Forgejo-Signature", hex.EncodeToString(mac.Sum(nil)))
	r, err := d.Take(t.Context(), "", h, body)
	if err != nil || r.Kind != hook.Pull || r.Number != "5" || r.Head != head || len(r.Projects) != 1 || r.Projects[0] != "hello" {
		t.Errorf("got %+v, %v", r, err)
	}
	if got := strings.Join(w.done, ", "); got != "hello pull 5 at "+head+" by 3" {
		t.Errorf("did %s", got)
	}
	w.projects = w.projects[1:]
	if r, err := d.Take(t.Context(), "forgejo", h, body); err != nil || r.Why == "" || len(r.Projects) != 0 {
		t.Errorf("got %+v, %v", r, err)
	}
}
