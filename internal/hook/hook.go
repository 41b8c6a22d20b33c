// Package hook reads what forges and version control systems post when
// something was pushed or proposed. It is pure: headers, body and secret go in, a
// [Delivery] comes out.
//
// A body is not looked into before it is known who sent it: [Read] checks the
// signature over the raw bytes, in constant time, and only then parses. What
// comes out is still somebody's word: a delivery says that there is something to
// look at, never what it is. Revisions are asked of the source.
//
//	dialect    sign                                            what tells it apart
//	gitea      X-Gitea-Signature, HMAC-SHA256                  X-Gitea-Event; sends GitHub's headers too
//	forgejo    X-Forgejo-Signature, the same                   X-Forgejo-Event; sends Gitea's headers too
//	github     X-Hub-Signature-256, HMAC-SHA256                X-GitHub-Event
//	gitlab     webhook-signature (HMAC-SHA256 over id, time    X-Gitlab-Event
//	           and body), or X-Gitlab-Token, the secret itself
//	bitbucket  X-Hub-Signature, HMAC-SHA256; Cloud and         X-Event-Key
//	           Data Center
//	generic    Authorization: Bearer, the secret itself        nothing of all that
//
// generic takes JSON or a form with a project of the farm or the URL of a
// repository, and perhaps a branch, a tag and a revision; that is what
// the scripts of weir hook post.
package hook

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/weir-ci/weir"
)

// The dialects.
const (
	GitHub    = "github"
	GitLab    = "gitlab"
	Gitea     = "gitea"
	Forgejo   = "forgejo"
	Bitbucket = "bitbucket"
	Generic   = "generic"
)

// Dialects lists every dialect.
func Dialects() []string { return []string{GitHub, GitLab, Gitea, Forgejo, Bitbucket, Generic} }

// Limits.
const (
	MaxBody    = 10 << 20 // bytes of a body
	MaxGitHub  = 25 << 20 // the same of GitHub, which states this limit itself
	maxDepth   = 64       // brackets inside brackets
	maxRefs    = 100      // of one push
	maxName    = 250      // bytes of a branch, a tag, a user's name
	maxID      = 100      // bytes of a delivery's id
	maxURL     = 2000     // bytes of a URL
	clockDrift = 5 * time.Minute
)

// MaxBytes is how large a dialect's body may be, in bytes.
func MaxBytes(dialect string) int64 {
	if dialect == GitHub {
		return MaxGitHub
	}
	return MaxBody
}

// Kind says what a delivery is about.
type Kind string

// The kinds.
const (
	Push    Kind = "push"    // branches or tags moved: look at the source
	Pull    Kind = "pull"    // a pull request was opened, changed or closed
	Ping    Kind = "ping"    // somebody tries whether this works
	Ignored Kind = "ignored" // nothing that matters here; Why says so
)

// Delivery is what came.
type Delivery struct {
	Dialect string `json:"dialect"`
	// ID is the sender's name for this delivery: the same if it is sent again.
	// Empty if it has none.
	ID   string `json:"id,omitempty"`
	Kind Kind   `json:"kind"`
	Why  string `json:"why,omitempty"` // of Ignored
	// Project is the farm's own name of what changed (Generic).
	Project string `json:"project,omitempty"`
	// Repositories are the addresses of the repository, as Normal makes them.
	Repositories []string `json:"repositories,omitempty"`
	Refs         []Ref    `json:"refs,omitempty"` // of Push; none: all may have changed
	// Proposal is what a pull request is, for Pull: without ID, Project and Run, and with
	// State Closed or none.
	Proposal weir.Proposal `json:"proposal,omitzero"`
}

// Ref is a branch or a tag that moved.
type Ref struct {
	Name     string `json:"name"`
	Tag      bool   `json:"tag,omitempty"`
	Revision string `json:"revision,omitempty"` // where it stands now, as the sender says; empty: gone or unknown
	Gone     bool   `json:"gone,omitempty"`
}

// Detect finds the dialect by what only it sends. Gitea and Forgejo come before
// GitHub, whose headers they send too.
func Detect(h http.Header) string {
	for _, d := range []struct{ header, dialect string }{{"X-Forgejo-Event", Forgejo}, {"X-Gitea-Event", Gitea},
		{"X-Gitlab-Event", GitLab}, {"X-Event-Key", Bitbucket}, {"X-Github-Event", GitHub}} {
		if h.Get(d.header) != "" {
			return d.dialect
		}
	}
	return Generic
}

// Read checks that a body was sent by somebody who knows the secret, and reads
// it. now is the time here.
//
// Unauthenticated: the signature is missing or wrong, and nothing was read.
// Invalid: it is right, and the body is nothing that this dialect sends.
// TooLarge: the body is over the dialect's limit. NotFound: no such dialect.
func Read(dialect string, h http.Header, body []byte, secret string, now time.Time) (Delivery, error) {
	if !slices.Contains(Dialects(), dialect) {
		return Delivery{}, weir.Errorf(weir.NotFound, "there is no dialect %.40q of webhooks", dialect).
			WithHint("the dialects are %s", strings.Join(Dialects(), ", "))
	}
	if int64(len(body)) > MaxBytes(dialect) {
		return Delivery{}, weir.Errorf(weir.TooLarge, "a body of %s may have at most %d MiB", dialect, MaxBytes(dialect)>>20)
	}
	payload, err := open(dialect, h, body, secret, now)
	if err != nil {
		return Delivery{}, err
	}
	var d Delivery
	switch dialect {
	case Gitea, Forgejo:
		d, err = readGitea(h, payload)
	case GitHub:
		d, err = readGitHub(h, payload)
	case GitLab:
		d, err = readGitLab(h, payload)
	case Bitbucket:
		d, err = readBitbucket(h, payload)
	default:
		d, err = readGeneric(h, payload)
	}
	if err != nil {
		return Delivery{}, err
	}
	d.Dialect = dialect
	d.tidy()
	return d, nil
}

// open checks the signature and returns the payload that it vouches for.
func open(dialect string, h http.Header, body []byte, secret string, now time.Time) ([]byte, error) {
	if secret == "" { // it would fit every signature made without one
		return nil, unsigned(dialect, "there is no secret to hold it against")
	}
	switch dialect {
	case GitHub:
		if !signed(h.Get("X-Hub-Signature-256"), "sha256=", body, secret) {
			return nil, unsigned(dialect, "its header X-Hub-Signature-256 is missing or wrong")
		}
		return formPayload(h, body)
	case Gitea, Forgejo:
		return openGitea(dialect, h, body, secret)
	case Bitbucket:
		if !signed(h.Get("X-Hub-Signature"), "sha256=", body, secret) {
			return nil, unsigned(dialect, "its header X-Hub-Signature is missing or wrong")
		}
	case GitLab:
		if !signedByGitLab(h, body, secret, now) {
			return nil, unsigned(dialect, "its header webhook-signature or X-Gitlab-Token is missing or wrong")
		}
	default:
		scheme, token, _ := strings.Cut(h.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") || !same(strings.TrimSpace(token), secret) {
			return nil, unsigned(dialect, "its header Authorization does not hold the secret as Bearer")
		}
	}
	return body, nil
}

func unsigned(dialect, why string) error {
	return weir.Errorf(weir.Unauthenticated, "this webhook of %s does not carry the farm's secret: %s", dialect, why).
		WithHint("set the same secret at both ends: the farm file names it under hooks")
}

// signed checks a hexadecimal HMAC-SHA256.
func signed(header, prefix string, data []byte, secret string) bool {
	digits, ok := strings.CutPrefix(header, prefix)
	got, err := hex.DecodeString(digits)
	return ok && err == nil && hmac.Equal(got, sign(data, []byte(secret)))
}

func sign(data, key []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(data)
	return mac.Sum(nil)
}

// same compares two texts without telling by its time how far they agree, or
// how long they are.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// isForm reports whether a body is a form and not JSON.
func isForm(h http.Header) bool {
	kind, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(kind), "application/x-www-form-urlencoded")
}

// formPayload takes the JSON out of a form that holds it.
func formPayload(h http.Header, body []byte) ([]byte, error) {
	if !isForm(h) {
		return body, nil
	}
	for field := range bytes.SplitSeq(body, []byte("&")) {
		if value, ok := bytes.CutPrefix(field, []byte("payload=")); ok {
			if payload, err := url.QueryUnescape(string(value)); err == nil {
				return []byte(payload), nil
			}
		}
	}
	return nil, weir.Errorf(weir.Invalid, "the form has no field payload")
}

// decode parses JSON that is not too deep.
func decode(body []byte, into any) error {
	if deep(body) {
		return weir.Errorf(weir.Invalid, "the body has brackets in brackets, over %d deep", maxDepth)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return weir.Errorf(weir.Invalid, "the body is not JSON of the form that this event has").WithCause(err).
			WithHint("set the webhook's content type to application/json")
	}
	return nil
}

// deep reports whether brackets are nested over maxDepth.
func deep(body []byte) bool {
	depth, text := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case text && c == '\\':
			i++
		case c == '"':
			text = !text
		case text:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// ignored is a delivery that does not matter.
func ignored(id, why string) Delivery { return Delivery{ID: id, Kind: Ignored, Why: why} }

// tidy holds what came to its limits and makes it fit to be shown.
func (d *Delivery) tidy() {
	d.ID = clean(d.ID, maxID)
	d.Why = clean(d.Why, maxName)
	if !weir.ValidName(d.Project) {
		d.Project = ""
	}
	var at []string
	for _, r := range d.Repositories {
		if n := Normal(r); n != "" && !slices.Contains(at, n) {
			at = append(at, n)
		}
	}
	d.Repositories = at
	if len(d.Refs) > maxRefs {
		d.Refs = nil // all may have changed
	}
	for i := range d.Refs {
		r := &d.Refs[i]
		r.Name, r.Revision = clean(r.Name, maxName), revision(r.Revision)
	}
	if d.Kind == Pull {
		d.tidyProposal()
	}
}

func (d *Delivery) tidyProposal() {
	p := &d.Proposal
	p.Forge = d.Dialect
	p.Title, p.Author, p.AuthorID = clean(p.Title, weir.MaxTitle), clean(p.Author, maxName), clean(p.AuthorID, maxName)
	p.Base, p.Ref, p.Head = clean(p.Base, maxName), clean(p.Ref, maxName+len("refs/heads/")), revision(p.Head)
	if u, err := url.Parse(p.URL); err != nil || len(p.URL) > maxURL || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
		p.URL = ""
	}
	switch {
	case p.Number == "" || p.Number == "0" || strings.Trim(p.Number, "0123456789") != "" || len(p.Number) > 18:
		*d = Delivery{Dialect: d.Dialect, ID: d.ID, Kind: Ignored, Why: "the pull request has no number"}
	case p.State != weir.ProposalClosed && (p.Head == "" || p.AuthorID == "" || p.AuthorID == "0"):
		*d = Delivery{Dialect: d.Dialect, ID: d.ID, Kind: Ignored, Why: "the pull request names no head or no author"}
	}
}

// both are the ids of who proposes something and of who gave it a new head. What
// the first one wrote is still in it, also if the second one only brought it up to
// date, so that both have to be trusted.
func both(author, pusher string) string {
	if author == pusher {
		return author
	}
	return author + weir.AuthorAnd + pusher
}

// clean makes one line of at most limit bytes out of what came.
func clean(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r < ' ', r == 0x7f:
			return ' '
		case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069: // turns around what stands next to it
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	s = strings.TrimSpace(s)
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "")
	}
	return s
}

// revision is a revision's name if it looks like one: a hash, or a number.
func revision(s string) string {
	if len(s) > 64 || strings.Trim(s, "0123456789abcdef") != "" || gone(s) {
		return ""
	}
	return s
}

// gone reports whether a hash is the one that stands for nothing.
func gone(s string) bool { return len(s) >= 40 && strings.Trim(s, "0") == "" }

// refOf takes a full name of a ref apart.
func refOf(full, now string) (Ref, bool) {
	r := Ref{Revision: now, Gone: gone(now)}
	if name, ok := strings.CutPrefix(full, "refs/heads/"); ok {
		r.Name = name
		return r, name != ""
	}
	name, ok := strings.CutPrefix(full, "refs/tags/")
	r.Name, r.Tag = name, true
	return r, ok && name != ""
}
