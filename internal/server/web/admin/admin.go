// Package admin is the pages for those who look after a farm: how it stands with its
// configuration, how large it is, what expires, who may do what, and who did what.
//
// Nothing is set here: a farm is what its file says, and the pages say which key that
// is. What can be done is to have the file read again, to revoke tokens and to end
// sessions.
package admin

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/audit"
	"github.com/weir-ci/weir/internal/farm/setup"
	"github.com/weir-ci/weir/internal/farm/upkeep"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// Farm is what people do here.
type Farm interface {
	// Reload puts the farm file in force if it has no mistakes.
	Reload(ctx context.Context, by string) (setup.Result, error)
	// Compare says what would change if data took the file's place; nil stands for
	// the file as it is now.
	Compare(ctx context.Context, data []byte) (setup.Result, error)
	// RevokeToken makes a token useless at once, or ends a session.
	RevokeToken(ctx context.Context, name string) error
}

// Reader reads what the pages show.
type Reader interface {
	// Read reads how the farm is kept.
	Read(ctx context.Context) (upkeep.State, error)
}

// Audit reads who did what.
type Audit interface {
	// Acts lists acts, newest first.
	Acts(ctx context.Context, f audit.Filter) ([]audit.Act, error)
}

type site struct {
	*page.Routes
	farm   Farm
	reader Reader
	audit  Audit
}

// Register adds the pages.
func Register(routes *page.Routes, farm Farm, reader Reader, acts Audit) {
	s := &site{routes, farm, reader, acts}
	s.Show(page.Route{Pattern: "/admin", Twin: "admin", Inside: true}, s.overview)
	s.Show(page.Route{Pattern: "/admin/audit", Twin: "audit", Inside: true, Params: []page.Param{page.TextParam("who"), page.TextParam("verb"), page.TextParam("on"),
		page.NumberParam("before", "the number of an act")}}, s.acts)
	s.Show(page.Route{Pattern: "/admin/reload", Inside: true}, s.compare)
	s.Act("/admin/reload", "reload", s.reload)
	s.Act("/admin/tokens/{name}/revoke", "revoke", s.revoke)
}

const section = "admin"

func (s *site) overview(r *http.Request) (page.Shown, error) {
	state, err := s.reader.Read(r.Context())
	if err != nil {
		return page.Shown{}, err
	}
	return page.Shown{Title: "Admin", Section: section, Content: adminPage(NewView(state, s.Who(r), s.Now()))}, nil
}

// maxActs is how many acts one page lists.
const maxActs = 100

func (s *site) acts(r *http.Request) (page.Shown, error) {
	q := r.URL.Query()
	f := audit.Filter{Who: clip(q.Get("who")), Verb: clip(q.Get("verb")), On: clip(q.Get("on")), Limit: maxActs + 1}
	f.Before, _ = page.Number(q.Get("before"))
	list, err := s.audit.Acts(r.Context(), f)
	if err != nil {
		return page.Shown{}, err
	}
	return page.Shown{Title: "Audit", Section: section, Content: auditPage(NewAuditView(list, f, s.Now()))}, nil
}

// maxWord limits what acts are looked for by, in bytes.
const maxWord = 200

func clip(text string) string {
	text = strings.TrimSpace(text)
	return strings.ToValidUTF8(text[:min(len(text), maxWord)], "")
}

// compare says what reading the file again would change, and asks whether to.
func (s *site) compare(r *http.Request) (page.Shown, error) {
	result, err := s.farm.Compare(r.Context(), nil)
	if err != nil {
		return page.Shown{}, err
	}
	return page.Shown{Title: "Read the farm file again", Section: section, Content: reloadPage(NewReloadView(result))}, nil
}

func (s *site) reload(r *http.Request, who string) (string, error) {
	result, err := s.farm.Reload(r.Context(), who)
	if err == nil && !result.Applied {
		err = weir.Errorf(weir.Invalid, "the farm file has %s, so version %s stays in force", page.Count(result.Errors, "mistake", "mistakes"), result.Version).
			WithHint("weir check lists them all, and so does the page from which you came")
	}
	return "/admin#config", err
}

func (s *site) revoke(r *http.Request, _ string) (string, error) {
	return "/admin#tokens", s.farm.RevokeToken(r.Context(), r.PathValue("name"))
}

// auditURL is the list of the acts that a filter is for.
func auditURL(f audit.Filter) string {
	q := url.Values{}
	for name, value := range map[string]string{"who": f.Who, "verb": f.Verb, "on": f.On} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if f.Before > 0 {
		q.Set("before", strconv.FormatInt(f.Before, 10))
	}
	if len(q) == 0 {
		return "/admin/audit"
	}
	return "/admin/audit?" + q.Encode()
}
