package git

import (
	"bufio"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source/mirror"
)

func FuzzReadRevision(f *testing.F) {
	hash := strings.Repeat("a", 40)
	f.Add(hash + "\x00" + hash + "\x00A <a@example.com>\x001000\x00message\n\x00")
	f.Add(hash + "\x00\x00\xff\x00-1\x00" + strings.Repeat("\xc3", weir.MaxMessage+1) + "\x00")
	f.Fuzz(func(t *testing.T, record string) {
		rev, _, err := readRevision(bufio.NewReaderSize(strings.NewReader(record), 16))
		if err != nil {
			return
		}
		if len(rev.Message) > weir.MaxMessage || len(rev.Author) > mirror.MaxAuthor || rev.Time.Year() > 9999 ||
			!utf8.ValidString(rev.Message+rev.Author) || !hashHex.MatchString(rev.ID) {
			t.Errorf("not within limits: %+v", rev)
		}
	})
}

func FuzzCheckLocation(f *testing.F) {
	f.Add("https://ann:s3cret@example.com/x")
	f.Add("ext::sh -c x")
	f.Add("git@example.com:a/b.git")
	f.Fuzz(func(t *testing.T, loc string) {
		if checkLocation(loc) == nil && (strings.HasPrefix(loc, "-") || strings.HasPrefix(loc, "ext::") || strings.ContainsAny(loc, "\x00\n")) {
			t.Errorf("%q passed", loc)
		}
	})
}
