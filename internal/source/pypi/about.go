package pypi

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source/release"
)

// about is what the JSON API says of a project: of its newest version, and when
// the files of all of them came.
type about struct {
	Info struct {
		Version     any
		Author      any
		AuthorEmail any `json:"author_email"`
		Summary     any
		HomePage    any            `json:"home_page"`
		Links       map[string]any `json:"project_urls"`
	}
	Releases map[string][]struct {
		Uploaded any `json:"upload_time_iso_8601"`
	}
}

// about asks the JSON API, which stands beside the simple one where there is
// one. Without one nothing is known.
func (p *Projects) about(ctx context.Context, x index) (*about, error) {
	base, ok := strings.CutSuffix(x.url, "/simple")
	if !ok {
		return &about{}, nil
	}
	data, _, err := p.client.Document(ctx, release.Request{URL: base + "/pypi/" + x.name + "/json", Accept: "application/json", Login: x.login}, release.MaxDocument)
	if err != nil {
		return &about{}, err
	}
	return parseAbout(data), nil
}

func parseAbout(data []byte) *about {
	a := &about{}
	if json.Unmarshal(data, a) != nil {
		return &about{}
	}
	return a
}

// describe adds what is known to revisions.
func (a *about) describe(revs []weir.Revision) {
	times := map[string]time.Time{}
	for v, files := range a.Releases {
		for _, f := range files {
			s, _ := f.Uploaded.(string)
			t, before := parseTime(s), times[key(v)]
			if !t.IsZero() && (before.IsZero() || t.Before(before)) {
				times[key(v)] = t
			}
		}
	}
	newest, _ := a.Info.Version.(string)
	for i := range revs {
		r := &revs[i]
		v, err := parse(r.ID)
		if err != nil {
			continue
		}
		if r.Time.IsZero() {
			r.Time = times[key(r.ID)]
		}
		if n, err := parse(newest); err == nil && n.Compare(v) == 0 {
			a.tell(r)
		}
	}
}

// tell adds what is known of the newest version.
func (a *about) tell(r *weir.Revision) {
	name, mail := oneLine(a.Info.Author, 200), oneLine(a.Info.AuthorEmail, 200)
	switch {
	case strings.Contains(mail, "<"): // "Name <mail>", as new tools write it, perhaps several
		r.Author, _, _ = strings.Cut(mail, ",")
	case mail != "" && name != "":
		r.Author = name + " <" + mail + ">"
	default:
		r.Author = name + mail
	}
	var lines []string
	if s := oneLine(a.Info.Summary, 1000); s != "" {
		lines = append(lines, s)
	}
	if at := a.repository(); at != "" {
		lines = append(lines, "Repository: "+release.Shown(at))
	}
	if len(lines) > 0 {
		r.Message += "\n\n" + strings.Join(lines, "\n")
	}
}

// repository is where the project's sources are, as far as its links say.
func (a *about) repository() string {
	for _, want := range []string{"source", "source code", "repository", "code", "github"} {
		for label, at := range a.Info.Links {
			if strings.EqualFold(label, want) {
				return oneLine(at, 500)
			}
		}
	}
	return oneLine(a.Info.HomePage, 500)
}

// oneLine makes one line of at most limit bytes out of what somebody wrote;
// anything but text is none.
func oneLine(v any, limit int) string {
	s, _ := v.(string)
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > limit {
		s = s[:limit]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}
