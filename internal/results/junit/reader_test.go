package junit_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/results"
	"github.com/weir-ci/weir/internal/results/junit"
	"github.com/weir-ci/weir/internal/results/resultstest"
)

var update = resultstest.UpdateFlag()

func TestGolden(t *testing.T) {
	t.Parallel()
	resultstest.Golden(t, "*.xml", junit.Read, *update)
}

// However a file is cut, the cases before the cut are there and nothing else is.
func TestEveryPrefixIsSalvaged(t *testing.T) {
	t.Parallel()
	whole, err := os.ReadFile("testdata/surefire.xml")
	if err != nil {
		t.Fatal(err)
	}
	for n := bytes.Index(whole, []byte(`failures="4">`)) + 13; n < len(whole)-1; n += 7 {
		set, err := junit.Read(bytes.NewReader(whole[:n]))
		if err != nil {
			t.Fatalf("prefix of %d bytes: %v", n, err)
		}
		ended := bytes.Count(whole[:n], []byte("</testcase>")) + min(1, bytes.Count(whole[:n], []byte(`time="0.004"/>`)))
		if len(set.Results) != ended {
			t.Fatalf("prefix of %d bytes: %d results, want %d", n, len(set.Results), ended)
		}
		if !truncated(set) && !bytes.Contains(whole[:n], []byte("</testsuite>")) {
			t.Fatalf("prefix of %d bytes: no incident", n)
		}
	}
}

func truncated(set weir.ResultSet) bool {
	for _, i := range set.Incidents {
		if i.Kind == weir.Truncated {
			return true
		}
	}
	return false
}

func TestReadErrorIsReturned(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk on fire")
	in := io.MultiReader(strings.NewReader(`<testsuite><testcase name="a"/>`), iotest.ErrReader(broken))
	if _, err := junit.Read(in); !errors.Is(err, broken) {
		t.Fatalf("got %v", err)
	}
}

func TestUTF16(t *testing.T) {
	t.Parallel()
	in := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(`<testsuite name="s"><testcase name="ünï 😀"/></testsuite>`)) {
		in = append(in, byte(u), byte(u>>8))
	}
	set, err := junit.Read(bytes.NewReader(in))
	if err != nil || len(set.Results) != 1 || set.Results[0].Test.Name != "ünï 😀" {
		t.Fatalf("got %v, %v", set, err)
	}
}

func TestHugePieces(t *testing.T) {
	t.Parallel()
	huge := strings.Repeat("0123456789abcde\n", 1<<17) // 2 MiB
	pieces := map[string]string{
		"text":      `<testcase name="a"><system-out>` + huge + "end</system-out></testcase>",
		"cdata":     `<testcase name="a"><system-out><![CDATA[` + huge + "end]]></system-out></testcase>",
		"entities":  `<testcase name="a"><system-out>` + strings.Repeat("&lt;", 1<<19) + "end</system-out></testcase>",
		"attribute": `<testcase name="a"><failure message="` + huge + `" type="end"/></testcase>`,
		"attributes": `<testcase name="a" ` + strings.Repeat(`x="y" `, 1<<18) + `/><testcase name="a"/>` +
			`<testcase name="a"><system-out>end</system-out></testcase>`,
		"comment": `<!--` + huge + `--><testcase name="a"><system-out>end</system-out></testcase>`,
		"name":    `<` + strings.Repeat("x", 1<<21) + `><testcase name="a"><system-out>end</system-out></testcase>`,
	}
	for name, piece := range pieces {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set, err := junit.Read(strings.NewReader("<testsuites>" + piece + "</testsuites>"))
			if err != nil {
				t.Fatal(err)
			}
			resultstest.Check(t, set)
			if len(set.Results) != 1 || set.Results[0].Test.Name != "a" || len(set.Incidents) != 0 {
				t.Fatalf("got %.400v", resultstest.Text(set))
			}
			if name != "attribute" && set.Results[0].Status == weir.Fail {
				t.Fatalf("got %v", set.Results[0].Status)
			}
		})
	}
}

// caseStream writes n test cases with output and never holds them.
type caseStream struct {
	n    int
	rest []byte
}

func (s *caseStream) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		if s.n < 0 {
			return 0, io.EOF
		}
		if s.n == 0 {
			s.rest = []byte("</testsuite>")
		} else {
			s.rest = fmt.Appendf(nil, "<testcase classname=\"c\" name=\"n%d\"><system-out>%s</system-out></testcase>\n",
				s.n, strings.Repeat("some output\n", 300))
		}
		s.n--
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

func TestLimits(t *testing.T) {
	t.Parallel()
	stream := func() io.Reader {
		return io.MultiReader(strings.NewReader(`<testsuite name="s">`), &caseStream{n: 500})
	}
	set, err := junit.ReadLimited(stream(), results.Limits{Input: 100 << 10})
	if err != nil || len(set.Results) == 0 || len(set.Results) > 30 || !truncated(set) {
		t.Fatalf("input limit: %d results, %v, %v", len(set.Results), set.Incidents, err)
	}
	set, err = junit.ReadLimited(stream(), results.Limits{Results: 10})
	if err != nil || len(set.Results) != 10 || !truncated(set) {
		t.Fatalf("result limit: %d results, %v, %v", len(set.Results), set.Incidents, err)
	}
	set, err = junit.ReadLimited(stream(), results.Limits{Text: 10 << 10})
	text := 0
	for _, r := range set.Results {
		text += len(r.Output)
	}
	if err != nil || len(set.Results) != 500 || text == 0 || text > 10<<10 {
		t.Fatalf("text limit: %d results, %d bytes, %v", len(set.Results), text, err)
	}
}

func FuzzRead(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.xml")
	for _, file := range files {
		in, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		set, err := junit.Read(bytes.NewReader(in))
		if err != nil && weir.CodeOf(err) != weir.Invalid {
			t.Fatalf("unexpected error: %v", err)
		}
		resultstest.Check(t, set)
	})
}

func BenchmarkRead10000(b *testing.B) {
	in, err := io.ReadAll(io.MultiReader(strings.NewReader(`<testsuite name="s">`), &caseStream{n: 10_000}))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		set, err := junit.Read(bytes.NewReader(in))
		if err != nil || len(set.Results) != 10_000 {
			b.Fatal(len(set.Results), err)
		}
	}
}
