package builds

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/buildlist"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// BuildsView is a page of the list of builds.
type BuildsView struct {
	Title  string
	Filter page.FilterView
	Lines  []page.BuildLine
	Pager  page.PagerView
	Short  bool // there may be more further back
	Empty  page.EmptyView
	// Recipes is where the jobs of the project come from, if its repository decides.
	Recipes []RecipeLine
}

// pageSize is how many builds a page lists.
const pageSize = 100

// listKeys are the keys of an address that say which builds are wanted.
var listKeys = [...]string{"project", "platform", "worker", "state", "outcome", "cause", "since", "run", "builder"}

// sinceWants says what times look like.
const sinceWants = "a day such as 2026-03-14, or how long ago, as 24h or 7d"

// listed is what the address of the list may ask for.
func (s *site) listed() []page.Param {
	since := page.ReadParam("since", sinceWants, func(value string) error {
		_, err := buildlist.ParseSince(value, s.Now())
		return err
	})
	return []page.Param{page.TextParam("project"), page.TextParam("platform"), page.TextParam("worker"), page.WordParam("state", weir.States()...),
		page.WordParam("outcome", weir.Outcomes()...), page.WordParam("cause", weir.Causes()...), since.WhileTyped(), page.NumberParam("run", "the id of a run"),
		page.NumberParam("builder", "the id of a builder"), page.NumberParam("before", "the id of a build")}
}

// listQuery reads which builds an address wants. A time that is still being typed
// is none yet: why says what one looks like. Invalid if a word is not one of ours.
func (s *site) listQuery(in url.Values) (q buildlist.Query, why string, err error) {
	run, _ := page.Number(in.Get("run"))
	builder, _ := page.Number(in.Get("builder"))
	before, _ := page.Number(in.Get("before"))
	q = buildlist.Query{Run: weir.RunID(run), Builder: weir.BuilderID(builder), Before: weir.BuildID(before), Limit: pageSize,
		State: weir.State(in.Get("state")), Outcome: weir.Outcome(in.Get("outcome")), Cause: weir.Cause(in.Get("cause")),
		Project: page.Clean(in.Get("project"), maxFilter), Platform: page.Clean(in.Get("platform"), maxFilter), Worker: page.Clean(in.Get("worker"), maxFilter)}
	if q.Since, err = buildlist.ParseSince(in.Get("since"), s.Now()); err != nil {
		why = "since when: " + sinceWants
	}
	return q, why, q.Check()
}

func (s *site) builds(r *http.Request) (page.Shown, error) {
	in := r.URL.Query()
	q, why, err := s.listQuery(in)
	if err != nil {
		return page.Shown{}, err
	}
	list, err := buildlist.Find(r.Context(), s.farm.Builds, q)
	if err != nil {
		return page.Shown{}, err
	}
	v := BuildsView{Title: "Builds", Filter: listFilter(in, q), Short: list.Short,
		Empty: page.EmptyView{Text: "No build matches.", Next: "Look for others, or", URL: "/builds", Link: "see all of them."}}
	v.Filter.Found = why
	if v.Filter.Clear == "" {
		v.Empty = page.EmptyView{Text: "Nothing has been built yet.", Next: "A build is made when a project gets a new revision, or when somebody starts one:", Command: "weir force PROJECT"}
	}
	switch {
	case q.Run != 0:
		v.Title = fmt.Sprintf("Builds of run %d", q.Run)
	case q.Builder != 0 && len(list.Builds) > 0:
		v.Title = "Builds of " + page.OneLine(list.Builds[0].Builder.Name(), page.MaxName)
	case q.Project != "":
		v.Title = "Builds of " + page.OneLine(q.Project, page.MaxName)
		v.Recipes = RecipeLines(s.farm.Setup(), q.Project, s.Now())
	}
	if q.Before != 0 {
		v.Pager.Newest = listURL(in, 0)
	}
	if list.Next != 0 {
		v.Pager.Older = listURL(in, list.Next)
	}
	for _, b := range list.Builds {
		v.Lines = append(v.Lines, page.NewBuildLine(b, s.Now()))
	}
	topics := ""
	if q.Before == 0 { // older pages do not change
		topics = "build,run"
	}
	return page.Shown{Title: v.Title, Section: "builds", Topics: topics, Content: buildsPage(v)}, nil
}

// listURL is the address of a list, from before a build on; 0: from the newest.
func listURL(in url.Values, before weir.BuildID) string {
	v := url.Values{}
	for _, key := range listKeys {
		if value := in.Get(key); value != "" {
			v.Set(key, value)
		}
	}
	if before != 0 {
		v.Set("before", fmt.Sprint(before))
	}
	if len(v) == 0 {
		return "/builds"
	}
	return "/builds?" + v.Encode()
}

// listFilter is the form. What it does not offer, a run or a builder, it keeps.
func listFilter(in url.Values, q buildlist.Query) page.FilterView {
	f := page.FilterView{Action: "/builds", Name: "project", Value: page.OneLine(q.Project, page.MaxName), Label: "Project", Placeholder: "project"}
	f.Texts = []page.Text{{Name: "platform", Label: "Platform", Placeholder: "linux", Value: page.OneLine(q.Platform, page.MaxName)},
		{Name: "worker", Label: "Worker", Value: page.OneLine(q.Worker, page.MaxName)}, {Name: "since", Label: "Since", Placeholder: "7d", Value: page.OneLine(in.Get("since"), 40)}}
	option := func(c *page.Choice, value, text string, on bool) {
		c.Options = append(c.Options, page.Option{Value: value, Text: text, On: on})
	}
	state, outcome, cause := page.Choice{Name: "state", Label: "State"}, page.Choice{Name: "outcome", Label: "Outcome"}, page.Choice{Name: "cause", Label: "Cause"}
	option(&state, "", "any", q.State == "")
	for _, s := range weir.States() {
		option(&state, string(s), page.BuildMark(weir.Build{State: s}).Word, q.State == s)
	}
	option(&outcome, "", "any", q.Outcome == "")
	for _, o := range weir.Outcomes() {
		option(&outcome, string(o), page.BuildMark(weir.Build{State: weir.Finished, Outcome: o}).Word, q.Outcome == o)
	}
	option(&cause, "", "any", q.Cause == "")
	for _, c := range weir.Causes() {
		option(&cause, string(c), page.CauseWord(c), q.Cause == c)
	}
	f.Choices = []page.Choice{state, outcome, cause}
	for _, key := range []string{"run", "builder"} {
		if value := in.Get(key); value != "" {
			f.Keep = append(f.Keep, page.Option{Value: key, Text: page.OneLine(value, 20)})
		}
	}
	if listURL(in, 0) != "/builds" {
		f.Clear = "/builds"
	}
	return f
}
