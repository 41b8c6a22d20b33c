package weir_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
)

var badAttemptIDs = []string{"", ".", "1", "1.", ".1", "0.1", "1.0", "-1.2", "1.-2", "+1.2", "1.+2", "01.2", "1.02", "1.2.3",
	" 1.2", "1.2 ", "1,2", "1_0.2", "0x1.2", "1e3.2", "9223372036854775808.1", "1.9223372036854775808",
	"\u0661.\u0662", "1.2\n", "1.2\x00", "../1.2", strings.Repeat("9", 1<<16) + ".1"}

var badDigests = []string{"", "sha256:", "sha256:0", strings.Repeat("0", 64), "sha256:" + strings.Repeat("0", 63),
	"sha256:" + strings.Repeat("0", 65), "sha256:" + strings.Repeat("A", 64), "SHA256:" + strings.Repeat("a", 64),
	"sha512:" + strings.Repeat("0", 64), "sha256:" + strings.Repeat("0", 30) + "/../" + strings.Repeat("0", 30),
	"sha256:../../../../../../../../../../../../../../../../../../etc/passwd!", "sha256:" + strings.Repeat("0", 63) + "\n",
	"sha256:" + strings.Repeat("0", 62) + "\u00e9", " sha256:" + strings.Repeat("0", 64), "sha256:sha256:" + strings.Repeat("0", 57)}

func TestParseAttemptID(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]weir.AttemptID{
		"41.2": {Build: 41, Number: 2}, "1.1": {Build: 1, Number: 1},
		"9223372036854775807.1": {Build: 1<<63 - 1, Number: 1},
	} {
		got, err := weir.ParseAttemptID(s)
		if err != nil || got != want || got.String() != s {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
	for _, s := range badAttemptIDs {
		got, err := weir.ParseAttemptID(s)
		checkRefused(t, s, got == weir.AttemptID{}, err)
	}
}

func TestAttemptIDInJSON(t *testing.T) {
	t.Parallel()
	type message struct {
		ID  weir.AttemptID          `json:"id"`
		Map map[weir.AttemptID]bool `json:"map"`
	}
	in := message{weir.AttemptID{Build: 7, Number: 3}, map[weir.AttemptID]bool{{Build: 7, Number: 2}: true}}
	data, err := json.Marshal(in)
	if err != nil || string(data) != `{"id":"7.3","map":{"7.2":true}}` {
		t.Fatalf("encoded as %s, %v", data, err)
	}
	var out message
	if err := json.Unmarshal(data, &out); err != nil || out.ID != in.ID || !out.Map[weir.AttemptID{Build: 7, Number: 2}] {
		t.Errorf("decoded as %+v, %v", out, err)
	}
	before := out.ID
	if err := json.Unmarshal([]byte(`{"id":"7.0"}`), &out); weir.CodeOf(err) != weir.Invalid || out.ID != before {
		t.Errorf("a bad id is decoded as %v, %v", out.ID, err)
	}
}

func TestDigest(t *testing.T) {
	t.Parallel()
	d := weir.DigestOf([]byte("weir"))
	if got, err := weir.ParseDigest(string(d)); err != nil || got != d {
		t.Errorf("%s: %q, %v", d, got, err)
	}
	if len(d.Hex()) != 64 || d.Short() != d.Hex()[:12] || weir.DigestOf(nil) == d {
		t.Errorf("%s: Hex %q, Short %q", d, d.Hex(), d.Short())
	}
	const empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	if got := weir.DigestOf(nil); got != empty {
		t.Errorf("the digest of nothing is %s, want %s", got, empty)
	}
	for _, s := range badDigests {
		got, err := weir.ParseDigest(s)
		checkRefused(t, s, got == "", err)
		_, _ = weir.Digest(s).Short(), weir.Digest(s).Hex() // must not panic
	}
}

// checkRefused checks what every parser owes to hostile input: no value, the
// right code, a hint, and a message that stays short.
func checkRefused(t *testing.T, input string, empty bool, err error) {
	t.Helper()
	var e *weir.Error
	if weir.CodeOf(err) != weir.Invalid || !empty {
		t.Errorf("%.80q is taken, or refused with %v", input, err)
		return
	}
	e = err.(*weir.Error) //nolint:errorlint // the parsers wrap nothing
	if e.Hint == "" || len(e.Message) > 1000 || strings.ContainsAny(e.Message, "\x00\n") {
		t.Errorf("%.80q: error %q with hint %q", input, e.Message, e.Hint)
	}
}

func FuzzParseAttemptID(f *testing.F) {
	f.Add("41.2")
	for _, s := range badAttemptIDs[:len(badAttemptIDs)-1] {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := weir.ParseAttemptID(s)
		if err != nil {
			checkRefused(t, s, id == weir.AttemptID{}, err)
			return
		}
		if id.Build < 1 || id.Number < 1 || id.String() != s {
			t.Errorf("%q is read as %v", s, id)
		}
	})
}

func FuzzParseDigest(f *testing.F) {
	f.Add(string(weir.DigestOf(nil)))
	for _, s := range badDigests {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := weir.ParseDigest(s)
		if err != nil {
			checkRefused(t, s, d == "", err)
			return
		}
		if string(d) != s || len(d.Hex()) != 64 || !filepath.IsLocal(d.Hex()) {
			t.Errorf("%q is taken", s)
		}
	})
}
