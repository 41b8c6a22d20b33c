package compat

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/recent"
	"github.com/weir-ci/weir/internal/farm/standing"
	"github.com/weir-ci/weir/internal/recipe/near"
	"github.com/weir-ci/weir/internal/store"
)

// view is the builders of a farm at one moment.
type view struct {
	rows  []recent.Row
	names []string                   // of projects, sorted
	ups   map[string]map[string]bool // upstreams, by project
}

func newView(s *recent.State) view {
	v := view{rows: s.Rows, ups: map[string]map[string]bool{}}
	for _, row := range s.Rows {
		project := row.Builder.Project
		if v.ups[project] == nil {
			v.ups[project] = map[string]bool{}
		}
		for _, up := range upstreams(row) {
			v.ups[project][up] = true
			if v.ups[up] == nil {
				v.ups[up] = map[string]bool{}
			}
		}
	}
	for name := range v.ups {
		v.names = append(v.names, name)
	}
	slices.Sort(v.names)
	return v
}

// upstreams lists everything upstream of a builder, those of its upstreams too.
func upstreams(row recent.Row) (list []string) {
	if row.Builder.Upstreams != "" {
		list = strings.Split(row.Builder.Upstreams, ",")
	}
	if len(row.Builds) > 0 {
		for p := range row.Builds[0].Pins {
			if p != row.Builder.Project && !slices.Contains(list, p) {
				list = append(list, p)
			}
		}
	}
	return list
}

// is reports whether a project is the one that is named: by its name, or by what
// stands before the version in it.
func is(project, named string) bool {
	if project == named {
		return true
	}
	base, _, ok := lineOf(project)
	return ok && base == named
}

func (v view) upstream(downstream, upstream string) bool {
	for up := range v.ups[downstream] {
		if is(up, upstream) {
			return true
		}
	}
	return false
}

// downstreams lists the projects that are built against something.
func (v view) downstreams() (list []string) {
	for _, name := range v.names {
		if len(v.ups[name]) > 0 {
			list = append(list, name)
		}
	}
	return list
}

// example is a question about the first project that has a downstream, and the first of
// those; empty if there is none.
func (v view) example() string {
	var ask Ask
	for down, ups := range v.ups {
		for up := range ups {
			if ask.Project == "" || cmp.Or(strings.Compare(up, ask.Upstream), strings.Compare(down, ask.Project)) < 0 {
				ask = Ask{Project: down, Upstream: up}
			}
		}
	}
	if i := slices.IndexFunc(v.rows, func(r recent.Row) bool {
		return r.Builder.Project == ask.Project && slices.Contains(upstreams(r), ask.Upstream)
	}); i >= 0 {
		ask.Platform = string(v.rows[i].Builder.Platform)
	}
	return ask.Sentence()
}

// asked reports whether the version of a project matters for a question.
func (v view) asked(project string, ask Ask) bool {
	return ask.Upstream == "" || is(project, ask.Upstream)
}

// of lists the builders that a question is about, whatever their platform.
func (v view) of(ask Ask) (rows []recent.Row) {
	for _, row := range v.rows {
		if row.Builder.Project != ask.Project {
			continue
		}
		if ask.Upstream == "" || slices.ContainsFunc(upstreams(row), func(up string) bool { return is(up, ask.Upstream) }) {
			rows = append(rows, row)
		}
	}
	return rows
}

// idle says which builders are not built any more, as a project's standing has it.
// What they said last is no answer to a question about now; it is one about a
// version that is named.
func (v view) idle(ask Ask) func(recent.Row) bool {
	moves := func(version string) bool { return version == "" || newest[version] || branches[version] }
	if !moves(ask.Version) || !moves(ask.Of) {
		return func(recent.Row) bool { return false }
	}
	var last time.Time
	for _, row := range v.rows {
		if row.Builder.Project == ask.Project && len(row.Builds) > 0 && row.Builds[0].Created.After(last) {
			last = row.Builds[0].Created
		}
	}
	return func(row recent.Row) bool {
		return len(row.Builds) > 0 && last.Sub(row.Builds[0].Created) > standing.Idle
	}
}

func (v view) near(words []string) string {
	for _, w := range words {
		if name := near.Name(w, v.names); name != "" {
			return name
		}
	}
	return ""
}

// asks reports whether a build is at the versions that are asked for. A version may
// also be the value of the builder's cell.
func asks(b *store.BoardBuild, builder weir.Builder, ask Ask, lines lines) bool {
	if ask.Of != "" && !(branches[ask.Of] && builder.Branch == "") && !fits(ask.Of, b.Pins[ask.Project]) && !isBranch(ask.Of, builder.Branch) {
		return false
	}
	if ask.Version == "" || newest[ask.Version] {
		return true
	}
	for project, revision := range b.Pins {
		if project == ask.Project || !is(project, ask.Upstream) {
			continue
		}
		_, line, _ := lineOf(project)
		if branch, ok := lines[project+" "+revision]; ok && branch == "" && branches[ask.Version] {
			return true // its only line, which has no name here
		}
		if fits(ask.Version, revision) || isBranch(ask.Version, lines.of(project, revision)) || isBranch(ask.Version, line) {
			return true
		}
	}
	return inCell(ask.Version, builder.Cell)
}

// telling lists the builds of a builder in the order in which they are believed:
// those of its branches first, newest first. Probes and reruns go back to older
// revisions, so they count only where no other build answers.
func telling(builds []store.BoardBuild) []*store.BoardBuild {
	list := make([]*store.BoardBuild, 0, len(builds))
	for _, ahead := range []bool{true, false} {
		for i := range builds {
			if b := &builds[i]; b.Cause.Advances() == ahead && !b.Cause.Guest() && !supposed(b.Pins) {
				list = append(list, b)
			}
		}
	}
	return list
}

// supposed reports whether a build was made of what nobody can have: a revision
// with its culprit taken out.
func supposed(pins weir.Pins) bool {
	for _, id := range pins {
		if _, _, ok := weir.CutWithout(id); ok {
			return true
		}
	}
	return false
}

// evidence finds the newest build of a builder that answers.
func evidence(row recent.Row, ask Ask, lines lines) Evidence {
	e := Evidence{Builder: row.Builder, Answer: Unknown}
	for _, b := range telling(row.Builds) {
		if !asks(b, row.Builder, ask, lines) {
			continue
		}
		answer := says(b)
		if answer == Unknown {
			if e.Newer == 0 {
				e.Newer, e.Silence = b.ID, silence(b)
			}
			continue
		}
		e.Build, e.Answer, e.Why, e.Version = *b, answer, why(b), version(b, ask, lines)
		if e.Newer < b.ID {
			e.Newer, e.Silence = 0, ""
		}
		return e
	}
	if e.Why = e.Silence; e.Why == "" {
		e.Why = "has no build like that"
	}
	return e
}

// says is what a build says by itself.
func says(b *store.BoardBuild) Verdict {
	switch {
	case b.State != weir.Finished, b.Hollow():
		return Unknown
	case b.Outcome == weir.Passed:
		return Yes
	case b.Outcome == weir.Failed, b.Outcome == weir.TimedOut, b.Outcome == weir.Broken && b.Reason == weir.ReasonPrepare:
		return No
	}
	return Unknown
}

// doubt takes a yes back from builds without tests, such as those of a linter,
// where other builders have tests: that they pass shows only that they pass.
func doubt(a *Answer, rows []recent.Row) {
	tested := slices.ContainsFunc(rows, func(r recent.Row) bool {
		return slices.ContainsFunc(r.Builds, func(b store.BoardBuild) bool { return b.Counts.Total() > 0 })
	})
	for i := range a.Evidence {
		e := &a.Evidence[i]
		if tested && e.Answer == Yes && e.Build.Counts.Executed() == 0 {
			e.Newer, e.Silence = e.Build.ID, "ran no tests"
			e.Build, e.Answer, e.Why = store.BoardBuild{}, Unknown, e.Silence
		}
	}
}

// why says in a few words what a build that answers has shown.
func why(b *store.BoardBuild) string {
	n := b.Counts.Executed()
	switch {
	case b.Outcome == weir.TimedOut:
		return "runs out of time"
	case b.Outcome == weir.Broken:
		return "does not build"
	case b.Outcome == weir.Passed && n == 0:
		return "all steps pass"
	case b.Outcome == weir.Passed:
		return fmt.Sprintf("all %s pass", tests(n))
	case b.Counts.Bad() == 0:
		return "a step fails"
	}
	newly := b.Changes.NewlyFailing + b.Changes.FailingDifferently
	text := fmt.Sprintf("%d of %s fail", b.Counts.Bad(), tests(n))
	if b.Counts.Bad() == 1 {
		text += "s"
	}
	switch {
	case newly == 0:
		return text + ", as before"
	case newly < b.Counts.Bad():
		return text + fmt.Sprintf(", %d of them newly", newly)
	}
	return text + ", newly"
}

func tests(n int) string {
	if n == 1 {
		return "1 test"
	}
	return fmt.Sprintf("%d tests", n)
}

// silence says why a build says nothing.
func silence(b *store.BoardBuild) string {
	switch {
	case b.State == weir.Running, b.State == weir.Leased:
		return "is running now"
	case !b.State.Final():
		return "waits for its turn"
	case b.Outcome == weir.Infra:
		return "hit an infrastructure error"
	case b.Reason == weir.ReasonUpstreamBuild:
		return "its upstream did not build"
	case b.Outcome == weir.Broken:
		return "did not get to its tests"
	case b.Hollow():
		return "skipped all of its tests"
	}
	return "was " + strings.ReplaceAll(string(b.Outcome), "_", " ")
}

// version is which one a build is about: of the upstream, or of the project itself.
func version(b *store.BoardBuild, ask Ask, lines lines) string {
	for _, project := range sorted(b.Pins) {
		if project != ask.Project && ask.Upstream != "" && is(project, ask.Upstream) {
			text := weir.ShortRevision(b.Pins[project])
			if branch := lines.of(project, b.Pins[project]); branch != "" && branch != text {
				text = branch + " at " + text
			}
			return project + " " + text
		}
	}
	return ask.Project + " " + weir.ShortRevision(b.Pins[ask.Project])
}

func sorted(p weir.Pins) []string {
	names := make([]string, 0, len(p))
	for name := range p {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// conclude makes one answer of the evidence, and says what is missing.
func conclude(a *Answer, v view, rows []recent.Row) {
	count := map[Verdict]int{}
	for _, e := range a.Evidence {
		count[e.Answer]++
	}
	rank := map[Verdict]int{No: 0, Yes: 1, Unknown: 2}
	slices.SortStableFunc(a.Evidence, func(x, y Evidence) int {
		return cmp.Or(rank[x.Answer]-rank[y.Answer], cmp.Compare(y.Build.ID, x.Build.ID), cmp.Compare(x.Builder.ID, y.Builder.ID))
	})
	subject := a.Sentence
	said := count[Yes] + count[No]
	switch {
	case count[No] > 0 && said == 1:
		a.Answer, a.Text = No, fmt.Sprintf("%s: %s.", subject, a.Evidence[0].Why)
	case count[No] > 0:
		a.Answer, a.Text = No, fmt.Sprintf("%s: %d of %d builders say no; %s.", subject, count[No], said, a.Evidence[0].Why)
	case count[Yes] == 1:
		a.Answer, a.Text = Yes, fmt.Sprintf("%s: %s.", subject, a.Evidence[0].Why)
	case count[Yes] > 0:
		a.Answer, a.Text = Yes, fmt.Sprintf("%s: all %d builders that answer pass.", subject, count[Yes])
	default:
		a.Text = "The farm does not know whether " + subject + " works."
		a.Needed = needed(a, v, rows)
	}
	a.More = max(0, len(a.Evidence)-MaxEvidence)
	a.Evidence = a.Evidence[:min(len(a.Evidence), MaxEvidence)]
}

// needed says what would make an answer known, and it is one thing: the first
// that is missing.
func needed(a *Answer, v view, rows []recent.Row) string {
	_, known := v.ups[a.Project]
	switch {
	case !known:
		a.Near = near.Name(a.Project, v.names)
		return fmt.Sprintf("This farm builds no project %s. Add it to the farm file.", a.Project)
	case len(rows) == 0 && a.Upstream != "":
		return fmt.Sprintf("%s is not built against %s. In the farm file, add %s to the upstreams of %s.", a.Project, a.Upstream, a.Upstream, a.Project)
	case len(a.Evidence) == 0 && slices.ContainsFunc(rows, func(r recent.Row) bool { return on(r.Builder.Platform, a.Platform) }):
		return fmt.Sprintf("It was built like that once, and is not any more: not for %d days, in which %s was built otherwise. The table below says what was known last.", int(standing.Idle/(24*time.Hour)), a.Project)
	case len(a.Evidence) == 0 && a.Platform != "":
		return fmt.Sprintf("No job of %s runs on %s. Add it to the platforms of a job, and lend a worker of that platform.", a.Project, a.Platform)
	}
	for _, e := range a.Evidence {
		if e.Newer != 0 {
			return fmt.Sprintf("Build %d %s; it or a later one has to get to its tests.", e.Newer, e.Why)
		}
	}
	if a.Version != "" || a.Of != "" {
		return fmt.Sprintf("No build of it was made at that version. Known are: %s. Others need a branch of their own in the farm file, or a build by hand.", strings.Join(versions(a, rows), ", "))
	}
	return "None of its builds has come to an end yet. weir force " + a.Project + " starts one."
}

// versionsNamed limits how many versions an unknown answer names.
const versionsNamed = 8

func versions(a *Answer, rows []recent.Row) (list []string) {
	for _, row := range rows {
		for i := range row.Builds {
			text := version(&row.Builds[i], a.Ask, nil)
			if len(list) < versionsNamed && !slices.Contains(list, text) {
				list = append(list, text)
			}
		}
	}
	if len(list) == 0 {
		return []string{"none"}
	}
	return list
}
