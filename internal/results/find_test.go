package results

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/weir-ci/weir"
)

func TestFind(t *testing.T) {
	t.Parallel()
	var set weir.ResultSet
	for i := range 300 {
		set.Results = append(set.Results, weir.Result{Test: weir.TestID{Suite: "s", Name: fmt.Sprintf("Test/<%d>", i)}, Status: weir.Pass, Duration: time.Duration(i) * time.Second})
	}
	odd := weir.TestID{Suite: "s", Name: "ß \"–\" 名"}
	set.Results = append(set.Results, weir.Result{Test: weir.TestID{Suite: "other", Name: "Test/<7>"}, Status: weir.Skip},
		weir.Result{Test: odd, Status: weir.Fail, Duration: time.Second})
	var blob bytes.Buffer
	if err := Encode(&blob, set); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		test  weir.TestID
		found bool
		took  time.Duration
	}{
		{weir.TestID{Suite: "s", Name: "Test/<7>"}, true, 7 * time.Second}, {odd, true, time.Second},
		{weir.TestID{Suite: "s", Name: "Test/<70000>"}, false, 0}, {weir.TestID{Suite: "s"}, false, 0}, {weir.TestID{Name: "Test/<7>"}, false, 0},
	} {
		r, found, err := Find(bytes.NewReader(blob.Bytes()), c.test)
		if err != nil || found != c.found || r.Duration != c.took {
			t.Errorf("%s: %+v, %v, %v", c.test, r, found, err)
		}
	}
	for _, bad := range [][]byte{nil, []byte("no"), blob.Bytes()[:blob.Len()/2]} {
		if _, _, err := Find(bytes.NewReader(bad), odd); err == nil {
			t.Errorf("%d damaged bytes are read", len(bad))
		}
	}
}

func BenchmarkFind(b *testing.B) {
	var set weir.ResultSet
	for i := range 2000 {
		set.Results = append(set.Results, weir.Result{Test: weir.TestID{Suite: "mill/text", Name: fmt.Sprintf("TestUpper/case_%d", i)}, Status: weir.Pass, Duration: time.Duration(i)})
	}
	var blob bytes.Buffer
	if err := Encode(&blob, set); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, found, err := Find(bytes.NewReader(blob.Bytes()), weir.TestID{Suite: "mill/text", Name: "TestUpper/case_1999"}); !found || err != nil {
			b.Fatal(found, err)
		}
	}
}
