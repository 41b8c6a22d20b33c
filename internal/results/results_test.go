package results_test

import (
	"bytes"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/results"
	"github.com/weir-ci/weir/internal/results/resultstest"
)

func TestRules(t *testing.T) {
	t.Parallel()
	for _, r := range results.Rules() {
		if got := results.Mask(r.Example); got != r.Masked {
			t.Errorf("%s: Mask(%q) = %q, want %q", r.Name, r.Example, got, r.Masked)
		}
		if got := results.Mask(r.Masked); got != r.Masked {
			t.Errorf("%s: masking again changes %q to %q", r.Name, r.Masked, got)
		}
	}
}

func TestMaskKeepsWhatMeansSomething(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"TestSHA256/0xff", "test_add[1-2]", "test_color[0x12345]", "TestIPv6/::1", "case #02", "parse 2026-11-20",
		"src/tmp/file", "mytmp/x", "/tmp", "/tmp/", "deadbeef-1234", "v1.2.3", "a0x1234567", "0x1234567g", "C:\\Users\\ann\\src",
	} {
		if got := results.Mask(name); got != name {
			t.Errorf("Mask(%q) = %q", name, got)
		}
	}
}

func TestMaskNeighbours(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"0x123456/tmp/a":                                            "<ptr><tmp>",
		"0xABCDEF0123,0Xabcdef":                                     "<ptr>,<ptr>",
		"/tmp//tmp/x":                                               "/tmp/<tmp>",
		"at(/private/tmp/x1/y)":                                     "at(<tmp>/y)",
		`C:\\Windows\\Temp\\a1\\b`:                                  `<tmp>\\b`,
		"c:/Users/Ann B/AppData/Local/Temp/T1/001/x":                "<tmp>/x",
		"t_123E4567-E89B-12D3-A456-426614174000_x":                  "t_<uuid>_x",
		"/tmp/pytest-of-ci/pytest-3/test_a0/f and /tmp/pytest-of-x": "<tmp>/test_a0/f and <tmp>",
	} {
		if got := results.Mask(in); got != want {
			t.Errorf("Mask(%q) = %q, want %q", in, got, want)
		}
	}
}

func result(suite, name string, s weir.Status) weir.Result {
	return weir.Result{Test: weir.TestID{Suite: suite, Name: name}, Status: s}
}

func TestNormalise(t *testing.T) {
	t.Parallel()
	in := weir.ResultSet{Results: []weir.Result{
		result("s", "b at 0x1234567", weir.Pass),
		result("s", "b at 0x7654321", weir.Fail),
		result("s", "b at <ptr>#03", weir.Pass),
		result("s", "b at 0x9999999", weir.Skip),
		result("s", "a", weir.Fail),
		result("s", "a", weir.Pass),
		result("/tmp/x1/s", "c", weir.Fail),
		result("/tmp/x1/s", "c", weir.Fault),
		result("s", "b at 0x1234567", weir.Pass),
	}}
	want := []weir.Result{
		{Test: weir.TestID{Suite: "<tmp>/s", Name: "c"}, Raw: "/tmp/x1/s c", Status: weir.Fault},
		{Test: weir.TestID{Suite: "s", Name: "a"}, Status: weir.Pass, Mixed: true},
		{Test: weir.TestID{Suite: "s", Name: "b at <ptr>"}, Raw: "b at 0x1234567", Status: weir.Pass},
		{Test: weir.TestID{Suite: "s", Name: "b at <ptr>#02"}, Raw: "b at 0x7654321", Status: weir.Fail},
		{Test: weir.TestID{Suite: "s", Name: "b at <ptr>#03"}, Status: weir.Pass},
		{Test: weir.TestID{Suite: "s", Name: "b at <ptr>#04"}, Raw: "b at 0x9999999", Status: weir.Skip},
	}
	got := results.Normalise(in).Results
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

func TestTextsAreCleanAndCut(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 100<<10)
	set := results.Normalise(weir.ResultSet{
		Results: []weir.Result{
			{Test: weir.TestID{Suite: long, Name: long + "1"}, Status: weir.Fail, Message: "first" + long, Output: long + "last", Duration: -1},
			{Test: weir.TestID{Suite: long, Name: long + "2"}, Status: weir.Fail, Duration: 1 << 62},
			{Test: weir.TestID{Name: "a\x00b\n\u202ec\xff"}, Status: weir.Fail,
				Message: "\x1b[31mred\x1b[0m \x07 \u202e \xff\r\nnext", Output: "x\ry"},
		},
		Incidents: []weir.Incident{{Kind: weir.Exited, Suite: long, Test: long, Message: long}, {Kind: weir.Exited, Suite: long, Test: long}},
	})
	resultstest.Check(t, set)
	if len(set.Results) != 3 || len(set.Incidents) != 1 {
		t.Fatalf("got %d results, %d incidents", len(set.Results), len(set.Incidents))
	}
	odd, cut, capped := set.Results[0], set.Results[1], set.Results[2]
	if odd.Test.Name != `a\x00b\n\u202ec`+"\ufffd" || odd.Message != "red \ufffd \ufffd \ufffd\nnext" || odd.Output != "x\ny" {
		t.Errorf("got %q %q %q", odd.Test.Name, odd.Message, odd.Output)
	}
	if capped.Duration > cut.Duration {
		cut, capped = capped, cut
	}
	if capped.Duration != 0 || cut.Duration != results.MaxDuration {
		t.Errorf("durations %v, %v", capped.Duration, cut.Duration)
	}
	if !strings.HasPrefix(capped.Message, "firsté") || !strings.HasSuffix(capped.Output, "élast") {
		t.Error("a message keeps its head, an output its tail")
	}
}

func genSet(t *rapid.T) weir.ResultSet {
	name := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"a", "b", "x 0x1234567", "x 0x7654321", "/tmp/q/x", "x <ptr>#02"}))
	suite := name.Filter(func(s string) bool { return s != weir.StepSuite })
	var set weir.ResultSet
	for range rapid.IntRange(0, 20).Draw(t, "results") {
		set.Results = append(set.Results, weir.Result{
			Test:     weir.TestID{Suite: suite.Draw(t, "suite"), Name: name.Draw(t, "name")},
			Raw:      rapid.SampledFrom([]string{"", "", "r"}).Draw(t, "raw"),
			Status:   rapid.SampledFrom([]weir.Status{weir.Pass, weir.Fail, weir.Fault, weir.Skip, weir.ExpectedFailure}).Draw(t, "status"),
			Duration: time.Duration(rapid.Int64().Draw(t, "duration")),
			Message:  rapid.String().Draw(t, "message"),
			Output:   rapid.String().Draw(t, "output"),
			Mixed:    rapid.Bool().Draw(t, "mixed"),
		})
	}
	for range rapid.IntRange(0, 5).Draw(t, "incidents") {
		set.Incidents = append(set.Incidents, weir.Incident{
			Kind:  rapid.SampledFrom(weir.IncidentKinds()).Draw(t, "kind"),
			Suite: name.Draw(t, "suite"), Test: name.Draw(t, "test"), Message: rapid.String().Draw(t, "message"),
		})
	}
	return set
}

// What is normal stays as it is, through the codec too.
func TestNormalIsStable(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		resultstest.Check(t, results.Normalise(genSet(rt)))
	})
}

func TestEncodeRefuses(t *testing.T) {
	t.Parallel()
	for _, set := range []weir.ResultSet{
		{Results: []weir.Result{result("s", "a", weir.Absent)}},
		{Results: []weir.Result{result("s", "a", "great")}},
		{Incidents: []weir.Incident{{Kind: "meteor"}}},
	} {
		if err := results.Encode(io.Discard, set); weir.CodeOf(err) != weir.Invalid {
			t.Errorf("%+v: %v", set, err)
		}
	}
}

func blob(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.WriteString(z, text)
	if err2 := z.Close(); err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	return b.Bytes()
}

const head = `{"format":"weir-results","version":1,`

func TestCoarse(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]time.Duration{
		-1: 0, 0: 0, 99 * time.Millisecond: 0, 104 * time.Millisecond: 100 * time.Millisecond, 949 * time.Millisecond: 900 * time.Millisecond,
		950 * time.Millisecond: time.Second, 12 * time.Second: 10 * time.Second, 1 << 62: results.MaxDuration,
	} {
		got := results.Coarse(d)
		if got != want || results.Coarse(got) != got {
			t.Errorf("%v is kept as %v, and then as %v, not %v", d, got, results.Coarse(got), want)
		}
	}
}

// TestOnlyDurationsDiffer: what is stored of two runs of the same tests is the same.
func TestOnlyDurationsDiffer(t *testing.T) {
	t.Parallel()
	var blobs []string
	for run := range 2 {
		var set weir.ResultSet
		for i := range 100 {
			set.Results = append(set.Results, weir.Result{Test: weir.TestID{Suite: "s", Name: strconv.Itoa(i)}, Status: weir.Pass,
				Duration: time.Duration(i%10+run) * time.Millisecond})
		}
		var b strings.Builder
		if err := results.Encode(&b, set); err != nil {
			t.Fatal(err)
		}
		blobs = append(blobs, b.String())
	}
	if blobs[0] != blobs[1] {
		t.Error("results differ because tests took a millisecond longer")
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	for text, code := range map[string]weir.Code{
		"":                                      weir.Invalid,
		"[]\n":                                  weir.Invalid,
		"{}\n":                                  weir.Invalid,
		head + `"results":1}`:                   weir.Invalid,
		head + `"results":0}` + "\n{}":          weir.Invalid,
		head + `"results":-1}`:                  weir.Invalid,
		head + `"results":2000001}`:             weir.TooLarge,
		head + `"incidents":10001}`:             weir.TooLarge,
		`{"format":"weir-results","version":2}`: weir.Unsupported,
		head + `"results":1}` + "\n" + `{"test":{"name":"a"},"status":"absent"}`:              weir.Invalid,
		head + `"results":1}` + "\n" + `{"test":{"name":"a"},"status":"great"}`:               weir.Invalid,
		head + `"results":1}` + "\n" + `{"test":{"name":1},"status":"pass"}`:                  weir.Invalid,
		head + `"results":1}` + "\n" + strings.Repeat("x", results.MaxDecodedLine+1):          weir.Invalid,
		head + `"incidents":1}` + "\n" + `{"kind":"meteor"}`:                                  weir.Invalid,
		head + `"results":1}` + "\n" + `{"test":{"name":"` + strings.Repeat("x", 100) + `"}}`: weir.Invalid,
	} {
		if _, err := results.Decode(bytes.NewReader(blob(t, text))); weir.CodeOf(err) != code {
			t.Errorf("%.80q: got %v, want %s", text, err, code)
		}
	}
	if _, err := results.Decode(strings.NewReader("no zstd")); weir.CodeOf(err) != weir.Invalid {
		t.Errorf("not compressed: %v", err)
	}
}

func TestDecodeCleans(t *testing.T) {
	t.Parallel()
	text := head + `"results":3}` + "\n" +
		`{"test":{"name":"b` + "\xff" + `"},"status":"pass"}` + "\n" +
		`{"test":{"name":"a"},"status":"fail"}` + "\n" +
		`{"test":{"name":"a"},"status":"pass","message":"` + strings.Repeat(`\u0000`, 5000) + `"}` + "\n"
	set, err := results.Decode(bytes.NewReader(blob(t, text)))
	if err != nil || len(set.Results) != 2 || !set.Results[0].Mixed || set.Results[1].Test.Name != "b\ufffd" {
		t.Fatalf("got %v, %v", set, err)
	}
	resultstest.Check(t, set)
}

func TestEveryPrefixOfABlobIsRefused(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := results.Encode(&b, many(50)); err != nil {
		t.Fatal(err)
	}
	for n := range b.Len() {
		if set, err := results.Decode(bytes.NewReader(b.Bytes()[:n])); err == nil {
			t.Fatalf("prefix of %d of %d bytes: %d results", n, b.Len(), len(set.Results))
		}
	}
}

func FuzzDecode(f *testing.F) {
	var b bytes.Buffer
	if err := results.Encode(&b, many(3)); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes(), false)
	f.Add([]byte(head+`"results":1,"incidents":1}`+"\n"+`{"test":{"name":"a"},"status":"pass"}`+"\n"+`{"kind":"exit"}`), true)
	f.Fuzz(func(t *testing.T, in []byte, compress bool) {
		if compress {
			in = blob(t, string(in))
		}
		set, err := results.Decode(bytes.NewReader(in))
		if err != nil {
			return
		}
		for _, r := range set.Results {
			if r.Test.Suite == weir.StepSuite {
				return // Check is for sets from files, which have no steps
			}
		}
		resultstest.Check(t, set)
	})
}

// TestCheckIsDecode holds what is counted on the way against what is decoded.
func TestCheckIsDecode(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var b bytes.Buffer
		if err := results.Encode(&b, genSet(t)); err != nil {
			t.Fatal(err)
		}
		set, err := results.Decode(bytes.NewReader(b.Bytes()))
		counts, normal, err2 := results.Check(bytes.NewReader(b.Bytes()))
		if err != nil || err2 != nil || !normal || counts != set.Count() {
			t.Fatalf("%+v, normal %v, %v, %v, want %+v", counts, normal, err, err2, set.Count())
		}
	})
	const head = `{"format":"weir-results","version":1,`
	for _, lines := range []string{`{"test":{"name":"b"},"status":"pass"}` + "\n" + `{"test":{"name":"a"},"status":"pass"}`,
		`{"test":{"name":"a"},"status":"pass"}` + "\n" + `{"test":{"name":"a"},"status":"fail"}`,
		`{"test":{"name":"a"},"status":"pass"}` + "\n" + ` {"status":"pass","test":{"suite":"0x123456","name":"b"}}`} {
		_, normal, err := results.Check(bytes.NewReader(blob(t, head+`"results":2,"incidents":0}`+"\n"+lines+"\n")))
		if normal || err != nil {
			t.Errorf("%s: normal %v, %v", lines, normal, err)
		}
	}
}

// TestLines holds lines as Encode writes them against lines that say the same
// in other words.
func TestLines(t *testing.T) {
	t.Parallel()
	const head = `{"format":"weir-results","version":1,"results":1,"incidents":0}` + "\n"
	for _, line := range []string{
		`{"test":{"suite":"s","name":"n"},"status":"pass"}`,
		`{"test":{"name":"n"},"status":"skip","message":"m"}`,
		`{"test":{"suite":"s","name":"n"},"raw":"r","status":"fail","duration":200000000,"message":"m","output":"o","mixed":true}`,
	} {
		plain, err := results.Decode(bytes.NewReader(blob(t, head+line+"\n")))
		other, err2 := results.Decode(bytes.NewReader(blob(t, head+" "+strings.Replace(line, `"n"`, `"\u006e"`, 1)+" \n")))
		if err != nil || err2 != nil || !reflect.DeepEqual(plain, other) || plain.Results[0].Test.Name != "n" {
			t.Errorf("%s: %+v, %+v, %v, %v", line, plain, other, err, err2)
		}
	}
	for _, line := range []string{`{"test":{"name":"n"},"status":"pass"`, `{"test":{"name":"n"},"status":"pass"}}`,
		`{"test":{"name":"n"},"status":"absent"}`, `{"test":{"name":"n"},"status":"odd"}`, `{"test":{"name":"n","status":"pass"}`,
		`{"test":{"name":"n"},"status":"pass","duration":}`, `{"test":{"name":"n"},"status":"pass","duration":01}`} {
		if set, err := results.Decode(bytes.NewReader(blob(t, head+line+"\n"))); weir.CodeOf(err) != weir.Invalid {
			t.Errorf("%s: %+v, %v", line, set, err)
		}
	}
}

func many(n int) weir.ResultSet {
	var set weir.ResultSet
	for i := range n {
		r := weir.Result{Test: weir.TestID{Suite: fmt.Sprintf("example.com/p%d", i%50), Name: fmt.Sprintf("TestNumber%d/sub", i)},
			Status: weir.Pass, Duration: time.Duration(i) * time.Millisecond}
		if i%20 == 0 {
			r.Status, r.Message = weir.Fail, "a_test.go:12: got 1, want 2"
		}
		set.Results = append(set.Results, r)
	}
	return set
}

func BenchmarkEncode10000(b *testing.B) {
	set := many(10_000)
	b.ReportAllocs()
	var blob bytes.Buffer
	for b.Loop() {
		blob.Reset()
		if err := results.Encode(&blob, set); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(blob.Len()), "blob-bytes")
}

func BenchmarkDecode10000(b *testing.B) {
	var blob bytes.Buffer
	if err := results.Encode(&blob, many(10_000)); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if set, err := results.Decode(bytes.NewReader(blob.Bytes())); err != nil || len(set.Results) != 10_000 {
			b.Fatal(len(set.Results), err)
		}
	}
}
