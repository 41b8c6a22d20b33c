package admin

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/weir-ci/weir/internal/farm/access"
	"github.com/weir-ci/weir/internal/farm/audit"
	"github.com/weir-ci/weir/internal/farm/setup"
	"github.com/weir-ci/weir/internal/farm/upkeep"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// View is the page of those who look after a farm.
type View struct {
	Facts    []page.Fact
	Config   ConfigView
	Versions []VersionLine
	Expiries []ExpiryLine
	Size     string
	Tables   []TableLine
	Tokens   []TokenLine
	Sessions []TokenLine
	More     int // tokens and sessions that are left out
	Acts     []ActLine
	Keys     []KeyLine
}

// ConfigView is how the farm stands with its file.
type ConfigView struct {
	Mark     page.Mark
	File     string // empty: there is none to read again
	Problems []string
	Warnings []string
	Restart  string // keys that wait for the next start; may be empty
	Since    page.When
	By       string
	Read     page.When
}

// VersionLine is a version of the configuration.
type VersionLine struct {
	Version, By string
	Since       page.When
	Current     bool
}

// ExpiryLine says for how long something is kept.
type ExpiryLine struct {
	What, For string
	Key       string // of the farm file; empty: nothing changes it
	Last      page.When
	Removed   string
	Failed    bool
}

// TableLine is a table of the database.
type TableLine struct{ Name, Rows string }

// TokenLine is a token, a link to sign in or a session.
type TokenLine struct {
	Name, Who string
	Is        string
	Rights    string
	Owner     string
	Made      page.When
	Expires   page.When
	Never     bool   // it does not expire
	Over      bool   // it has expired
	Mine      bool   // a session of who looks at the page
	Revoke    string // where to post to
	Acts      string // where it stands what was done with it
}

// ActLine is something that somebody did.
type ActLine struct {
	At      page.When
	Who     string
	WhoURL  string
	From    string
	Verb    string
	VerbURL string
	On      string
	OnURL   string // of the thing itself; may be empty
	AllURL  string // of what was done to it
	Note    string
	Refused string // why; empty: it was done
}

// KeyLine says what a key of the farm file changes.
type KeyLine struct{ Key, What, When string }

// maxTokens limits how many tokens and sessions are shown.
const maxTokens = 200

// NewView makes the page for somebody who has signed in as who.
func NewView(s upkeep.State, who string, now time.Time) View {
	v := View{Config: configView(s.Config, now), Size: page.Size(s.Database.Bytes), Keys: keys()}
	v.Facts = []page.Fact{
		{Label: "Version", Text: page.OneLine(s.Server.Version, page.MaxName), Code: true},
		{Label: "Started", When: page.At(s.Server.Started, now)},
		{Label: "Configuration", Text: page.OneLine(s.Config.Version, page.MaxName), Code: true},
		{Label: "Database", Text: v.Size},
	}
	for _, c := range s.Versions {
		v.Versions = append(v.Versions, VersionLine{Version: page.OneLine(c.Version, page.MaxName), By: by(c.By), Since: page.At(c.Since, now),
			Current: c.Version == s.Config.Version})
	}
	for _, e := range s.Retention {
		line := ExpiryLine{What: e.What, For: "for ever", Key: e.Key, Last: page.At(e.Last, now), Failed: e.Failed}
		if e.Seconds > 0 {
			line.For = span(time.Duration(e.Seconds) * time.Second)
		}
		if e.Removed > 0 {
			line.Removed = page.Thousands(int64(e.Removed)) + " removed"
		}
		v.Expiries = append(v.Expiries, line)
	}
	for _, name := range slices.SortedFunc(maps.Keys(s.Database.Rows), func(a, b string) int {
		return cmp.Or(cmp.Compare(s.Database.Rows[b], s.Database.Rows[a]), strings.Compare(a, b))
	}) {
		if s.Database.Rows[name] == 0 {
			break
		}
		v.Tables = append(v.Tables, TableLine{page.OneLine(name, page.MaxName), page.Thousands(s.Database.Rows[name])})
	}
	v.Tokens, v.Sessions, v.More = tokenLines(s.Tokens, who, now)
	for _, a := range s.Acts {
		v.Acts = append(v.Acts, actLine(a, now))
	}
	return v
}

func configView(s setup.Status, now time.Time) ConfigView {
	v := ConfigView{Mark: page.Mark{Kind: page.KindPass, Word: "in force"}, File: page.OneLine(s.File, page.MaxName), Since: page.At(s.Since, now), By: by(s.By),
		Read: page.At(s.Read, now), Restart: page.OneLine(strings.Join(s.Restart, ", "), page.MaxMessage)}
	if s.Bad() {
		v.Mark = page.Mark{Kind: page.KindFail, Word: page.Count(s.Errors, "mistake", "mistakes") + ", not in force"}
	}
	v.Problems, v.Warnings = problemLines(s.Problems), problemLines(s.Warnings)
	return v
}

func problemLines(list []setup.Problem) []string {
	var lines []string
	for _, p := range list {
		line := p.String()
		if p.Hint != "" {
			line += "; " + p.Hint
		}
		lines = append(lines, page.OneLine(line, page.MaxSubject))
	}
	return lines
}

// by is what made the farm read its file, in words.
func by(what string) string {
	switch what {
	case "start":
		return "the start of the server"
	case "signal":
		return "the signal HUP"
	case "file":
		return "a change of the file"
	case "repository":
		return "a recipe in a repository"
	}
	return page.OneLine(what, page.MaxName)
}

// span is a time that things are kept, in whole units.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= day && d%day == 0 {
		return page.Count(int(d/day), "day", "days")
	}
	return page.Count(int(d/time.Hour), "hour", "hours")
}

func tokenLines(list []access.Token, who string, now time.Time) (tokens, sessions []TokenLine, more int) {
	for _, t := range list {
		if len(tokens)+len(sessions) == maxTokens {
			more++
			continue
		}
		is, rights := access.Describe(t)
		line := TokenLine{Name: page.OneLine(t.Name, page.MaxName), Is: is, Rights: rights, Owner: page.OneLine(t.Owner, page.MaxName),
			Made: page.At(t.Created, now), Expires: page.At(t.Expires, now), Never: t.Expires.IsZero(), Over: t.Expired(now),
			Revoke: "/admin/tokens/" + url.PathEscape(t.Name) + "/revoke"}
		person := access.Person(t)
		line.Who, line.Acts = page.OneLine(person, page.MaxName), auditURL(audit.Filter{Who: person})
		if t.Scope == access.ScopeWeb || t.Scope == access.ScopeSignIn {
			line.Mine = t.Scope == access.ScopeWeb && person == who
			sessions = append(sessions, line)
			continue
		}
		tokens = append(tokens, line)
	}
	return tokens, sessions, more
}

// pages are where things are that acts are done to.
var pages = map[string]string{"build": "/builds/", "regression": "/regressions/", "worker": "/workers/", "run": "/runs/", "project": "/projects/"}

func actLine(a audit.Act, now time.Time) ActLine {
	line := ActLine{At: page.At(a.At, now), Who: page.OneLine(a.Who, page.MaxName), WhoURL: auditURL(audit.Filter{Who: a.Who}),
		From: page.OneLine(strings.TrimSpace(string(a.Via)+" "+a.From), page.MaxName), Verb: page.OneLine(a.Verb, page.MaxName),
		VerbURL: auditURL(audit.Filter{Verb: a.Verb}), On: page.OneLine(a.On, page.MaxName), AllURL: auditURL(audit.Filter{On: a.On}),
		Note: page.OneLine(a.Note, page.MaxName), Refused: page.OneLine(a.Code, page.MaxName)}
	thing, name, ok := strings.Cut(a.On, " ")
	if at := pages[thing]; ok && at != "" {
		line.OnURL = at + url.PathEscape(name)
	}
	return line
}

// AuditView is the list of who did what.
type AuditView struct {
	Who, Verb, On string
	Lines         []ActLine
	Filtered      bool
	Pager         page.PagerView
	Kept          string // for how long
}

// NewAuditView makes the page of the acts that a filter lets through; one more than
// fits says that there are older ones.
func NewAuditView(list []audit.Act, f audit.Filter, now time.Time) AuditView {
	v := AuditView{Who: page.OneLine(f.Who, page.MaxName), Verb: page.OneLine(f.Verb, page.MaxName), On: page.OneLine(f.On, page.MaxName),
		Filtered: f.Who+f.Verb+f.On != "", Kept: span(audit.Age)}
	if len(list) > maxActs {
		list = list[:maxActs]
		older := f
		older.Before = list[maxActs-1].ID
		v.Pager.Older = auditURL(older)
	}
	if f.Before > 0 {
		newest := f
		newest.Before = 0
		v.Pager.Newest = auditURL(newest)
	}
	for _, a := range list {
		v.Lines = append(v.Lines, actLine(a, now))
	}
	return v
}

// ReloadView is what reading the farm file again would change.
type ReloadView struct {
	Good     bool // the file has no mistakes
	Mistakes string
	Problems []string
	More     int
	Warnings []string
	Restart  string
	Changes  []ChangeLine
	Omitted  int
	Notes    []string
	Version  string // it would be, or stays
}

// ChangeLine is one difference.
type ChangeLine struct {
	What  string
	Thing string
	Keys  string
	Notes []string
}

// maxChanges limits how many differences are shown.
const maxChanges = 500

// NewReloadView makes the page of a comparison.
func NewReloadView(r setup.Result) ReloadView {
	v := ReloadView{Good: r.Errors == 0, Mistakes: page.Count(r.Errors, "mistake", "mistakes"), Problems: problemLines(r.Problems), More: r.Errors - len(r.Problems),
		Warnings: problemLines(r.Warnings), Restart: page.OneLine(strings.Join(r.Restart, ", "), page.MaxMessage), Version: page.OneLine(r.Version, page.MaxName)}
	for i, c := range r.Diff.Changes {
		if i == maxChanges {
			v.Omitted = len(r.Diff.Changes) - maxChanges
			break
		}
		line := ChangeLine{What: string(c.What), Thing: page.OneLine(fmt.Sprintf("%s %s", c.Kind, c.Name), page.MaxName), Keys: page.OneLine(strings.Join(c.Keys, ", "), page.MaxMessage)}
		if c.Was != "" {
			line.Notes = append(line.Notes, page.OneLine("it was "+c.Was, page.MaxName))
		}
		for _, n := range c.Notes {
			line.Notes = append(line.Notes, page.OneLine(n, page.MaxName))
		}
		v.Changes = append(v.Changes, line)
	}
	v.Omitted += r.Diff.Omitted
	for _, n := range r.Diff.Notes {
		v.Notes = append(v.Notes, page.OneLine(n, page.MaxMessage))
	}
	return v
}

// keys says which key of the farm file changes what.
func keys() []KeyLine {
	const atOnce, start = "at once", "at the next start"
	return []KeyLine{
		{"farm.name", "what the farm is called on its pages", atOnce},
		{"projects", "what is built, and how", atOnce},
		{"platforms", "where jobs run that do not say where", atOnce},
		{"locks", "what keeps builds from running at the same time", atOnce},
		{"secrets", "where values are that steps get", atOnce},
		{"hooks", "which forges may tell of changes", atOnce},
		{"listen, url", "where the server listens, and how others reach it", start},
		{"trusted_proxies", "whose word is taken for where requests come from", start},
		{"data, database", "where everything is kept", start},
		{"mail", "how people are told", start},
		{"worker", "the worker of weir up", start},
	}
}
