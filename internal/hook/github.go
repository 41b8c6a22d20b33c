package hook

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/weir-ci/weir"
)

// hubEvent is a push or a pull request, as GitHub tells of it and, with small
// differences, Gitea and Forgejo.
type hubEvent struct {
	Ref         string         `json:"ref"`
	After       string         `json:"after"`
	Deleted     bool           `json:"deleted"`
	Repository  *hubRepository `json:"repository"`
	Action      string         `json:"action"`
	Number      int64          `json:"number"`
	PullRequest *struct {
		Number  int64   `json:"number"`
		Title   string  `json:"title"`
		HTMLURL string  `json:"html_url"`
		State   string  `json:"state"`
		User    hubUser `json:"user"`
		Head    hubSide `json:"head"`
		Base    hubSide `json:"base"`
	} `json:"pull_request"`
	Sender hubUser `json:"sender"`
}

type hubRepository struct {
	ID       int64  `json:"id"`
	CloneURL string `json:"clone_url"`
	SSHURL   string `json:"ssh_url"`
	HTMLURL  string `json:"html_url"`
}

func (r *hubRepository) addresses() []string {
	if r == nil {
		return nil
	}
	return []string{r.CloneURL, r.SSHURL, r.HTMLURL}
}

type hubUser struct {
	ID    json.Number `json:"id"`
	Login string      `json:"login"`
}

type hubSide struct {
	Ref        string         `json:"ref"`
	SHA        string         `json:"sha"`
	Repository *hubRepository `json:"repo"` // null if the fork is gone
}

func readGitHub(h http.Header, payload []byte) (Delivery, error) {
	id := h.Get("X-Github-Delivery")
	switch event := h.Get("X-Github-Event"); event {
	case "ping":
		return Delivery{ID: id, Kind: Ping}, nil
	case "push":
		return readHubPush(id, payload)
	case "pull_request":
		return readHubPull(id, payload)
	case "create", "delete":
		return ignored(id, "the push of the same ref says it too"), nil
	default:
		return ignored(id, "events of the kind "+clean(event, 40)+" set nothing off"), nil
	}
}

// openGitea checks the signature of Gitea and Forgejo. Of a form they sign what
// its field payload holds, so that the form has to be opened first; JSON is read
// afterwards only.
func openGitea(dialect string, h http.Header, body []byte, secret string) ([]byte, error) {
	payload, err := formPayload(h, body)
	if err != nil {
		return nil, unsigned(dialect, "its form has no field payload that could be signed")
	}
	for _, name := range []string{"X-Forgejo-Signature", "X-Gitea-Signature"} {
		if header := h.Get(name); header != "" && signed(header, "", payload, secret) {
			return payload, nil
		}
	}
	return nil, unsigned(dialect, "its header X-Gitea-Signature is missing or wrong")
}

func readGitea(h http.Header, payload []byte) (Delivery, error) {
	first := func(names ...string) string {
		for _, name := range names {
			if v := h.Get(name); v != "" {
				return v
			}
		}
		return ""
	}
	id := first("X-Forgejo-Delivery", "X-Gitea-Delivery")
	switch event := first("X-Forgejo-Event", "X-Gitea-Event"); event {
	case "push":
		return readHubPush(id, payload)
	case "pull_request": // for new commits the event type is pull_request_sync
		return readHubPull(id, payload)
	case "create", "delete":
		return ignored(id, "the push of the same ref says it too"), nil
	default:
		return ignored(id, "events of the kind "+clean(event, 40)+" set nothing off"), nil
	}
}

func readHubPush(id string, payload []byte) (Delivery, error) {
	var e hubEvent
	if err := decode(payload, &e); err != nil {
		return Delivery{}, err
	}
	if e.Repository == nil {
		return Delivery{}, weir.Errorf(weir.Invalid, "the push names no repository")
	}
	r, ok := refOf(e.Ref, e.After)
	if !ok {
		return ignored(id, "what was pushed is neither a branch nor a tag"), nil
	}
	r.Gone = r.Gone || e.Deleted
	return Delivery{ID: id, Kind: Push, Repositories: e.Repository.addresses(), Refs: []Ref{r}}, nil
}

func readHubPull(id string, payload []byte) (Delivery, error) {
	var e hubEvent
	if err := decode(payload, &e); err != nil {
		return Delivery{}, err
	}
	if e.PullRequest == nil || e.Repository == nil {
		return Delivery{}, weir.Errorf(weir.Invalid, "the event names no pull request or no repository")
	}
	p := e.PullRequest
	author := p.User
	switch e.Action {
	case "opened", "reopened", "edited", "ready_for_review", "closed":
	case "synchronize", "synchronized": // GitHub, Gitea
		if e.Sender.ID != "" {
			author = hubUser{json.Number(both(p.User.ID.String(), e.Sender.ID.String())), e.Sender.Login}
		}
	default:
		return ignored(id, "a pull request that is "+clean(e.Action, 40)+" has the head that it had"), nil
	}
	number := p.Number
	if number == 0 {
		number = e.Number
	}
	n := strconv.FormatInt(number, 10)
	out := weir.Proposal{Number: n, Title: p.Title, URL: p.HTMLURL, Author: author.Login, AuthorID: author.ID.String(),
		Head: p.Head.SHA, Ref: "refs/pull/" + n + "/head", Base: p.Base.Ref,
		Fork: p.Head.Repository == nil || p.Head.Repository.ID == 0 || p.Head.Repository.ID != e.Repository.ID}
	if e.Action == "closed" || p.State == "closed" {
		out.State = weir.ProposalClosed
	}
	return Delivery{ID: id, Kind: Pull, Repositories: e.Repository.addresses(), Proposal: out}, nil
}
