package hook

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/weir-ci/weir"
)

// bucketEvent is what Bitbucket Cloud and Data Center tell, which share names
// and little else.
type bucketEvent struct {
	Repository *bucketRepository `json:"repository"`
	Actor      bucketUser        `json:"actor"`
	// Cloud
	Push struct {
		Changes []struct {
			New, Old *struct {
				Type   string
				Name   string
				Target struct{ Hash string }
			}
		}
	} `json:"push"`
	PullRequest *cloudPull `json:"pullrequest"`
	// Data Center
	Changes []struct {
		Ref    struct{ ID string }
		ToHash string
		Type   string
	} `json:"changes"`
	CenterPull *centerPull `json:"pullRequest"`
}

type bucketRepository struct {
	UUID    string          `json:"uuid"` // Cloud
	ID      json.RawMessage `json:"id"`   // Data Center: a number
	Slug    string          `json:"slug"`
	Project struct {
		Key string `json:"key"`
	} `json:"project"`
	Links struct {
		HTML  struct{ Href string }   `json:"html"`
		Clone []struct{ Href string } `json:"clone"`
	} `json:"links"`
}

func (r *bucketRepository) addresses() []string {
	if r == nil {
		return nil
	}
	at := []string{r.Links.HTML.Href}
	for _, l := range r.Links.Clone {
		at = append(at, l.Href)
	}
	if len(at) == 1 && at[0] == "" && r.Project.Key != "" && r.Slug != "" {
		// Older servers name neither themselves nor the repository's address.
		at = append(at, anyHost+":///"+r.Project.Key+"/"+r.Slug)
	}
	return at
}

// same reports whether two repositories are one, by what cannot be taken by
// another.
func (r *bucketRepository) same(s *bucketRepository) bool {
	return r != nil && s != nil && (r.UUID != "" && r.UUID == s.UUID ||
		len(r.ID) > 0 && string(r.ID) == string(s.ID) && string(r.ID) != "null")
}

type bucketUser struct {
	UUID        string          `json:"uuid"`       // Cloud
	AccountID   string          `json:"account_id"` // Cloud; teams have none
	Nickname    string          `json:"nickname"`
	ID          json.RawMessage `json:"id"`   // Data Center: a number
	Name        string          `json:"name"` // Data Center
	DisplayName string          `json:"displayName"`
}

// who is a name to show and an id that stays.
func (u bucketUser) who() (name, id string) {
	name = u.Nickname
	if name == "" {
		name = u.Name
	}
	switch {
	case u.UUID != "":
		return name, u.UUID
	case u.AccountID != "":
		return name, u.AccountID
	case strings.Trim(string(u.ID), "0123456789") == "":
		return name, string(u.ID)
	}
	return name, ""
}

// fullHash is how long the shortest full hash is.
const fullHash = 40

type cloudPull struct {
	ID          int64
	Title       string
	State       string // OPEN, MERGED, DECLINED, SUPERSEDED
	Author      bucketUser
	Source      cloudSide
	Destination cloudSide
	Links       struct{ HTML struct{ Href string } }
}

type cloudSide struct {
	Branch     struct{ Name string }
	Commit     struct{ Hash string }
	Repository *bucketRepository
}

type centerPull struct {
	ID      int64
	Title   string
	State   string // OPEN, MERGED, DECLINED
	Author  struct{ User bucketUser }
	FromRef centerSide
	ToRef   centerSide
	Links   struct{ Self []struct{ Href string } }
}

type centerSide struct {
	ID           string
	DisplayID    string
	LatestCommit string
	Repository   *bucketRepository
}

func readBitbucket(h http.Header, payload []byte) (Delivery, error) {
	id := h.Get("X-Request-Uuid") // Cloud
	if id == "" {
		id = h.Get("X-Request-Id")
	}
	key := h.Get("X-Event-Key")
	switch key {
	case "diagnostics:ping":
		return Delivery{ID: id, Kind: Ping}, nil
	case "repo:push", "repo:refs_changed", "pullrequest:created", "pullrequest:updated", "pullrequest:fulfilled", "pullrequest:rejected",
		"pr:opened", "pr:from_ref_updated", "pr:modified", "pr:merged", "pr:declined", "pr:deleted", "pr:reopened":
	default:
		return ignored(id, "events of the kind "+clean(key, 40)+" set nothing off"), nil
	}
	var e bucketEvent
	if err := decode(payload, &e); err != nil {
		return Delivery{}, err
	}
	switch {
	case strings.HasPrefix(key, "pullrequest:") && e.PullRequest != nil:
		return e.cloudPull(id, key), nil
	case strings.HasPrefix(key, "pr:") && e.CenterPull != nil:
		return e.centerPull(id, key), nil
	case strings.HasPrefix(key, "repo:") && e.Repository != nil:
		return e.push(id), nil
	}
	return Delivery{}, weir.Errorf(weir.Invalid, "the event names no repository or no pull request")
}

// push tells of branches and tags; both kinds of server tell of several at once.
func (e *bucketEvent) push(id string) Delivery {
	d := Delivery{ID: id, Kind: Push, Repositories: e.Repository.addresses()}
	for _, c := range e.Changes {
		if r, ok := refOf(c.Ref.ID, c.ToHash); ok {
			r.Gone = r.Gone || c.Type == "DELETE"
			d.Refs = append(d.Refs, r)
		}
	}
	for _, c := range e.Push.Changes {
		side := c.New
		if side == nil {
			side = c.Old
		}
		if side == nil {
			continue
		}
		r := Ref{Name: side.Name, Tag: strings.HasSuffix(side.Type, "tag"), Gone: c.New == nil}
		if c.New != nil {
			r.Revision = side.Target.Hash
		}
		d.Refs = append(d.Refs, r)
	}
	if len(d.Refs) == 0 {
		return ignored(id, "nothing of what was pushed is a branch or a tag")
	}
	return d
}

func (e *bucketEvent) cloudPull(id, key string) Delivery {
	q := e.PullRequest
	p := weir.Proposal{Number: strconv.FormatInt(q.ID, 10), Title: q.Title, URL: q.Links.HTML.Href,
		Head: q.Source.Commit.Hash, Base: q.Destination.Branch.Name, Ref: "refs/heads/" + q.Source.Branch.Name,
		Fork: !q.Source.Repository.same(q.Destination.Repository)}
	p.Author, p.AuthorID = q.Author.who()
	// An update may be new commits, which then are the actor's, too.
	if name, user := e.Actor.who(); key == "pullrequest:updated" && user != "" {
		p.Author, p.AuthorID = name, both(p.AuthorID, user)
	}
	if q.State != "" && q.State != "OPEN" || key == "pullrequest:fulfilled" || key == "pullrequest:rejected" {
		p.State = weir.ProposalClosed
	}
	if p.Fork && p.State != weir.ProposalClosed {
		return ignored(id, "Bitbucket Cloud has no ref for pull requests of other repositories, so that their heads cannot be fetched")
	}
	if len(p.Head) < fullHash && p.State != weir.ProposalClosed {
		return ignored(id, "Bitbucket Cloud tells the beginning of the head's hash only; follow the branch that it is on instead")
	}
	at := e.Repository
	if at == nil {
		at = q.Destination.Repository
	}
	return Delivery{ID: id, Kind: Pull, Repositories: at.addresses(), Proposal: p}
}

func (e *bucketEvent) centerPull(id, key string) Delivery {
	q := e.CenterPull
	n := strconv.FormatInt(q.ID, 10)
	p := weir.Proposal{Number: n, Title: q.Title, Head: q.FromRef.LatestCommit, Ref: "refs/pull-requests/" + n + "/from",
		Base: strings.TrimPrefix(q.ToRef.ID, "refs/heads/"), Fork: !q.FromRef.Repository.same(q.ToRef.Repository)}
	if len(q.Links.Self) > 0 {
		p.URL = q.Links.Self[0].Href
	}
	p.Author, p.AuthorID = q.Author.User.who()
	if name, user := e.Actor.who(); key == "pr:from_ref_updated" && user != "" {
		p.Author, p.AuthorID = name, both(p.AuthorID, user)
	}
	if q.State != "" && q.State != "OPEN" || key == "pr:merged" || key == "pr:declined" || key == "pr:deleted" {
		p.State = weir.ProposalClosed
	}
	return Delivery{ID: id, Kind: Pull, Repositories: q.ToRef.Repository.addresses(), Proposal: p}
}
