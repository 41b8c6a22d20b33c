package npm

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"golang.org/x/mod/semver"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source/release"
)

// document is what a registry says of a package. Registries hand on what people
// wrote into their package.json, in whatever form.
type document struct {
	Tags     map[string]text     `json:"dist-tags"`
	Versions map[string]manifest `json:"versions"`
	Time     map[string]text     `json:"time"`
}

type manifest struct {
	Description text   `json:"description"`
	Deprecated  flag   `json:"deprecated"`
	Dist        dist   `json:"dist"`
	Publisher   person `json:"_npmUser"`
	Author      person `json:"author"`
	Repository  place  `json:"repository"`
	GitHead     text   `json:"gitHead"`
}

type dist struct {
	Tarball   text `json:"tarball"`
	Integrity text `json:"integrity"`
	Shasum    text `json:"shasum"`
}

// text is a string; anything else reads as none.
type text string

// UnmarshalJSON never fails.
func (t *text) UnmarshalJSON(data []byte) error {
	var s string
	if json.Unmarshal(data, &s) == nil {
		*t = text(s)
	}
	return nil
}

// flag is set by anything but false, null and the empty text.
type flag bool

// UnmarshalJSON never fails.
func (f *flag) UnmarshalJSON(data []byte) error {
	switch string(bytes.TrimSpace(data)) {
	case "false", "null", `""`:
	default:
		*f = true
	}
	return nil
}

// person is "Name <mail>", of an object or of such a text.
type person string

// UnmarshalJSON never fails.
func (p *person) UnmarshalJSON(data []byte) error {
	var t text
	if _ = t.UnmarshalJSON(data); t != "" {
		who, _, _ := strings.Cut(string(t), " (") // a URL
		*p = person(who)
		return nil
	}
	var o struct{ Name, Email text }
	if json.Unmarshal(data, &o) != nil {
		return nil
	}
	who := string(o.Name)
	if o.Email != "" {
		who = strings.TrimSpace(who + " <" + string(o.Email) + ">")
	}
	*p = person(who)
	return nil
}

// place is a URL, of an object or a text.
type place string

// UnmarshalJSON never fails.
func (p *place) UnmarshalJSON(data []byte) error {
	var t text
	if _ = t.UnmarshalJSON(data); t == "" {
		var o struct{ URL text }
		if json.Unmarshal(data, &o) != nil {
			return nil
		}
		t = o.URL
	}
	*p = place(release.Shown(strings.TrimPrefix(string(t), "git+")))
	return nil
}

// parse reads a document.
func parse(data []byte, name string) (*document, error) {
	d := &document{}
	if err := json.Unmarshal(data, d); err != nil {
		return nil, weir.Errorf(weir.Unavailable, "what the registry says of package %s is not JSON as npm has it", name).WithCause(err).
			WithHint("see whether the source's index is the address of an npm registry")
	}
	return d, nil
}

// released lists the versions that count without being named.
func (d *document) released() []string {
	var versions []string
	for v, m := range d.Versions {
		if isVersion(v) && semver.Prerelease("v"+v) == "" && !bool(m.Deprecated) {
			versions = append(versions, v)
		}
	}
	return versions
}

// maxAuthor limits what is kept of a publisher's name, in bytes.
const maxAuthor = 200

// revision tells what is known of a version. d may be nil.
func (d *document) revision(name, version string) weir.Revision {
	r := weir.Revision{ID: version, Message: name + " " + version}
	if d == nil {
		return r
	}
	if t, err := time.Parse(time.RFC3339, string(d.Time[version])); err == nil && t.Unix() > 0 {
		r.Time = t.UTC()
	}
	m, ok := d.Versions[version]
	if !ok {
		return r
	}
	if r.Author = oneLine(string(m.Publisher), maxAuthor); r.Author == "" {
		r.Author = oneLine(string(m.Author), maxAuthor)
	}
	var lines []string
	if m.Description != "" {
		lines = append(lines, oneLine(string(m.Description), 1000))
	}
	if m.Repository != "" {
		lines = append(lines, "Repository: "+oneLine(string(m.Repository), 500))
	}
	if m.GitHead != "" {
		lines = append(lines, "Commit: "+oneLine(string(m.GitHead), 100))
	}
	if m.Deprecated {
		lines = append(lines, "This version is deprecated.")
	}
	if len(lines) > 0 {
		r.Message += "\n\n" + strings.Join(lines, "\n")
	}
	return r
}

// oneLine makes one line of at most limit bytes out of what somebody wrote.
func oneLine(s string, limit int) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "")
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// digest is the best that the registry states: integrity is a list of
// algorithm-base64 as browsers have it.
func (d dist) digest() release.Digest {
	best := release.Digest{}
	for _, item := range strings.Fields(string(d.Integrity)) {
		algorithm, value, _ := strings.Cut(item, "-")
		value, _, _ = strings.Cut(value, "?")
		sum, err := base64.StdEncoding.DecodeString(value)
		found := release.Digest{Algorithm: algorithm, Hex: hex.EncodeToString(sum)}
		// The names sort as the algorithms do: sha1, sha256, sha384, sha512.
		if err == nil && found.Known() && found.Algorithm > best.Algorithm {
			best = found
		}
	}
	if !best.Known() && len(d.Shasum) == 40 {
		best = release.Digest{Algorithm: "sha1", Hex: strings.ToLower(string(d.Shasum))}
	}
	return best
}
