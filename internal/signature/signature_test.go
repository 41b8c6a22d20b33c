package signature_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weir-ci/weir/internal/signature"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write the golden file")

// failures are messages as tools write them. Those with the same name, up to a
// slash, are the same failure in another run and must have one signature.
func failures(t testing.TB) map[string]string {
	t.Helper()
	out := map[string]string{}
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no test data", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range strings.Split("\n"+strings.ReplaceAll(string(text), "\r\n", "\n"), "\n-- ")[1:] {
			name, body, _ := strings.Cut(part, " --\n")
			out[strings.TrimSuffix(filepath.Base(file), ".txt")+" "+name] = body
		}
	}
	return out
}

func TestRealMessages(t *testing.T) {
	t.Parallel()
	got := map[string]string{}
	keys := map[string]string{}
	for name, text := range failures(t) {
		s := signature.Of(text, "")
		if what, _, again := strings.Cut(name, "/"); again {
			if first, ok := keys[what]; ok && first != s.Key {
				t.Errorf("%s: another run has another signature: %+v", name, s)
			}
			keys[what] = s.Key
		}
		if alone := signature.Of("", text); alone.Key != s.Key && !strings.Contains(name, "E lines") {
			t.Errorf("%s: as output it is %+v, as message %+v", name, alone, s)
		}
		got[name] = s.Line + " @ " + s.Frame
	}
	out, err := json.MarshalIndent(got, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/golden.json"
	if *update {
		if err := os.WriteFile(golden, append(out, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var want map[string]string
	text, err := os.ReadFile(golden)
	if err != nil || json.Unmarshal(text, &want) != nil {
		t.Fatal("the golden file cannot be read", err)
	}
	for name := range got {
		if got[name] != want[name] {
			t.Errorf("%s:\n got  %s\n want %s", name, got[name], want[name])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d failures, %d in the golden file: run go test -update and look at what changed", len(got), len(want))
	}
}

func TestMask(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"":               "",
		"plain words":    "plain words",
		"a  \t b ":       "a b",
		"got 5, want 17": "got %, want %",
		"open /tmp/TestX123/001/a.txt: no such file":                       "open <tmp>/a.txt: no such file",
		"open /var/lib/weir/work/7/src/testdata/a.txt: no such file":       "open <dir>/a.txt: no such file",
		`File "C:\work\slot1\src\x.py"`:                                    `File "<dir>/x.py"`,
		"GET http://127.0.0.1:39221/a/b?x=1: refused":                      "GET http://%:%/a/b?x=%: refused",
		"dial tcp [::1]:4000: connect: connection refused":                 "dial tcp [::%]:%: connect: connection refused",
		"id 123e4567-e89b-12d3-a456-426614174000 unknown":                  "id <uuid> unknown",
		"<Foo object at 0x7f6a162cce00>":                                   "<Foo object at <ptr>>",
		"at 0x1f":                                                          "at <ptr>",
		"commit 8f14e45fceea167a5a36dedd4bea2543 is not there":             "commit <hex> is not there",
		"defaced and effaced words stay":                                   "defaced and effaced words stay",
		"after 1.5s, 10m0s, 3ms, 2 seconds and 17µs":                       "after <dur>, <dur>, <dur>, <dur> and <dur>",
		"2026-11-20T18:50:22.123Z set-up: no database":                     "<time> set-up: no database",
		"2026/11/20 18:50:22 set-up: no database":                          "<time> set-up: no database",
		"Fri, 20 Nov 2026 18:50:22 GMT: late":                              "<time>: late",
		"Fri Nov 20 18:50:22 UTC 2026: late":                               "<time>: late",
		"token eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9 is old":                "token <id> is old",
		"TestExpressionParseAndValue is not a digest":                      "TestExpressionParseAndValue is not a digest",
		"1.5e-07 is not 2.25":                                              "% is not %",
		"line\nof\ntwo":                                                    "line of two",
		strings.Repeat("\u00e9", 400):                                      strings.Repeat("\u00e9", 150),
		"<tmp>/<dir>/<time> <dur> <ptr> <hex> <id> <uuid> % stay as masks": "<tmp>/<dir>/<time> <dur> <ptr> <hex> <id> <uuid> % stay as masks",
	} {
		if got := signature.Mask(line); got != want {
			t.Errorf("%q becomes\n %q, want\n %q", line, got, want)
		}
	}
}

func TestNothingSaid(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "\n\n", "Failed", "FAIL", "----\n====", "=== RUN   TestX\n--- FAIL: TestX (0.00s)\nFAIL\nexit status 1"} {
		if s := signature.Of(text, text); s != (signature.Signature{}) {
			t.Errorf("%q says %+v", text, s)
		}
	}
	if a, b := signature.Of("Failed", "x_test.go:4: got 1, want 2"), signature.Of("", "x_test.go:9: got 7, want 2"); a != b || a.Key == "" {
		t.Errorf("a message that says nothing hides the output: %+v, %+v", a, b)
	}
}

// TestOtherFailures makes sure that masking does not make everything equal.
func TestOtherFailures(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, text := range []string{
		"panic: assignment to entry in nil map", "panic: runtime error: index out of range [3] with length 2",
		"AssertionError: assert 'a' == 'b'", "AssertionError: assert 'a' == 'c'", "TypeError: f() takes 1 argument",
		"x_test.go:1: got true", "x_test.go:1: got false", "y_test.go:1: got true",
		"ModuleNotFoundError: No module named 'a'", "ModuleNotFoundError: No module named 'b'",
		"java.lang.RuntimeException: wrapped\n\tat a.B.c(B.java:1)\nCaused by: a.X: one",
		"java.lang.RuntimeException: wrapped\n\tat a.B.c(B.java:1)\nCaused by: a.X: two",
		"java.lang.RuntimeException: wrapped\n\tat a.B.d(B.java:1)\nCaused by: a.X: two",
	} {
		key := signature.Of(text, "").Key
		if key == "" || seen[key] != "" {
			t.Errorf("%q has the signature of %q", text, seen[key])
		}
		seen[key] = text
	}
}

// pieces are what hostile lines are made of.
var pieces = []string{"/", "//", "\\", "C:", ":", "0x", "abcdef12", "1", "17", ".", "-", "+", "e", "E", "T", "Z", " ", "\t", "\n", "%", "<", ">", "dir", "tmp",
	"<tmp>", "<dir>", "/tmp/", "/var/folders/", "s", "ms", "µs", "h", "10:11:12", "2026-01-02", "Mon", "Jan", "A", "a", "_", "=", "é", "\xff", "\x1b[3", "m", "E   ",
	"panic: ", "Traceback (most recent call last):\n", "goroutine 1 [running]:\n", "at ", "(", ")", "x.py:3", "\"", "'", "thread 'x' panicked at ", "seconds",
	"123e4567-e89b-12d3-a456-426614174000", "users", "AppData", "Local", "Temp"}

func TestMaskIsIdempotent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		line := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 200).Draw(t, "line"), "")
		once := signature.Mask(line)
		if again := signature.Mask(once); again != once {
			t.Fatalf("%q becomes %q becomes %q", line, once, again)
		}
		checkSignature(t, line, line)
	})
}

type fataler interface{ Fatalf(string, ...any) }

func checkSignature(t fataler, message, output string) {
	s := signature.Of(message, output)
	if len(s.Line) > signature.MaxLine || len(s.Frame) > signature.MaxLine || s.Key != "" && len(s.Key) != signature.KeyLength ||
		(s.Key == "") != (s.Line == "") || strings.ContainsAny(s.Line+s.Frame, "\n\x1b0123456789") {
		t.Fatalf("the signature of %q, %q is %+v", message, output, s)
	}
	if signature.Mask(s.Line) != s.Line || signature.Mask(s.Frame) != s.Frame {
		t.Fatalf("%+v is not masked", s)
	}
	if signature.Of(message, output) != s {
		t.Fatalf("%+v is not stable", s)
	}
}

func FuzzOf(f *testing.F) {
	for _, text := range failures(f) {
		f.Add(text, text)
	}
	f.Add(strings.Join(pieces, ""), strings.Join(pieces, " "))
	f.Fuzz(func(t *testing.T, message, output string) { checkSignature(t, message, output) })
}

func BenchmarkOf(b *testing.B) {
	hostile := strings.Repeat("at /a/b:1:2 0x 10:11:12 at x(\n", 5000)
	for b.Loop() {
		signature.Of(hostile, hostile)
	}
}

func BenchmarkOfShort(b *testing.B) {
	for b.Loop() {
		signature.Of("upper_test.go:41: Upper(\"a\") = 12, want 17", "    upper_test.go:41: Upper(\"a\") = 12, want 17")
	}
}
