package svn

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source"
)

func FuzzParseExternals(f *testing.F) {
	f.Add("# x\n-r 5 ^/a@7 \"b c\"\nd http://h/x\n../x y\\ z")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := parseExternals(text)
		if err != nil && weir.CodeOf(err) != weir.Invalid {
			t.Errorf("got %v", err)
		}
		at := place{URL: "https://example.com/p/trunk", Root: "https://example.com/p"}
		for _, e := range all {
			if source.CheckPath(e.path) != nil || e.rev < 0 {
				t.Errorf("got %+v", e)
			}
			src, err := e.resolve(weir.Source{Credentials: "key"}, at)
			if err != nil {
				continue
			}
			if checkLocation(src.Location) != nil || inFiles(src.Location) || src.Credentials != "" && !strings.HasPrefix(src.Location, "https://example.com/") && src.Location != "https://example.com" {
				t.Errorf("%+v leads to %+v", e, src)
			}
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add(`<?xml version="1.0"?><log><logentry revision="4"><author>a` + "\x01\xff" + `</author><msg>m</msg></logentry></log>`)
	f.Fuzz(func(t *testing.T, text string) {
		var answer struct {
			Entries []entry `xml:"logentry"`
		}
		if decode([]byte(text), &answer) != nil {
			return
		}
		for _, e := range answer.Entries {
			if r := e.revision(); !utf8.ValidString(r.Author+r.Message) || len(r.Message) > weir.MaxMessage || r.Time.Year() > 9999 {
				t.Errorf("got %+v", r)
			}
		}
	})
}

func FuzzCheckLocation(f *testing.F) {
	f.Add("https://ann:s3cret@example.com/x")
	f.Add("https://ann:s3cret@e/ann:s3cret@exam")
	f.Add("svn+ssh://-oProxyCommand=x/y")
	f.Fuzz(func(t *testing.T, loc string) {
		if err := checkLocation(loc); err != nil {
			// In a path the word is no secret.
			rest, secret := strings.CutPrefix(loc, "https://ann:s3cret@")
			if secret && !strings.Contains(rest, "s3cret") && strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error tells: %v", err)
			}
			return
		}
		if u := target(weir.Source{Location: loc}, "", 0); strings.HasPrefix(u, "-") || strings.ContainsAny(u, "\x00\n") {
			t.Errorf("got %q", u)
		}
	})
}
