package api_test

import (
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/server/servertest"
)

func TestTriage(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	c, _ := serve(t, f)
	c = c.WithToken(servertest.AdminToken)
	ctx := t.Context()
	for _, err := range []error{
		c.AcknowledgeFor(ctx, 3, 48*time.Hour, "on it"), c.Acknowledge(ctx, 3, time.Date(2026, 3, 21, 12, 0, 0, 0, time.UTC), ""),
		c.Unacknowledge(ctx, 3, "ill"), c.Assign(ctx, 3, "bea", "hers"), c.Assign(ctx, 3, "", ""), c.Dismiss(ctx, 3, "intended"), c.Reopen(ctx, 3, ""), c.Merge(ctx, 3, 2, "alike"),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	made, err := c.Split(ctx, 3, []client.Pick{{Name: "a b"}, {Suite: "s", Name: "c", Builder: "mill/test linux/amd64"}}, "not alike")
	if err != nil || made != 78 {
		t.Errorf("split: %d, %v", made, err)
	}
	asked, err := c.Bisect(ctx, client.Ask{Why: client.Why{Why: "bug 12"}, Project: "mill", Suite: "s", Name: "c", Job: "test", Platform: "linux/amd64",
		Builder: "x", Of: "brook", Good: "1.0", Bad: "1.2", At: map[string]string{"lib": "v3"}})
	if err != nil || !asked.New || asked.Search.ID != 79 || asked.Search.Asked != (weir.Word{By: "otter", Why: "bug 12"}) {
		t.Errorf("bisect: %+v, %v", asked, err)
	}
	fix, err := c.Bisect(ctx, client.Ask{Fix: 3})
	if err != nil || fix.New || fix.Search.ID != 80 || fix.Search.Of != 3 {
		t.Errorf("bisect --fix: %+v, %v", fix, err)
	}
	if _, err := c.Bisect(ctx, client.Ask{Fix: 3, Good: "1.0"}); weir.CodeOf(err) != weir.Invalid {
		t.Errorf("bisect --fix with a revision: %v", err)
	}
	want := []string{
		`acknowledge 3 for 48h0m0s "on it" otter`, `acknowledge 3 for 0s until 2026-03-21 12:00 "" otter`, `unacknowledge 3 "ill" otter`,
		`assign 3 to "bea" "hers" otter`, `assign 3 to "" "" otter`, `dismiss 3 "intended" otter`, `reopen 3 "" otter`, `merge 3 into 2 "alike" otter`,
		`split 3 [{Test:a b Builder:} {Test:s c Builder:mill/test linux/amd64}] "not alike" otter`,
		`bisect {Word:{By:otter Why:bug 12 At:0001-01-01 00:00:00 +0000 UTC} Project:mill Test:s c Job:test Platform:linux/amd64 Builder:x ` +
			`Of:brook Good:1.0 Bad:1.2 At:map[lib:v3]}`, `bisect --fix 3 otter`,
	}
	if !reflect.DeepEqual(f.Done, want) {
		t.Errorf("the farm did\n%s\nwant\n%s", strings.Join(f.Done, "\n"), strings.Join(want, "\n"))
	}
}

// TestEpisodes reads the list of regressions as pages do.
func TestEpisodes(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	f.State.Regressions[1].Assigned.To = "bea"
	c, url := serve(t, f)
	for name, q := range map[string]struct {
		client.RegressionQuery
		want []weir.RegressionID
	}{
		"open":       {client.RegressionQuery{}, []weir.RegressionID{4, 3}},
		"all":        {client.RegressionQuery{State: "all"}, []weir.RegressionID{5, 4, 3, 2}},
		"closed":     {client.RegressionQuery{State: "closed"}, []weir.RegressionID{5, 2}},
		"one state":  {client.RegressionQuery{State: "located"}, []weir.RegressionID{3}},
		"project":    {client.RegressionQuery{State: "all", Project: "mill"}, []weir.RegressionID{5, 3}},
		"blame":      {client.RegressionQuery{Blame: weir.BlameUpstream}, []weir.RegressionID{3}},
		"hers":       {client.RegressionQuery{Assignee: "bea"}, []weir.RegressionID{4}},
		"before":     {client.RegressionQuery{State: "all", Before: 4}, []weir.RegressionID{3, 2}},
		"some of it": {client.RegressionQuery{State: "all", Limit: 1}, []weir.RegressionID{5}},
	} {
		list, err := c.FindRegressions(t.Context(), q.RegressionQuery)
		var got []weir.RegressionID
		for _, r := range list {
			got = append(got, r.ID)
		}
		if err != nil || !reflect.DeepEqual(got, q.want) {
			t.Errorf("%s: %v, %v, want %v", name, got, err, q.want)
		}
	}
	resp, err := http.Get(url + "/api/v1/regressions?all=true&limit=3")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if link := resp.Header.Get("Link"); !strings.Contains(link, "cursor=") || !strings.Contains(link, `rel="next"`) || !strings.Contains(link, "all=true") {
		t.Errorf("the next part is at %q", link)
	}
	if resp, err = http.Get(url + "/api/v1/regressions?state=lost"); err != nil || resp.StatusCode != http.StatusUnprocessableEntity && resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a state that is none: %v, %v", resp.Status, err)
	}
	resp.Body.Close()
}

func TestBisections(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	f.Cases[79] = farm.RegressionDetail{Regression: weir.Regression{ID: 79, Aim: weir.AimAsked}, Life: []weir.Transition{{Kind: weir.WasOpened, By: "otter"}},
		Searches: []weir.Regression{{ID: 80}}}
	c, _ := serve(t, f)
	list, err := c.Bisections(t.Context())
	if err != nil || len(list) != 1 || list[0].ID != 79 {
		t.Errorf("searches: %+v, %v", list, err)
	}
	d, err := c.Regression(t.Context(), 79)
	if err != nil || len(d.Life) != 1 || d.Life[0].By != "otter" || len(d.Searches) != 1 {
		t.Errorf("search: %+v, %v", d, err)
	}
}

func TestBadTriage(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	_, url := serve(t, f)
	for _, c := range []struct {
		path, body string
		token      string
		status     int
	}{
		{"regressions/3/acknowledge", `{"for_seconds":1}`, "", 401}, {"regressions/3/dismiss", "{}", servertest.Token, 403}, {"bisections", "{}", "", 401},
		{"regressions/3/acknowledge", `{"for_seconds":1000000001}`, servertest.AdminToken, 422}, {"regressions/3/acknowledge", `{"until":"soon"}`, servertest.AdminToken, 422},
		{"regressions/0/reopen", "{}", servertest.AdminToken, 422}, {"regressions/3/dismiss", `{"why":"` + strings.Repeat("x", 501) + `"}`, servertest.AdminToken, 422},
		{"regressions/3/merge", `{"into":0}`, servertest.AdminToken, 422}, {"regressions/3/split", `{"victims":[]}`, servertest.AdminToken, 422},
		{"bisections", `{"fix":-1}`, servertest.AdminToken, 422}, {"bisections", strings.Repeat(" ", 20_000) + "{}", servertest.AdminToken, 413},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/api/v1/"+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+c.token)
		r.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if answer.StatusCode != c.status {
			t.Errorf("%s %.40q: %d, want %d: %s", c.path, c.body, answer.StatusCode, c.status, body)
		}
	}
	if len(f.Done) != 0 {
		t.Errorf("the farm did %q", f.Done)
	}
}
