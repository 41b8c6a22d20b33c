// Package mask keeps secrets out of what builds say.
//
// A step that has a secret in its environment may print it: on purpose, in a
// trace of its commands, in an error of the tool that it ran. A [Masker] knows
// the secrets of one build and replaces each by [Token] wherever it appears,
// before anything of the output is written down:
//
//	masker, err := mask.New(secrets)
//	out := masker.Writer(log) // what a step prints, in pieces of any size
//	...
//	out.Close() // what was held back until it was clear that it is harmless
//	note := masker.String(note)
//
// A secret is looked for as it is and in the forms in which tools print it
// without meaning to: in base64 (both alphabets, wherever it begins in what was
// encoded, and in lines as wide as tools make them), in hexadecimal, with the
// escapes of URLs and of JSON, and line by line, since logs show lines. Lines
// that are too short to mean anything, such as the brackets of a JSON secret,
// are left alone.
//
// No masker can stop a step that wants to tell a secret: it can print it
// backwards. Who may change a step may read its secrets, which is why untrusted
// builds get none.
//
// All forms are found in one pass, by the automaton of Aho and Corasick. Of a
// stream only what may still become a secret is held back: as many bytes at its
// end as are the beginning of a form.
package mask

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/weir-ci/weir"
)

// Token stands where a secret stood.
const Token = "***"

// Limits on secrets.
const (
	MinSecret = 4        // bytes; shorter ones would be masked out of ordinary words
	MaxSecret = 64 << 10 // bytes of one secret
	MaxTotal  = 1 << 20  // bytes of all secrets of a build together
)

// Masker replaces the secrets of one build. A nil Masker knows none and changes
// nothing. It never changes, and may be used at the same time.
type Masker struct{ trie trie }

// New makes a masker for the given secrets, names and values; it is nil if
// there are none. Invalid if a value is shorter than MinSecret without the
// white space around it, TooLarge if one or all are over a limit. The error
// names the secret and never its value.
func New(secrets []weir.EnvVar) (*Masker, error) {
	if len(secrets) == 0 {
		return nil, nil
	}
	m, total := &Masker{}, 0
	m.trie.init()
	for _, s := range secrets {
		total += len(s.Value)
		switch {
		case len(strings.TrimSpace(s.Value)) < MinSecret:
			return nil, weir.Errorf(weir.Invalid, "the secret %.100s is shorter than %d bytes and cannot be kept out of logs", s.Name, MinSecret).
				WithHint("give it a longer value")
		case len(s.Value) > MaxSecret || total > MaxTotal:
			return nil, weir.Errorf(weir.TooLarge, "the secret %.100s is too long: one has at most %d KiB, all of a build %d KiB",
				s.Name, MaxSecret>>10, MaxTotal>>10)
		}
		for _, form := range forms(s.Value) {
			m.trie.add(form)
		}
	}
	m.trie.link()
	return m, nil
}

// forms lists what a secret looks like in a log.
func forms(secret string) []string {
	var list []string
	add := func(form string) {
		if len(form) >= MinSecret {
			list = append(list, form)
		}
	}
	add(secret)
	core := strings.TrimSpace(secret)
	add(core)
	if strings.ContainsAny(core, "\r\n") {
		for line := range strings.FieldsFuncSeq(core, func(r rune) bool { return r == '\n' || r == '\r' }) {
			if line = strings.TrimSpace(line); telling(line) {
				add(line)
			}
		}
	}
	for _, s := range slices.Compact([]string{secret, core}) {
		for _, form := range base64Forms(s) {
			add(form)
		}
		digits := hex.EncodeToString([]byte(s))
		add(digits)
		add(strings.ToUpper(digits))
		for _, form := range []string{url.QueryEscape(s), url.PathEscape(s)} {
			add(form)
			add(lowerEscapes(form))
		}
		add(jsonForm(s))
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// telling reports whether a line says anything: it has a letter or a digit, and
// is no shorter than a secret has to be.
func telling(line string) bool {
	return len(line) >= MinSecret && strings.ContainsFunc(line, func(r rune) bool {
		return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= 0x80
	})
}

// lowerEscapes turns %2B into %2b.
func lowerEscapes(s string) string {
	b := []byte(s)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:i+3], strings.ToLower(string(b[i+1:i+3])))
		}
	}
	return string(b)
}

// jsonForm is the secret as it stands in a JSON string.
func jsonForm(s string) string {
	data, err := json.Marshal(s)
	if err != nil || len(data) < 2 {
		return ""
	}
	return string(data[1 : len(data)-1])
}

// wraps are how many characters tools put into a line of base64.
var wraps = [...]int{64, 76}

// base64Forms are what base64 makes of the secret, whatever stands before and
// behind it: the characters that depend on nothing but the secret, for each of
// the three places at which it may begin in a group of three bytes.
func base64Forms(secret string) []string {
	var list []string
	for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 {
			text := enc.EncodeToString([]byte(strings.Repeat("\x00", before) + secret))
			// Each character is six bits: of those that the secret only shares
			// nothing can be known.
			from := (before*8 + 5) / 6
			to := (before + len(secret)) * 8 / 6
			list = append(list, text[from:to])
			if before > 0 {
				continue
			}
			for _, width := range wraps {
				if len(text) > width {
					list = append(list, pieces(text, width)...)
				}
			}
		}
	}
	return list
}

// pieces cuts text into lines. The last one counts only if it is long enough to
// be no accident.
func pieces(text string, width int) []string {
	var list []string
	for line := range slices.Chunk([]byte(text), width) {
		if len(line) >= 2*MinSecret {
			list = append(list, string(line))
		}
	}
	return list
}

// String masks a text.
func (m *Masker) String(s string) string {
	if m == nil {
		return s
	}
	var b strings.Builder
	w := m.Writer(&b)
	_, _ = w.Write([]byte(s)) // a Builder takes everything
	_ = w.Close()
	return b.String()
}
