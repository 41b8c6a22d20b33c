package boards

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// TestManyReaders reads the past of more builders than one reader takes in, and finds what
// a single one finds, in the same order.
func TestManyReaders(t *testing.T) {
	t.Parallel()
	w := newWorld()
	var of []store.Before
	for i := range 2*eachRead + 3 {
		b := w.builder(fmt.Sprint("mill", i), "test", "linux/amd64", "brook")
		of = append(of, store.Before{Builder: b.ID})
	}
	slices.Reverse(of)
	for i := range 3 * len(of) {
		w.build(w.builders[i%len(of)], weir.Pins{"brook": "brook-1"}, weir.Passed, 0, i)
	}
	p := newPlaces(w, line{project: "brook"})
	for i := range of {
		of[i].Build = weir.BuildID(len(w.builds) - i)
	}
	want := ok[[]store.BoardBuild](t)(w.Earlier(t.Context(), of, 2))
	got := ok[[]store.BoardBuild](t)(p.earlier(t.Context(), of, 2))
	if len(want) < len(of) || !reflect.DeepEqual(got, want) {
		t.Errorf("%d builds, want %d", len(got), len(want))
	}
}
