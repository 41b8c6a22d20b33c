package page

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"plain", "plain"},
		{"a\x00b\x07", "a␀b␇"},
		{"\u202egnp.exe\u2066", "\ufffdgnp.exe\ufffd"},
		{"\xff\xfe", "\ufffd\ufffd"},
		{"tab\tand\nline", "tab\tand\nline"},
		{"\x7f\u0085\u2028", "␡\ufffd\ufffd"},
		{strings.Repeat("é", 400), strings.Repeat("é", 300) + "…"},
	} {
		if got := Clean(c.in, 300); got != c.want {
			t.Errorf("clean(%q) = %q, want %q", c.in, got, c.want)
		}
	}
	if n := utf8.RuneCountInString(Clean(strings.Repeat("x", 1<<20), 100)); n != 101 {
		t.Errorf("a megabyte is cut to %d characters", n)
	}
}

func TestPlain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"\x1b[1;31mred\x1b[0m", "red"},
		{"\x1b]0;title\x07text", "text"},
		{"\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\", "link"},
		{"10%\r50%\r100%\r\nnext", "100%\nnext"},
		{"\x1b", ""}, {"\x1b[", ""}, {"\x1b[\n31m", "\n31m"}, {"a\x1b]never closed\nb", "a\nb"},
		{"\x1bPq" + strings.Repeat("#", 10000), "q" + strings.Repeat("#", 10000)},
	} {
		if got := Plain(c.in); got != c.want {
			t.Errorf("plain(%.60q) = %.60q, want %.60q", c.in, got, c.want)
		}
	}
}

// FuzzText makes sure that no text gets through the cleaning as it should not.
func FuzzText(f *testing.F) {
	f.Add("\x1b[31m\u202e\x00\xff\r\n")
	f.Fuzz(func(t *testing.T, s string) {
		for _, got := range []string{OneLine(s, 50), Block(s, 50)} {
			if !utf8.ValidString(got) || strings.ContainsAny(got, "\x1b\x00\r\u202e\u2066") || utf8.RuneCountInString(got) > 51 {
				t.Errorf("%q became %q", s, got)
			}
		}
		if strings.Contains(OneLine(s, 50), "\n") {
			t.Errorf("%q has several lines", s)
		}
	})
}

func TestWords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ got, want string }{
		{List(nil, 3), ""}, {List([]string{"a"}, 3), "a"}, {List([]string{"a", "b"}, 3), "a and b"},
		{List([]string{"a", "b", "c", "d", "e"}, 3), "a, b, c and 2 more"},
		{Count(1, "test", "tests"), "1 test"}, {Count(1234567, "test", "tests"), "1,234,567 tests"},
		{Thousands(-1234), "-1,234"}, {Thousands(999), "999"},
		{Size(1), "1 byte"}, {Size(1536), "1.5 KiB"}, {Size(100 << 20), "100.0 MiB"}, {Size(3 << 30), "3.0 GiB"},
		{TestTime(0), "under 0.1 s"}, {TestTime(100 * time.Millisecond), "100 ms"}, {TestTime(3 * time.Second), "3.0 s"},
		{Duration(0), "0 s"}, {Duration(31 * time.Millisecond), "31 ms"}, {Duration(2500 * time.Millisecond), "2.5 s"},
		{Duration(44 * time.Second), "44 s"}, {Duration(192 * time.Second), "3 min 12 s"}, {Duration(26 * time.Hour), "26 h 0 min"},
		{Duration(72 * time.Hour), "3 d 0 h"}, {Duration(-time.Second), "0 s"},
		{ago(-time.Hour), "in 1 h"}, {ago(-time.Second), "just now"}, {ago(30 * time.Second), "30 s ago"}, {ago(90 * time.Second), "1 min ago"},
		{ago(3 * time.Hour), "3 h ago"}, {ago(80 * time.Hour), "3 d ago"}, {ago(59 * 24 * time.Hour), "59 d ago"},
		{ago(60 * 24 * time.Hour), "2 months ago"}, {ago(729 * 24 * time.Hour), "24 months ago"}, {ago(730 * 24 * time.Hour), "2 years ago"},
		{Percent(.9731), "97 %"}, {Percent(.9999), "over 99 %"}, {Percent(1), "100 %"}, {Percent(-1), "0 %"}, {Percent(.004), "under 1 %"},
		{AuthorName("Ada Wells <ada@example.org>"), "Ada Wells"}, {AuthorName("<ada@example.org>"), "ada"}, {AuthorName("ada@example.org"), "ada"},
		{quote("it's"), `'it'\''s'`}, {quote("a/b.c"), "a/b.c"}, {quote(""), "''"}, {quote("$(rm -rf)"), "'$(rm -rf)'"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}
