package hook

import (
	"net/http"
	"net/url"

	"github.com/weir-ci/weir"
)

// readGeneric reads what anybody may send who has the secret: JSON or a form.
func readGeneric(h http.Header, body []byte) (Delivery, error) {
	var e struct {
		ID         string `json:"id"`
		Project    string `json:"project"`
		Repository string `json:"repository"`
		Branch     string `json:"branch"`
		Tag        string `json:"tag"`
		Revision   string `json:"revision"`
	}
	if isForm(h) {
		f, err := url.ParseQuery(string(body))
		if err != nil {
			return Delivery{}, weir.Errorf(weir.Invalid, "the body is not a form").WithCause(err)
		}
		e.ID, e.Project, e.Repository = f.Get("id"), f.Get("project"), f.Get("repository")
		e.Branch, e.Tag, e.Revision = f.Get("branch"), f.Get("tag"), f.Get("revision")
	} else if err := decode(body, &e); err != nil {
		return Delivery{}, err
	}
	switch {
	case e.Project == "" && e.Repository == "":
		return Delivery{}, weir.Errorf(weir.Invalid, "the body names neither a project nor a repository").
			WithHint(`send {"project": "NAME"} or {"repository": "URL"}, and perhaps branch, tag and revision`)
	case e.Project != "" && !weir.ValidName(e.Project):
		return Delivery{}, weir.Errorf(weir.Invalid, "%.80q cannot be the name of a project", e.Project)
	}
	d := Delivery{ID: e.ID, Kind: Push, Project: e.Project, Repositories: []string{e.Repository}}
	if d.ID == "" {
		d.ID = h.Get("Idempotency-Key")
	}
	if e.Branch != "" {
		d.Refs = append(d.Refs, Ref{Name: e.Branch, Revision: e.Revision})
	}
	if e.Tag != "" {
		d.Refs = append(d.Refs, Ref{Name: e.Tag, Tag: true, Revision: e.Revision})
	}
	return d, nil
}
