package inquiry

import (
	"slices"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/bisect"
	"github.com/weir-ci/weir/internal/store"
)

func TestGuests(t *testing.T) {
	t.Parallel()
	victim := func(builder weir.BuilderID, name string, fixed weir.BuildID) weir.Victim {
		return weir.Victim{Builder: weir.Builder{ID: builder}, Test: weir.TestID{Name: name}, FixedIn: fixed}
	}
	r := weir.Regression{ID: 7, State: weir.Searching, Builder: weir.Builder{ID: 1},
		Victims: []weir.Victim{victim(2, "a", 0), victim(1, "a", 0), victim(2, "b", 5), victim(1, "c", 0)}}
	own := ownOf(r)
	if len(own) != 2 || own[0].Test.Name != "a" || own[1].Test.Name != "c" || len(r.Victims) != 4 {
		t.Fatalf("own are %+v", own)
	}
	e := &evidence{route: routeOf(leg("up", 3)), all: r.Victims, builder: 1}
	want := []weir.Observed{weir.ObservedNone, weir.ObservedBad, weir.ObservedNone, weir.ObservedGood}
	if got := e.ofAll([]weir.Observed{weir.ObservedBad, weir.ObservedGood}); !slices.Equal(got, want) {
		t.Errorf("said of all: %v", got)
	}
	for _, c := range []struct {
		kind       bisect.Kind
		kept, part int
	}{{bisect.Found, 4, 0}, {bisect.Range, 4, 0}, {bisect.Nobody, 2, 2}, {bisect.Environment, 2, 2}} {
		kept := slices.Clone(own)
		var u store.RegressionUpdate
		e.host(r, &kept, bisect.Finding{Kind: c.kind}, &u)
		parted := 0
		for _, p := range u.Split {
			parted += len(p.Victims)
			if p.ID != 0 || p.State != weir.Narrowed || p.Suspects.Last != 3 {
				t.Errorf("%s: parted as %+v", c.kind, p)
			}
		}
		if len(kept) != c.kept || parted != c.part {
			t.Errorf("%s: %d stay and %d part", c.kind, len(kept), parted)
		}
	}
}
