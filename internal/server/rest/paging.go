package rest

import (
	"encoding/base64"
	"net/url"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/weir-ci/weir"
)

// Paging is part of what an operation is asked that lists what there is a lot
// of, newest first. Whoever wants more follows the link with rel="next" in the
// answer's Link header (RFC 8288); how a cursor is made is nobody's business.
type Paging struct {
	Cursor string `query:"cursor" maxLength:"64" doc:"where to go on: part of the link with rel=next of an earlier answer"`
	asked  url.URL
}

// Resolve notes what was asked. It is for huma.
func (p *Paging) Resolve(ctx huma.Context) []error {
	p.asked = ctx.URL()
	return nil
}

// Before is the number below which to go on, 0 for the beginning; Invalid if
// the cursor is not one that Listed made.
func (p *Paging) Before() (int64, error) {
	if p.Cursor == "" {
		return 0, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(p.Cursor)
	if err == nil {
		if n, err := strconv.ParseInt(string(text), 10, 64); err == nil && n > 0 {
			return n, nil
		}
	}
	return 0, weir.Errorf(weir.Invalid, "the cursor %.64q is not one of this farm", p.Cursor).
		WithHint("follow the link with rel=\"next\" of an earlier answer, or leave cursor out to begin at the newest")
}

// Listed is a part of a list, and where the next one is.
type Listed[T any] struct {
	Link string `header:"Link" doc:"the next part, with rel=next; missing on the last one"`
	Body []T
}

// From makes the answer to a request that found some items and looked no
// further than before the number next, where the next part begins; 0: there is none.
func From[T any](p *Paging, items []T, next int64) *Listed[T] {
	out := &Listed[T]{Body: items}
	if out.Body == nil {
		out.Body = []T{}
	}
	if next > 0 {
		out.Link = p.link(next)
	}
	return out
}

// link is the value of a Link header that leads on from before a number.
func (p *Paging) link(before int64) string {
	next := p.asked
	query := next.Query()
	query.Set("cursor", base64.RawURLEncoding.EncodeToString(strconv.AppendInt(nil, before, 10)))
	query.Del("before")
	next = url.URL{Path: next.Path, RawPath: next.RawPath, RawQuery: query.Encode()}
	return "<" + next.RequestURI() + `>; rel="next"`
}

// List makes the answer to a request for at most limit items: those that were
// found, and a link to what comes behind the last of them, whose number is
// what number says. An empty list is [], never null.
func List[T any](p *Paging, items []T, limit int, number func(T) int64) *Listed[T] {
	next := int64(0)
	if n := len(items); n > 0 && n >= limit {
		next = number(items[n-1])
	}
	return From(p, items, next)
}
