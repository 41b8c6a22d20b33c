package fleet

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/roster"
	"github.com/weir-ci/weir/internal/farm/waits"
	"github.com/weir-ci/weir/internal/schedule"
)

// owned is a worker whose owner has rules, and that rests.
func owned() weir.Worker {
	return worker("alices-laptop", func(w *weir.Worker) {
		w.Policy = []string{"builds of these projects only: mill", "builds begin between 19:00 and 07:00"}
		w.Rest = weir.Rest{Rule: weir.RuleHours, Text: w.Policy[1], Until: noon.Add(7 * time.Hour)}
	})
}

// said is the text of a page, or of its section with an id.
func said(html, id string) string {
	if id != "" {
		_, html, _ = strings.Cut(html, `aria-labelledby="`+id+`"`)
		_, html, _ = strings.Cut(html, ">")
		html, _, _ = strings.Cut(html, "</section>")
	}
	return strings.Join(strings.Fields(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(html, " ")), " ")
}

// TestOwner shows what the owner of a worker allows, what was refused, and why it rests.
func TestOwner(t *testing.T) {
	t.Parallel()
	mill := weir.Builder{ID: 3, BuilderKey: weir.BuilderKey{Project: "mill", Job: "test", Platform: "linux/amd64"}}
	s := &stand{workers: []weir.Worker{owned()}, refused: []roster.Refused{
		{Builder: mill, Build: 41, Rule: weir.RuleCommands, Text: "step 2 runs sudo", Count: 3, First: noon.Add(-2 * time.Hour), Last: noon.Add(-5 * time.Minute), Until: noon.Add(55 * time.Minute), Active: true},
		{Builder: weir.Builder{ID: 9}, Build: 7, Rule: weir.RuleProjects, Count: 1, First: noon.AddDate(0, 0, -40), Last: noon.AddDate(0, 0, -40), Until: noon.AddDate(0, 0, -10)}}}
	body := ask(t, s, "GET", "/workers/alices-laptop", false, nil).Body.String()
	if got, want := said(body, "h-owner"), "What its owner allows builds of these projects only: mill builds begin between 19:00 and 07:00"; got != want {
		t.Errorf("it allows\n got %s\nwant %s", got, want)
	}
	got := said(body, "h-refused")
	for _, want := range []string{"mill/test linux/amd64 commands step 2 runs sudo 3 times since 2 h ago build 41 5 min ago not asked; again in 55 min", "builder 9 projects 1 time build 7 40 d ago may be asked again"} {
		if !strings.Contains(got, want) {
			t.Errorf("it refused %s\nwithout %s", got, want)
		}
	}
	for _, want := range []string{`href="/builders/3"`, `href="/builds/41"`, `title="2026-03-14 19:00:00 UTC"`, `title="2026-03-14 12:55:00 UTC"`, `#i-rest`, "as far as its owner allows"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	list := ask(t, s, "GET", "/workers?state=resting", false, nil).Body.String()
	for _, want := range []string{"1 rests, as its owner wishes", `aria-hidden="true"><use href="#i-rest">`, "resting", "builds begin between 19:00", "in 7 h"} {
		if !strings.Contains(list, want) {
			t.Errorf("the list lacks %s", want)
		}
	}
}

// TestNoRules says what it means that there are none, and that nothing was refused.
func TestNoRules(t *testing.T) {
	t.Parallel()
	w := owned()
	free := worker("free", nil)
	s := &stand{workers: []weir.Worker{w, free}}
	for path, want := range map[string]string{"/workers/free": "What its owner allows Everything that fits its platform and its labels. How an owner allows less",
		"/workers/free#": "What it refused Nothing in the last 90 days. Its owner has not said", "/workers/alices-laptop#": "Nothing in the last 90 days: whatever it was given, its owner allows."} {
		path, refused := strings.CutSuffix(path, "#")
		id := map[bool]string{false: "h-owner", true: "h-refused"}[refused]
		if got := said(ask(t, s, "GET", path, false, nil).Body.String(), id); !strings.Contains(got, want) {
			t.Errorf("%s says %s", path, got)
		}
	}
}

// TestManyRefused lists the newest, and says where the others are.
func TestManyRefused(t *testing.T) {
	t.Parallel()
	s := &stand{workers: []weir.Worker{owned()}, refused: make([]roster.Refused, maxRefused+1)}
	body := ask(t, s, "GET", "/workers/alices-laptop", false, nil).Body.String()
	if !strings.Contains(body, `href="/api/v1/workers/alices-laptop/refusals"`) || strings.Count(body, "may be asked again") != maxRefused {
		t.Errorf("the page lists %d", strings.Count(body, "may be asked again"))
	}
}

// TestRests says why a worker rests, whatever it says itself, and what comes first.
func TestRests(t *testing.T) {
	t.Parallel()
	for _, r := range weir.Rules() {
		if rules[r] == "" || (rests[r] != "") != (r.Lasts() == 0) {
			t.Errorf("rule %q has the words %q and %q", r, rules[r], rests[r])
		}
	}
	for want, rest := range map[string]weir.Rest{"the load is 3": {Rule: weir.RuleLoad, Text: "the load is 3"}, "the machine is too busy": {Rule: weir.RuleLoad}, "its owner wants nothing there now": {Rule: "moon"}} {
		if got := restText(rest); got != want {
			t.Errorf("%+v: %s", rest, got)
		}
	}
	s := &stand{workers: []weir.Worker{owned()}}
	s.workers[0].Paused = "new disk"
	if got := said(ask(t, s, "GET", "/workers/alices-laptop", false, nil).Body.String(), "h-owner"); !strings.Contains(got, "It would rest now: builds begin between 19:00 and 07:00 over in 7 h builds") {
		t.Errorf("one that is paused and would rest says %s", got)
	}
	paused, away := owned(), owned()
	paused.Paused, away.Seen = "new disk", noon.Add(-time.Hour)
	if mark, why := standing(paused, noon); mark.Word != "paused" || why != "new disk" || ownerView(paused, nil, false, noon).Rest == "" {
		t.Errorf("paused: %s, %s", mark.Word, why)
	}
	if v := ownerView(away, nil, false, noon); v.Rest != "" {
		t.Errorf("away: %s", v.Rest)
	}
	if got := restEnd(weir.Rest{Until: noon}, noon); got.ISO != "" {
		t.Errorf("a rest that is over: %+v", got)
	}
}

// TestStuck says which builds wait for somebody to do something.
func TestStuck(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		wait schedule.Wait
		want bool
	}{
		{schedule.Wait{Reason: schedule.WaitRefused, Until: noon.Add(time.Hour)}, true},
		{schedule.Wait{Reason: schedule.WaitWorkers}, true},
		{schedule.Wait{Reason: schedule.WaitWorkers, Until: noon.Add(time.Hour)}, false},
		{schedule.Wait{Reason: schedule.WaitBusy}, false},
	} {
		if got := isStuck(c.wait); got != c.want {
			t.Errorf("%+v: %v", c.wait, got)
		}
	}
	v := queueView(waits.Line{Depths: []waits.Depth{{}, {Resting: 2}, {Workers: 1, Resting: 1}}}, noon)
	if d := v.Depths; d[0].Stuck != "infra" || d[1].Stuck != "rest" || d[1].Slots != "no worker takes work, 2 rest" || d[2].Stuck != "" {
		t.Errorf("%+v", d)
	}
}

// TestPolicyDocs makes sure that what the page links to is there.
func TestPolicyDocs(t *testing.T) {
	t.Parallel()
	_, path, _ := strings.Cut(policyDocs, "/main/")
	path, heading, _ := strings.Cut(path, "#")
	text, err := os.ReadFile("../../../../" + path)
	if err != nil || !strings.Contains(strings.ToLower(string(text)), "\n## "+strings.ReplaceAll(heading, "-", " ")+"\n") {
		t.Errorf("%s has no heading %s: %v", path, heading, err)
	}
}
