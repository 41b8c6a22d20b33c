package page

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/a-h/templ"
)

// EmptyView is what stands in the place of a list that has nothing: what that
// means, and what to do next.
type EmptyView struct {
	Text    string // a sentence: "No regression is open."
	Next    string // what to do, if there is something to do
	Command string // the command that does it; may be empty
	URL     string // where it is done; may be empty
	Link    string // the words of the link to URL
	Good    bool   // nothing is what one hopes for here
}

// Tab is one of several views of the same thing.
type Tab struct {
	Text, URL string
	Current   bool
	Count     int // behind the words; 0: none is shown
}

// FilterView is a form that narrows down what a page lists. Its values are part
// of the page's address, so a filter is something to send to someone.
type FilterView struct {
	Action      string // path of the page
	Name        string // of the text in the address; empty: "q"
	Value       string
	Label       string // says to a screen reader what the text is: "Part of a builder's name"
	Placeholder string
	NoText      bool     // there are choices only
	Texts       []Text   // further texts
	Keep        []Option // what else the address has to keep, as names and values
	Choices     []Choice
	Checks      []Check
	Found       string // "12 of 1,000 builders"; may be empty
	Clear       string // address without the filter; empty: nothing is filtered
}

// Option is a value with the words for it.
type Option struct {
	Value, Text string
	On          bool // it is chosen
}

// Text is a short text, in a form.
type Text struct{ Name, Label, Placeholder, Value string }

// Choice is one of several values, in a form.
type Choice struct {
	Name, Label string
	Options     []Option
}

// Check is something that is on or off, in a form; its value is "1".
type Check struct {
	Name, Label string
	On          bool
}

// PagerView leads to the other pages of a list; addresses may be empty.
type PagerView struct {
	Newest, Newer, Older string
	Text                 string // what this page has: "builds 1,001 to 1,100"
}

// Fact is something that is known of a thing: a label, and text, a moment, a
// mark or any component.
type Fact struct {
	Label string
	Text  string
	URL   string // of the text; may be empty
	Title string // in full, when pointed at; may be empty
	Code  bool   // the text is for machines: a revision, a path
	When  When
	Mark  Mark
	Body  templ.Component // in place of all that; may be nil
}

// ChipView is a word or two in a frame: a label, a number of something.
type ChipView struct {
	Text  string
	Kind  string // of mark, gives symbol and colour; empty: plain
	URL   string
	Title string
}

// MeterView is a part of a whole.
type MeterView struct {
	Label string  // for screen readers: "progress", "disk"
	Share float64 // 0 to 1; more is shown as 1
	Text  string  // behind the bar
	Kind  string  // KindRun, KindBroken, KindFail give colours; empty: quiet
}

// slow is how many times its usual duration a build may take before its
// progress stands out.
const slow = 1.25

// NewProgress is how far something is that usually takes as long as usual. It
// stands out when it takes longer than that by more than a quarter.
func NewProgress(took, usual time.Duration) MeterView {
	v := MeterView{Label: "progress", Kind: KindRun}
	if usual <= 0 {
		v.Text = Duration(took)
		return v
	}
	v.Share = min(max(took.Seconds()/usual.Seconds(), 0), 1)
	switch {
	case took.Seconds() > slow*usual.Seconds():
		v.Kind = KindBroken
		v.Text = fmt.Sprintf("%s over the usual %s", Duration(took-usual), Duration(usual))
	case took >= usual:
		v.Text = fmt.Sprintf("usually done by now (%s)", Duration(usual))
	default:
		v.Text = fmt.Sprintf("%s left of the usual %s", Duration(usual-took), Duration(usual))
	}
	return v
}

// Shares of a room from which on a meter stands out.
const (
	nearlyFull = 0.85
	full       = 0.95
)

// NewRoom is how much of a room is taken, in bytes. It stands out when it is nearly full.
func NewRoom(label string, used, size int64) MeterView {
	v := MeterView{Label: label, Text: Size(used)}
	if size <= 0 {
		return v
	}
	v.Share = min(max(float64(used)/float64(size), 0), 1)
	v.Text = fmt.Sprintf("%s of %s", Size(used), Size(size))
	switch {
	case v.Share >= full:
		v.Kind = KindFail
	case v.Share >= nearlyFull:
		v.Kind = KindBroken
	}
	return v
}

// meterWidth is the length of a whole meter, in units of its drawing.
const meterWidth = 96

func (v MeterView) units() string { return fmt.Sprintf("%.1f", min(max(v.Share, 0), 1)*meterWidth) }

func (v MeterView) percent() string { return fmt.Sprintf("%.0f", min(max(v.Share, 0), 1)*100) }

// BarView is when something went on within something longer: a step in a build.
type BarView struct {
	From, To float64 // 0 to 1
	Mark     Mark
	Title    string // when pointed at, and for screen readers
}

// barWidth is the length of the longer thing, in units of its drawing.
const barWidth = 1000

// minBar is the least that is seen of a bar, in units of its drawing.
const minBar = 4

// NewBar is when something went on, from and to, within first and last.
func NewBar(m Mark, title string, first, last, from, to time.Time) BarView {
	whole := last.Sub(first).Seconds()
	v := BarView{Mark: m, Title: title}
	if whole <= 0 || from.IsZero() {
		return v
	}
	if to.IsZero() || to.Before(from) {
		to = from
	}
	v.From = min(max(from.Sub(first).Seconds()/whole, 0), 1)
	v.To = min(max(to.Sub(first).Seconds()/whole, v.From), 1)
	return v
}

func (v BarView) x() string {
	return fmt.Sprintf("%.0f", min(v.From*barWidth, barWidth-minBar))
}

func (v BarView) width() string {
	return fmt.Sprintf("%.0f", max((v.To-v.From)*barWidth, minBar))
}

// CardView is something that is to be seen: how it stands, and its name.
type CardView struct {
	Mark  Mark
	Title string
	URL   string // may be empty
	Tag   string // a word behind the title; may be empty
	Alarm bool   // somebody has to look at it
}

// DiffView leads to what changed between two revisions.
type DiffView struct {
	Project  string // may be empty
	From, To string // short; an empty From: nothing was before
	URL      string // at the forge; empty: it is not known
	Count    int    // revisions; 0: not known
}

// safe is an address from outside: one that a browser may follow, or none.
func safe(address string) templ.SafeURL {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return ""
	}
	return templ.SafeURL(address)
}

// SignInURL is where to sign in, and then go to the page next.
func SignInURL(next string) string {
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") {
		return "/signin"
	}
	return "/signin?" + url.Values{"next": {next}}.Encode()
}
