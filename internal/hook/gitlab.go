package hook

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/weir-ci/weir"
)

// signedByGitLab checks the newer signature if there is one, and otherwise the
// token, which is the secret itself.
func signedByGitLab(h http.Header, body []byte, secret string, now time.Time) bool {
	header := h.Get("Webhook-Signature")
	if header == "" {
		return same(h.Get("X-Gitlab-Token"), secret) && h.Get("X-Gitlab-Token") != ""
	}
	id, stamp := h.Get("Webhook-Id"), h.Get("Webhook-Timestamp")
	at, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || id == "" || now.Sub(time.Unix(at, 0)).Abs() > clockDrift {
		return false
	}
	key := []byte(secret)
	if text, ok := strings.CutPrefix(secret, "whsec_"); ok {
		if key, err = base64.StdEncoding.DecodeString(text); err != nil || len(key) == 0 {
			return false
		}
	}
	want := sign([]byte(id+"."+stamp+"."+string(body)), key)
	for one := range strings.FieldsSeq(header) { // several while a secret is replaced
		text, ok := strings.CutPrefix(one, "v1,")
		if got, err := base64.StdEncoding.DecodeString(text); ok && err == nil && hmac.Equal(got, want) {
			return true
		}
	}
	return false
}

type labEvent struct {
	Kind        string      `json:"object_kind"`
	Ref         string      `json:"ref"`
	After       string      `json:"after"`
	CheckoutSHA string      `json:"checkout_sha"` // null if the ref is gone
	Project     *labProject `json:"project"`
	User        struct {
		ID       json.Number `json:"id"`
		Username string      `json:"username"`
	} `json:"user"`
	Attributes struct {
		IID             int64       `json:"iid"`
		Title           string      `json:"title"`
		URL             string      `json:"url"`
		Action          string      `json:"action"`
		State           string      `json:"state"`
		OldRev          string      `json:"oldrev"` // only if there are new commits
		AuthorID        json.Number `json:"author_id"`
		SourceProjectID int64       `json:"source_project_id"`
		TargetProjectID int64       `json:"target_project_id"`
		TargetBranch    string      `json:"target_branch"`
		LastCommit      struct {
			ID string `json:"id"`
		} `json:"last_commit"`
	} `json:"object_attributes"`
}

type labProject struct {
	HTTPURL string `json:"git_http_url"`
	SSHURL  string `json:"git_ssh_url"`
	WebURL  string `json:"web_url"`
}

func readGitLab(h http.Header, payload []byte) (Delivery, error) {
	id := ""
	for _, name := range []string{"Webhook-Id", "Idempotency-Key", "X-Gitlab-Event-Uuid"} {
		if id == "" {
			id = h.Get(name)
		}
	}
	event := h.Get("X-Gitlab-Event")
	switch event {
	case "Push Hook", "Tag Push Hook", "Merge Request Hook", "System Hook":
	default:
		return ignored(id, "events of the kind "+clean(event, 40)+" set nothing off"), nil
	}
	var e labEvent
	if err := decode(payload, &e); err != nil {
		return Delivery{}, err
	}
	if e.Kind != "push" && e.Kind != "tag_push" && e.Kind != "merge_request" {
		return ignored(id, "events of the kind "+clean(e.Kind, 40)+" set nothing off"), nil
	}
	if e.Project == nil {
		return Delivery{}, weir.Errorf(weir.Invalid, "the event names no project")
	}
	at := []string{e.Project.HTTPURL, e.Project.SSHURL, e.Project.WebURL}
	if e.Kind != "merge_request" {
		r, ok := refOf(e.Ref, e.After)
		if !ok {
			return ignored(id, "what was pushed is neither a branch nor a tag"), nil
		}
		return Delivery{ID: id, Kind: Push, Repositories: at, Refs: []Ref{r}}, nil
	}
	return e.merge(id, at), nil
}

// merge tells of a merge request.
func (e *labEvent) merge(id string, at []string) Delivery {
	a := e.Attributes
	n := strconv.FormatInt(a.IID, 10)
	p := weir.Proposal{Number: n, Title: a.Title, URL: a.URL, Author: e.User.Username, AuthorID: e.User.ID.String(),
		Head: a.LastCommit.ID, Ref: "refs/merge-requests/" + n + "/head", Base: a.TargetBranch,
		Fork: a.SourceProjectID == 0 || a.SourceProjectID != a.TargetProjectID}
	switch a.Action {
	case "open", "reopen", "close", "merge":
	case "update":
	default:
		return ignored(id, "a merge request that is "+clean(a.Action, 40)+" has the head that it had")
	}
	// The event's user is who did this. New commits are his and the author's;
	// otherwise the author alone counts, of whom GitLab tells nothing but the number.
	if a.Action == "update" && a.OldRev != "" && p.AuthorID != "" {
		p.AuthorID = both(a.AuthorID.String(), p.AuthorID)
	}
	if (a.Action != "update" || a.OldRev == "") && a.AuthorID != "" && a.AuthorID != e.User.ID {
		p.Author, p.AuthorID = "user "+a.AuthorID.String(), a.AuthorID.String()
	}
	if a.State == "closed" || a.State == "merged" || a.Action == "close" || a.Action == "merge" {
		p.State = weir.ProposalClosed
	}
	return Delivery{ID: id, Kind: Pull, Repositories: at, Proposal: p}
}
