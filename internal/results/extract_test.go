package results

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/weir-ci/weir"
)

func TestExtract(t *testing.T) {
	t.Parallel()
	var set weir.ResultSet
	for i := range 1000 {
		r := weir.Result{Test: weir.TestID{Suite: "s", Name: fmt.Sprintf(`%03d,"status":"fail","mixed":true`, i)}, Status: weir.Pass}
		switch {
		case i%100 == 99:
			r.Status, r.Message = weir.Fail, "<broke>"
		case i%100 == 98:
			r.Mixed = true
		case i%100 == 97:
			r.Status = weir.Skip
		}
		set.Results = append(set.Results, r)
	}
	set.Incidents = []weir.Incident{{Kind: weir.TimedOutTest, Suite: "s", Message: "too long"}}
	var blob bytes.Buffer
	if err := Encode(&blob, set); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		read    func() (Extract, error)
		name    string
		want    string
		omitted int
	}{
		{func() (Extract, error) { return ExtractBad(bytes.NewReader(blob.Bytes()), 15) }, "bad", "99 199 299 399 499 599 699 799 899 999 98 198 298 398 498", 5},
		{func() (Extract, error) { return ExtractBad(bytes.NewReader(blob.Bytes()), 3) }, "three", "99 199 299", 17},
		{func() (Extract, error) { return ExtractAll(bytes.NewReader(blob.Bytes()), 32) }, "all",
			"99 199 299 399 499 599 699 799 899 999 98 198 298 398 498 598 698 798 898 998 97 197 297 397 497 597 697 797 897 997 0 1", 968},
	} {
		x, err := c.read()
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, r := range x.Results {
			var n int
			if _, err := fmt.Sscanf(r.Test.Name, "%d", &n); err != nil {
				t.Fatal(err)
			}
			got += fmt.Sprint(n, " ")
		}
		if got != c.want+" " || x.Omitted != c.omitted || len(x.Incidents) != 1 || x.Results[0].Message != "<broke>" {
			t.Errorf("%s: %s, %d omitted, %d incidents", c.name, got, x.Omitted, len(x.Incidents))
		}
	}
	for n := range blob.Len() {
		if _, err := ExtractBad(bytes.NewReader(blob.Bytes()[:n]), 10); weir.CodeOf(err) != weir.Invalid {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
}

func BenchmarkExtract(b *testing.B) {
	var set weir.ResultSet
	for i := range 100_000 {
		set.Results = append(set.Results, weir.Result{Test: weir.TestID{Suite: "some/package/of/the/farm", Name: fmt.Sprint("TestWhatItDoes/case_", i)},
			Status: weir.Pass, Duration: 1_000_000})
	}
	var blob bytes.Buffer
	if err := Encode(&blob, set); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ExtractBad(bytes.NewReader(blob.Bytes()), 500); err != nil {
			b.Fatal(err)
		}
	}
}
