package page

import "github.com/weir-ci/weir/internal/server/web/static"

// Frame is what every page has around its content.
type Frame struct {
	Title   string
	Farm    string // its name
	Section string // which link of the header is current
	URL     string // of this page, to fetch its content again
	Twin    string // URL of the same as JSON; empty: there is none
	Events  string // URL of the events that concern it; empty: it is not live
	Who     string // who is signed in; empty: nobody
	Now     When
	Banner  Banner
	static.URLs
}

// ErrorView is the page of an error.
type ErrorView struct {
	Status              int
	Title, Detail, Hint string
	Instead             string // address of a page that can be shown; empty: the overview
}
