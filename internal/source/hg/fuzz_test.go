package hg

import (
	"bufio"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source"
	"github.com/weir-ci/weir/internal/source/mirror"
)

func FuzzReadRevision(f *testing.F) {
	f.Add(null + "\x00" + null + "\x00A <a@example.com>\x001000 0\x00message\n\x00")
	f.Add(null + "\x00\x00\xff\x00-1\x00" + strings.Repeat("\xc3", weir.MaxMessage+1) + "\x00")
	f.Fuzz(func(t *testing.T, text string) {
		rev, _, err := readRevision(bufio.NewReaderSize(strings.NewReader(text), 16))
		if err != nil {
			return
		}
		if len(rev.Message) > weir.MaxMessage || len(rev.Author) > mirror.MaxAuthor || rev.Time.Year() > 9999 ||
			!utf8.ValidString(rev.Message+rev.Author) || !hashHex.MatchString(rev.ID) {
			t.Errorf("not within limits: %+v", rev)
		}
	})
}

func FuzzParseSubrepos(f *testing.F) {
	f.Add("a = ../a\n# b\n[subpaths]", null+" a")
	f.Fuzz(func(t *testing.T, locations, states string) {
		subs, err := parseSubrepos(locations, states)
		if err != nil && weir.CodeOf(err) != weir.Invalid && weir.CodeOf(err) != weir.Unsupported {
			t.Errorf("got %v", err)
		}
		for _, s := range subs {
			if source.CheckPath(s.path) != nil || !hashHex.MatchString(s.revision) {
				t.Errorf("got %+v", s)
			}
			src, err := s.resolve(weir.Source{Location: "https://example.com/a", Credentials: "key"})
			if err == nil && (checkLocation(src.Location) != nil || local(src.Location) ||
				src.Credentials != "" && !strings.HasPrefix(src.Location, "https://example.com")) {
				t.Errorf("%+v leads to %+v", s, src)
			}
		}
	})
}

func FuzzCheckName(f *testing.F) {
	f.Add("--config=x")
	f.Add("default")
	f.Fuzz(func(t *testing.T, name string) {
		if checkName("branch", name) == nil && (strings.HasPrefix(name, "-") || strings.ContainsAny(name, "'\\\x00\n:") || !utf8.ValidString(name)) {
			t.Errorf("%q passes", name)
		}
	})
}
