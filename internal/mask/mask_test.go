package mask

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
)

func masker(t testing.TB, secrets ...string) *Masker {
	t.Helper()
	var vars []weir.EnvVar
	for i, s := range secrets {
		vars = append(vars, weir.EnvVar{Name: fmt.Sprint("S", i), Value: s})
	}
	m, err := New(vars)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestString(t *testing.T) {
	t.Parallel()
	const key = "-----BEGIN KEY-----\r\nMIIabc+/def\r\nxyz0\n}\n-----END KEY-----\n"
	long := strings.Repeat("p4ss/W0rd?", 20)
	enc := base64.StdEncoding.EncodeToString
	for _, c := range []struct{ name, text, want string }{
		{"none", "nothing here", "nothing here"},
		{"plain", "token=hunter22!", "token=***!"},
		{"twice", "hunter22 and hunter22", "*** and ***"},
		{"side by side", "hunter22hunter22", "***"},
		{"nearly", "hunter2 hunter21", "hunter2 hunter21"},
		{"again after a beginning", "hunthunter22", "hunt***"},
		{"contained in another", "abcdXefgh abcdX abcd", "*** *** abcd"},
		{"overlapping", "1234567", "***"},
		{"a line of many", "see MIIabc+/def here", "see *** here"},
		{"the lines are told one by one", strings.ReplaceAll(key, "\r\n", "\n"), "***\n***\n***\n}\n***\n"},
		{"all of them as they are", key, "***"},
		{"brackets", "if x { y() }\n}\n", "if x { y() }\n}\n"},
		{"base64 alone", enc([]byte("hunter22")), "***I="},
		{"base64 behind one", enc([]byte("uhunter22")), "dW***"},
		{"base64 behind two", enc([]byte("u:hunter22@")), "dTp" + "***JA"},
		{"base64 for URLs", base64.URLEncoding.EncodeToString([]byte(long)), "***"},
		{"base64 in lines", wrapped(long, 76), "***\n***\n***\n***"},
		{"hex", hex.EncodeToString([]byte("hunter22")), "***"},
		{"HEX", strings.ToUpper(hex.EncodeToString([]byte("hunter22"))), "***"},
		{"URL", "https://x/?q=" + url.QueryEscape(long), "https://x/?q=***"},
		{"path", "https://x/" + url.PathEscape(long), "https://x/***"},
		{"JSON", quoted(key), `"***"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := masker(t, "hunter22", "abcdX", "abcdXefgh", "12345", "34567", key, long)
			got := m.String(c.text)
			if strings.HasPrefix(c.name, "base64 ") { // the edges may keep a character
				if !strings.Contains(got, Token) || len(got) > len(c.want)+6 {
					t.Errorf("got %q", got)
				}
				return
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func wrapped(s string, width int) string {
	var lines []string
	text := base64.StdEncoding.EncodeToString([]byte(s))
	for len(text) > width {
		lines, text = append(lines, text[:width]), text[width:]
	}
	return strings.Join(append(lines, text), "\n")
}

func quoted(s string) string {
	data, _ := json.Marshal(s)
	return string(data)
}

func TestNil(t *testing.T) {
	t.Parallel()
	m, err := New(nil)
	if m != nil || err != nil {
		t.Fatalf("got %v, %v", m, err)
	}
	var b bytes.Buffer
	w := m.Writer(&b)
	if _, err := io.WriteString(w, "abc"); err != nil || w.Close() != nil || b.String() != "abc" || m.String("x") != "x" {
		t.Errorf("got %q, %v", b.String(), err)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		value string
		code  weir.Code
	}{{"abc", weir.Invalid}, {"  ab \n", weir.Invalid}, {"", weir.Invalid}, {strings.Repeat("x", MaxSecret+1), weir.TooLarge}} {
		_, err := New([]weir.EnvVar{{Name: "DEPLOY_KEY", Value: c.value}})
		if weir.CodeOf(err) != c.code || !strings.Contains(err.Error(), "DEPLOY_KEY") || c.value != "" && strings.Contains(err.Error(), c.value) {
			t.Errorf("%.10q: %v", c.value, err)
		}
	}
}

func TestWriterHoldsBackOnlyWhatItMust(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	w := masker(t, "hunter22").Writer(&b)
	for _, c := range []struct{ write, have string }{
		{"Password: ", "Password: "}, {"hun", "Password: "}, {"ted\n", "Password: hunted\n"},
		{"hunter2", "Password: hunted\n"}, {"2", "Password: hunted\n"}, {".", "Password: hunted\n***."},
	} {
		if _, err := io.WriteString(w, c.write); err != nil {
			t.Fatal(err)
		}
		if b.String() != c.have {
			t.Errorf("after %q there is %q", c.write, b.String())
		}
	}
	_, _ = io.WriteString(w, "hunter2")
	if err := w.Close(); err != nil || !strings.HasSuffix(b.String(), "***.hunter2") {
		t.Errorf("at the end there is %q, %v", b.String(), err)
	}
}

func TestWriterError(t *testing.T) {
	t.Parallel()
	full := errors.New("full")
	w := masker(t, "hunter22").Writer(failing{full})
	if _, err := io.WriteString(w, "abc"); !errors.Is(err, full) || !errors.Is(w.Close(), full) {
		t.Errorf("got %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// FuzzMask holds the automaton against a search: however a text is cut, what
// comes out is what a search for each form would leave, and no form is in it.
func FuzzMask(f *testing.F) {
	f.Add("hunter22", "a\nbcde\n", "xx hunter22 bcde", uint8(3))
	f.Add("aaaa", "aaab", "aaaaaaabaaaa", uint8(1))
	f.Add("abab", "babab", "xababababx", uint8(2))
	f.Fuzz(func(t *testing.T, s1, s2, text string, cut uint8) {
		m, err := New([]weir.EnvVar{{Name: "A", Value: s1}, {Name: "B", Value: s2}})
		if err != nil {
			return
		}
		list := append(forms(s1), forms(s2)...)
		text += s1 + text + base64.StdEncoding.EncodeToString([]byte(text+s2)) + s2
		want := search(text, list)
		for _, size := range []int{int(cut)%7 + 1, int(cut) + 1, len(text) + 1} {
			var b bytes.Buffer
			w := m.Writer(&b)
			for rest := text; rest != ""; {
				n := min(size, len(rest))
				if _, err := io.WriteString(w, rest[:n]); err != nil {
					t.Fatal(err)
				}
				rest = rest[n:]
			}
			if err := w.Close(); err != nil || b.String() != want {
				t.Fatalf("in pieces of %d: %q, want %q (%v)", size, b.String(), want, err)
			}
		}
		for part := range strings.SplitSeq(want, Token) {
			for _, form := range list {
				if strings.Contains(part, form) {
					t.Errorf("%q is left of %q", form, text)
				}
			}
		}
	})
}

// search masks a text slowly.
func search(text string, list []string) string {
	hide := make([]bool, len(text))
	for _, form := range list {
		for at := 0; ; at++ {
			i := strings.Index(text[at:], form)
			if i < 0 {
				break
			}
			at += i
			for k := range len(form) {
				hide[at+k] = true
			}
		}
	}
	var b strings.Builder
	for i := range len(text) {
		switch {
		case !hide[i]:
			b.WriteByte(text[i])
		case i == 0 || !hide[i-1]:
			b.WriteString(Token)
		}
	}
	return b.String()
}

func BenchmarkWriter(b *testing.B) {
	line := "2026-11-21T07:20:00Z ok  \tgithub.com/weir-ci/weir/internal/worker/execute\t4.211s coverage: 81% of statements\n"
	text := []byte(strings.Repeat(line, 600))
	for _, n := range []int{1, 20} {
		var secrets []string
		for i := range n {
			secrets = append(secrets, fmt.Sprintf("%d-ghp_%d9fJ2kdLq8Zx7Wv5Bn3Mc1Pa0SsDdFf", i*7919, i))
		}
		m := masker(b, secrets...)
		b.Run(fmt.Sprintf("secrets=%d", n), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			w := m.Writer(io.Discard)
			for b.Loop() {
				if _, err := w.Write(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
