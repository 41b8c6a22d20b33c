package api_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/farm/access"
	"github.com/weir-ci/weir/internal/farm/audit"
	"github.com/weir-ci/weir/internal/server/api"
	"github.com/weir-ci/weir/internal/server/rest"
	"github.com/weir-ci/weir/internal/server/rest/openapi"
	"github.com/weir-ci/weir/internal/server/servertest"
)

// rights says which right each operation needs. Those that are not here may be
// used by everybody, and only read.
var rights = map[string]access.Right{
	"force": access.Build, "cancel": access.Build, "try": access.Build, "rerun": access.Build, "approve": access.Build, "refuse": access.Build,
	"acknowledge": access.Triage, "unacknowledge": access.Triage, "assign": access.Triage, "dismiss": access.Triage, "reopen": access.Triage, "merge": access.Triage,
	"split": access.Triage, "bisect": access.Triage,
	"pause": access.Fleet, "resume": access.Fleet, "forget": access.Fleet,
	"change": access.Change,
	"reload": access.Config, "compare": access.Config,
	"tokens": access.Admin, "revoke": access.Admin, "audit": access.Admin, "admin": access.Admin,
}

func calls(t *testing.T, s *api.Server) []openapi.Call {
	t.Helper()
	data, err := s.Document()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return doc.Calls()
}

var wildcard = regexp.MustCompile(`\{[a-z]+\}`)

// TestEveryOperationSaysItsRight holds the table above against the document, and
// the server against both.
func TestEveryOperationSaysItsRight(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	h := api.New(api.Options{Farm: f, Version: "1", Views: f.Views(&servertest.Acts{})})
	seen := map[string]bool{}
	for _, call := range calls(t, h) {
		seen[call.ID] = true
		var says []string
		for _, need := range call.Security {
			says = append(says, need[rest.TokenScheme]...)
		}
		want, guarded := rights[call.ID]
		switch {
		case !guarded && call.Method != http.MethodGet:
			t.Errorf("%s changes something: say in this test which right it needs", call.ID)
		case !guarded && len(says) > 0, guarded && !slices.Equal(says, []string{string(want)}):
			t.Errorf("the document says that %s needs %q, want %q", call.ID, says, want)
		}
		if !guarded {
			continue
		}
		path := wildcard.ReplaceAllString(call.Path, "1")
		for _, right := range access.Rights() {
			r := httptest.NewRequest(call.Method, path, strings.NewReader("{}"))
			r.Header.Set("Authorization", "Bearer "+servertest.RightToken+string(right))
			r.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if refused := w.Code == http.StatusForbidden || w.Code == http.StatusUnauthorized; refused != (right != want) {
				t.Errorf("%s with the right %s: %d %s", call.ID, right, w.Code, w.Body)
			}
			if right != want && !strings.Contains(w.Body.String(), "lacks the right "+string(want)+", which "+call.ID+" needs") ||
				right != want && !strings.Contains(w.Body.String(), "weir token add NAME --right "+string(want)) {
				t.Errorf("%s with the right %s says %s", call.ID, right, w.Body)
			}
		}
	}
	for id := range rights {
		if !seen[id] {
			t.Errorf("there is no operation %s", id)
		}
	}
}

// TestCookiesOpenNothing sends tokens in the cookie of a session, and a session
// where it is no token.
func TestCookiesOpenNothing(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	h := api.New(api.Options{Farm: f, Version: "1"})
	for _, secret := range []string{servertest.Session, servertest.AdminToken, servertest.Token, servertest.SignInCode, servertest.RightToken + "build"} {
		for _, name := range []string{"weir_session", "__Host-weir_session"} {
			r := httptest.NewRequest(http.MethodPost, "/api/v1/runs", strings.NewReader(`{"project":"mill"}`))
			r.Header.Set("Content-Type", "application/json")
			r.AddCookie(&http.Cookie{Name: name, Value: secret})
			w := httptest.NewRecorder()
			if h.ServeHTTP(w, r); w.Code != http.StatusUnauthorized {
				t.Errorf("with %q in %s: %d", secret, name, w.Code)
			}
		}
	}
	r := httptest.NewRequest(http.MethodPost, "/api/v1/runs", strings.NewReader(`{"project":"mill"}`))
	r.Header.Set("Authorization", "Bearer "+servertest.Session)
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, r); w.Code != http.StatusUnauthorized || len(f.Done) != 0 {
		t.Errorf("a session as a token: %d, and the farm did %q", w.Code, f.Done)
	}
}

// TestAudit does things, and reads who did what.
func TestAudit(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	acts := &servertest.Acts{}
	h := api.New(api.Options{Farm: f, Version: "1", Views: f.Views(acts)})
	ask := func(method, path, token, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "/api/v1/"+path+"?token=asecret", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	ask(http.MethodPost, "runs", servertest.AdminToken, `{"project":"mill","reason":"why not"}`)
	ask(http.MethodPost, "builds/41/cancel", servertest.RightToken+"build", `{"reason":"too slow"}`)
	ask(http.MethodPost, "regressions/3/merge", servertest.AdminToken, `{"into":4,"why":"the same"}`)
	ask(http.MethodDelete, "workers/heron", servertest.RightToken+"build", ``)
	ask(http.MethodPost, "runs", "asecret", `{"project":"mill"}`)
	ask(http.MethodPost, "runs", servertest.AdminToken, `{"project":`)
	ask(http.MethodPost, "reload/compare", servertest.AdminToken, ``)
	ask(http.MethodDelete, "tokens/heron", servertest.AdminToken, ``)
	ask(http.MethodGet, "workers", servertest.AdminToken, ``)
	f.Change("build", "", func() { f.Fail = weir.Errorf(weir.Conflict, "build 41 is over") })
	ask(http.MethodPost, "builds/41/cancel", servertest.AdminToken, `{}`)
	f.Change("build", "", func() { f.Fail = nil })
	list, err := acts.Acts(t.Context(), audit.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range slices.Backward(list) {
		if a.Via != audit.ViaAPI || a.From != "192.0.2.1" || a.At.IsZero() {
			t.Errorf("recorded is %+v", a)
		}
		got = append(got, strings.Join([]string{a.Who, a.Verb, a.On, a.Note, a.Code}, "|"))
	}
	want := []string{"otter|force|project mill|why not|", "finch|cancel|build 41|too slow|", "otter|merge|regression 3|into regression 4. the same|",
		"finch|forget|worker heron||forbidden", "|force|||unauthenticated", "otter|force|||invalid", "otter|revoke|token heron||", "otter|cancel|build 41||conflict"}
	if !slices.Equal(got, want) {
		t.Errorf("recorded are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c, err := client.New(s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Audit(t.Context(), client.ActQuery{}); weir.CodeOf(err) != weir.Unauthenticated {
		t.Errorf("the audit without a token: %v", err)
	}
	admin := c.WithToken(servertest.AdminToken)
	read, err := admin.Audit(t.Context(), client.ActQuery{Who: "otter", Verb: "cancel", On: "build 41", Limit: 5})
	if err != nil || len(read) != 1 || read[0].Error != "conflict" || read[0].Via != "api" {
		t.Errorf("the audit: %+v, %v", read, err)
	}
	if read, err = admin.Audit(t.Context(), client.ActQuery{Before: 3, Limit: 1}); err != nil || len(read) != 1 || read[0].ID != 2 {
		t.Errorf("the audit before 3: %+v, %v", read, err)
	}
	tokens, err := admin.Tokens(t.Context())
	if err != nil || len(tokens) != 5 || tokens[1].Rights[0] != "build" {
		t.Errorf("tokens: %+v, %v", tokens, err)
	}
	if err := admin.RevokeToken(t.Context(), "finch"); err != nil || f.Done[len(f.Done)-1] != "revoke finch" {
		t.Errorf("revoking: %v, the farm did %q", err, f.Done)
	}
}

// TestRightsInDocs holds the table of rights in the documentation against the code.
func TestRightsInDocs(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, right := range access.Rights() {
		var ids []string
		for id, needs := range rights {
			if needs == right {
				ids = append(ids, "`"+id+"`")
			}
		}
		slices.Sort(ids)
		if row := "| `" + string(right) + "` | " + access.Means(right) + " | " + strings.Join(ids, " ") + " |\n"; !strings.Contains(string(data), row) {
			t.Errorf("docs/security.md lacks the row\n%s", row)
		}
	}
}
