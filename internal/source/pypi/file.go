package pypi

import (
	"bytes"
	"encoding/json"
	"net/url"
	"path"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/html"

	version "github.com/aquasecurity/go-pep440-version"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source/release"
)

// kind says what a file of a project is.
type kind int

const (
	other kind = iota // eggs, installers, signatures
	sdist
	wheel
)

// file is one that an index has of a project.
type file struct {
	name     string
	url      string
	digest   release.Digest
	yanked   bool
	uploaded time.Time
	// What the name says.
	kind    kind
	version string
	tags    string // of a wheel: python-abi-platform
}

// parseJSON reads the simple API's JSON.
func parseJSON(data []byte, base *url.URL) ([]file, error) {
	var answer struct {
		Files []struct {
			Filename string
			URL      string
			Hashes   map[string]any
			Yanked   any
			Uploaded any `json:"upload-time"`
		}
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return nil, err
	}
	var files []file
	for _, f := range answer.Files[:min(len(answer.Files), maxFiles)] {
		u, err := base.Parse(f.URL)
		if err != nil {
			continue
		}
		// Yanked is false, true, or the reason.
		yanked, isBool := f.Yanked.(bool)
		_, isText := f.Yanked.(string)
		out := file{name: f.Filename, url: u.String(), yanked: isBool && yanked || isText}
		for _, algorithm := range []string{"sha512", "sha384", "sha256"} {
			if sum, ok := f.Hashes[algorithm].(string); ok {
				out.digest = release.Digest{Algorithm: algorithm, Hex: strings.ToLower(sum)}
			}
		}
		if t, ok := f.Uploaded.(string); ok {
			out.uploaded = parseTime(t)
		}
		files = append(files, out)
	}
	return files, nil
}

func parseTime(s string) time.Time {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, s); err == nil && t.Unix() > 0 {
			return t.UTC()
		}
	}
	return time.Time{}
}

// parseHTML reads the simple API's HTML: links whose text is a file's name.
func parseHTML(data []byte, base *url.URL) []file {
	z := html.NewTokenizer(bytes.NewReader(data))
	z.SetMaxBuf(1 << 20)
	var files []file
	for len(files) < maxFiles {
		kind := z.Next()
		if kind == html.ErrorToken {
			break
		}
		if kind != html.StartTagToken {
			continue
		}
		t := z.Token()
		href, yanked := "", false
		for _, a := range t.Attr {
			switch a.Key {
			case "href":
				href = strings.TrimSpace(a.Val)
			case "data-yanked":
				yanked = true
			}
		}
		u, err := base.Parse(href)
		switch {
		case href == "" || err != nil:
		case t.Data == "base":
			base = u
		case t.Data == "a":
			f := file{yanked: yanked, name: path.Base(u.Path)}
			if algorithm, sum, ok := strings.Cut(u.Fragment, "="); ok {
				f.digest = release.Digest{Algorithm: algorithm, Hex: strings.ToLower(sum)}
			}
			u.Fragment, u.RawFragment = "", ""
			f.url = u.String()
			files = append(files, f)
		}
	}
	return files
}

// sdistEndings are those of source distributions, by which to prefer them.
func sdistEndings() []string {
	return []string{".tar.gz", ".zip", ".tar.xz", ".tar.bz2", ".tgz", ".tar.zst", ".tar"}
}

// read finds out what the name of a file says.
func (f *file) read(project string) {
	if stem, ok := strings.CutSuffix(f.name, ".whl"); ok {
		parts := strings.Split(stem, "-") // name-version(-build)?-python-abi-platform
		if n := len(parts); (n == 5 || n == 6) && Normalize(parts[0]) == project && isVersion(parts[1]) {
			f.kind, f.version, f.tags = wheel, parts[1], strings.Join(parts[n-3:], "-")
		}
		return
	}
	for _, ending := range sdistEndings() {
		stem, ok := strings.CutSuffix(f.name, ending)
		if !ok {
			continue
		}
		// Names had dashes in former times, so that any dash may be the one.
		for i := range len(stem) {
			if stem[i] == '-' && Normalize(stem[:i]) == project && isVersion(stem[i+1:]) {
				f.kind, f.version = sdist, stem[i+1:]
				return
			}
		}
		return
	}
}

// choose finds the file that a version is checked out from.
func choose(files []file, revision, project string) (file, error) {
	want, err := parse(revision)
	if err != nil {
		return file{}, err
	}
	var best *file
	for i := range files {
		f := &files[i]
		if v, err := parse(f.version); err != nil || v.Compare(want) != 0 {
			continue
		}
		if best == nil || f.rank() < best.rank() {
			best = f
		}
	}
	if best == nil {
		return file{}, weir.Errorf(weir.NotFound, "project %s has no file of version %s", project, revision).
			WithHint("pip index versions %s shows what there is", project)
	}
	if best.rank() == useless {
		return file{}, weir.Errorf(weir.Unsupported, "version %s of project %s has no source distribution, and no wheel for %s/%s",
			revision, project, runtime.GOOS, runtime.GOARCH)
	}
	return *best, nil
}

// useless is the rank of a wheel for another platform.
const useless = 1000

// rank orders the files of one version: source distributions, then wheels for
// every platform, then those for this one.
func (f *file) rank() int {
	if f.kind == sdist {
		return slices.IndexFunc(sdistEndings(), func(e string) bool { return strings.HasSuffix(f.name, e) })
	}
	platform := f.tags[strings.LastIndexByte(f.tags, '-')+1:]
	if platform == "any" {
		return 100
	}
	for _, tag := range strings.Split(platform, ".") {
		if fits(tag) {
			return 200
		}
	}
	return useless
}

// fits reports whether a wheel's platform tag is this machine's.
func fits(tag string) bool {
	system := map[string]string{"linux": "linux", "darwin": "macosx", "windows": "win"}[runtime.GOOS]
	machines := map[string][]string{"amd64": {"x86_64", "amd64", "universal2"}, "arm64": {"aarch64", "arm64", "universal2"}}[runtime.GOARCH]
	return system != "" && strings.Contains(tag, system) && (system != "win" || strings.HasPrefix(tag, "win")) &&
		slices.ContainsFunc(machines, func(m string) bool { return strings.HasSuffix(tag, "_"+m) })
}

// uploaded is when the first file of each version came, by its key.
func uploaded(files []file) map[string]time.Time {
	times := map[string]time.Time{}
	for _, f := range files {
		k := key(f.version)
		if before := times[k]; !f.uploaded.IsZero() && (before.IsZero() || f.uploaded.Before(before)) {
			times[k] = f.uploaded
		}
	}
	return times
}

// key is one for the ways in which a version is written, but for zeros at its
// end: 1.0 and 1.0.0 have two.
func key(v string) string {
	parsed, err := parse(v)
	if err != nil {
		return v
	}
	return parsed.String()
}

// order is the scheme of Python's versions. It keeps what it has parsed, and is
// for one call only.
type order map[string]version.Version

func newOrder() order { return order{} }

// Check implements release.Scheme.
func (o order) Check(v string) error {
	parsed, err := parse(v)
	if err != nil || strings.TrimSpace(v) != v {
		return weir.Errorf(weir.Invalid, "%.60q is not a version of a Python project", v).
			WithHint("write an exact version, for example 1.2.3")
	}
	o[v] = parsed
	return nil
}

// Compare implements release.Scheme.
func (o order) Compare(a, b string) int { return o[a].Compare(o[b]) }

func isVersion(v string) bool {
	_, err := parse(v)
	return err == nil && strings.TrimSpace(v) == v
}

func parse(v string) (version.Version, error) {
	if len(v) > release.MaxVersion || !strings.ContainsAny(v, "0123456789") {
		return version.Version{}, weir.Errorf(weir.Invalid, "%.60q is not a version of a Python project", v)
	}
	return version.Parse(v)
}
