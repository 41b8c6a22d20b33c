package presence

import (
	"testing"

	"github.com/weir-ci/weir"
)

func TestWatches(t *testing.T) {
	t.Parallel()
	var w Watches
	mine, removeMine := w.Add([]weir.AttemptID{{Build: 7, Number: 1}, {Build: 7, Number: 2}, {Build: 8, Number: 1}})
	other, removeOther := w.Add([]weir.AttemptID{{Build: 7, Number: 1}})
	for _, subject := range []string{"7", "7", "9", "", "no number", "99999999999999999999"} {
		w.Wake(subject)
	}
	if len(mine) != 1 || len(other) != 1 {
		t.Errorf("%d and %d wake-ups of build 7", len(mine), len(other))
	}
	<-mine
	<-other
	w.Wake("8")
	if len(mine) != 1 || len(other) != 0 {
		t.Errorf("%d and %d wake-ups of build 8", len(mine), len(other))
	}
	removeMine()
	removeOther()
	if len(w.byBuild) != 0 {
		t.Errorf("left behind: %v", w.byBuild)
	}
}
