package weir_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
)

// TestBlameInJSON: what is not known is not there, and what is comes back.
func TestBlameInJSON(t *testing.T) {
	t.Parallel()
	plain, err := json.Marshal(weir.Regression{})
	if err != nil || strings.Contains(string(plain), "blame") || strings.Contains(string(plain), "corners") {
		t.Errorf("a regression without a blame is %s, %v", plain, err)
	}
	for _, blame := range weir.Blames() {
		r := weir.Regression{Blame: blame, Corners: []weir.Corner{{NewUpstream: true, Pins: weir.Pins{"up": "2", "d": "1"}, Build: 7, Said: weir.ObservedBad},
			{NewDownstream: true, Said: weir.ObservedNone, Unbuilt: true}}}
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var back weir.Regression
		if err := json.Unmarshal(data, &back); err != nil || back.Blame != blame || len(back.Corners) != 2 ||
			back.Corners[0].Pins["up"] != "2" || back.Corners[0].Build != 7 || !back.Corners[0].NewUpstream || !back.Corners[1].Unbuilt {
			t.Errorf("%s became %+v, %v", data, back, err)
		}
	}
	text, err := json.Marshal(weir.Corner{Pins: weir.Pins{}, Said: weir.ObservedGood})
	if want := `{"pins":{},"said":"good"}`; err != nil || string(text) != want {
		t.Errorf("a corner is %s, want %s (%v)", text, want, err)
	}
}
