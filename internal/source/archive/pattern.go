package archive

import (
	"net/url"
	"regexp"
	"strings"

	"golang.org/x/net/html"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source/release"
)

// placeholder is where a location has its version.
const placeholder = "{version}"

// versionChars is what a version is made of: nothing that means something else
// in a URL or a path. It begins with a letter or digit and ends with one.
const versionChars = `[0-9A-Za-z](?:[0-9A-Za-z.+~_-]*[0-9A-Za-z])?`

// isVersion reports whether s is made of versionChars.
func isVersion(s string) bool {
	alphanumeric := func(c byte) bool {
		return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
	}
	for i := range len(s) {
		if !alphanumeric(s[i]) && !strings.Contains(".+~_-", s[i:i+1]) {
			return false
		}
	}
	return s != "" && len(s) <= release.MaxVersion && alphanumeric(s[0]) && alphanumeric(s[len(s)-1])
}

// pattern is a location.
type pattern struct {
	location string
	whole    *regexp.Regexp // an archive
	above    *regexp.Regexp // the directory with the version in its name; nil if there is none
}

// newPattern checks a location.
func newPattern(location string) (*pattern, error) {
	hint := "write it like https://example.org/tool-" + placeholder + ".tar.gz"
	if len(location) > maxLocation || !strings.Contains(location, placeholder) {
		return nil, weir.Errorf(weir.Invalid, "the archive's location %.200q has no %s in it", release.Shown(location), placeholder).WithHint("%s", hint)
	}
	u, err := url.Parse(strings.ReplaceAll(location, placeholder, "0"))
	switch {
	case err != nil:
		return nil, weir.Errorf(weir.Invalid, "the archive's location is not a URL").WithHint("%s", hint)
	case u.User != nil:
		return nil, weir.Errorf(weir.Invalid, "the archive's location holds credentials").
			WithHint("name a secret with the source's credentials instead")
	case u.Scheme == "file" && (u.Host != "" && u.Host != "localhost" || u.Path == ""):
		return nil, weir.Errorf(weir.Invalid, "the archive's location %.200q is not a file of this machine", release.Shown(location)).
			WithHint("write it like file:///srv/dist/tool-%s.tar.gz", placeholder)
	case u.Scheme != "file" && u.Scheme != "http" && u.Scheme != "https", u.Scheme != "file" && u.Hostname() == "", u.Opaque != "":
		return nil, weir.Errorf(weir.Invalid, "the archive's location %.200q is not a URL of http, https or file", release.Shown(location)).
			WithHint("%s", hint)
	}
	host, err := url.Parse(strings.ReplaceAll(location, placeholder, "1"))
	if err != nil || host.Host != u.Host {
		return nil, weir.Errorf(weir.Invalid, "the archive's location has %s in its host", placeholder).WithHint("%s", hint)
	}
	p := &pattern{location: location, whole: compile(location)}
	first := strings.Index(location, placeholder)
	if slash := strings.Index(location[first:], "/"); slash >= 0 {
		p.above = compile(location[:first+slash+1])
	}
	return p, nil
}

// compile makes an expression with one group for each {version}.
func compile(location string) *regexp.Regexp {
	parts := strings.Split(location, placeholder)
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile(`^` + strings.Join(parts, `(`+versionChars+`)`) + `$`)
}

// url is where the archive of a version lies.
func (p *pattern) url(version string) string {
	return strings.ReplaceAll(p.location, placeholder, version)
}

// version finds the version in a link.
func (p *pattern) version(link string) (string, bool) {
	if plain, err := url.PathUnescape(link); err == nil {
		link = plain
	}
	for _, e := range []*regexp.Regexp{p.whole, p.above} {
		if e == nil {
			continue
		}
		m := e.FindStringSubmatch(link)
		if m == nil || len(m[1]) > release.MaxVersion {
			continue
		}
		same := true
		for _, v := range m[2:] {
			same = same && v == m[1]
		}
		// Without a digit it is a word: latest, current, src.
		if same && strings.ContainsAny(m[1], "0123456789") {
			return m[1], true
		}
	}
	return "", false
}

// Links finds the links of a page that came from base: absolute, without query
// and fragment, in their order, at most 100,000.
func Links(page []byte, base *url.URL) []string {
	var links []string
	z := html.NewTokenizer(strings.NewReader(string(page)))
	z.SetMaxBuf(1 << 20)
	for len(links) < maxLinks {
		switch z.Next() {
		case html.ErrorToken:
			return links
		case html.StartTagToken, html.SelfClosingTagToken:
			name, has := z.TagName()
			isBase := string(name) == "base"
			if !has || !isBase && string(name) != "a" {
				continue
			}
			u, err := base.Parse(strings.TrimSpace(attribute(z, "href")))
			if err != nil || u.Scheme != "http" && u.Scheme != "https" {
				continue
			}
			if isBase {
				base = u
				continue
			}
			u.Fragment, u.RawFragment = "", ""
			links = append(links, u.String())
			if u.RawQuery != "" { // as of download counters
				u.RawQuery = ""
				links = append(links, u.String())
			}
		}
	}
	return links
}

func attribute(z *html.Tokenizer, name string) string {
	value := ""
	for {
		key, v, more := z.TagAttr()
		if string(key) == name && value == "" {
			value = string(v)
		}
		if !more {
			return value
		}
	}
}
