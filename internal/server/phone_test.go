package server_test

import (
	"testing"
	"time"

	"github.com/weir-ci/weir/internal/browsertest"
	"github.com/weir-ci/weir/internal/farm/views"
	"github.com/weir-ci/weir/internal/server"
	"github.com/weir-ci/weir/internal/server/servertest"
)

// TestWaterfallOnPhone looks at the times beside a waterfall: on a phone they leave the
// room to the builds, and can be read and touched all the same.
func TestWaterfallOnPhone(t *testing.T) {
	t.Parallel()
	db, now := smallFarm(t)
	clock := func() time.Time { return now }
	h, err := server.New(server.Options{Farm: servertest.Demo(), Views: views.New(views.Options{Store: db, Now: clock}), Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	s, tab := host(t, h), browsertest.Open(t)
	type axis struct {
		Width        float64 // of the axis, in pixels
		Times, Marks int     // that are seen
		Out          string  // what sticks out
		Reach        float64 // how wide a mark is for a finger, in pixels
	}
	measure := func(l browsertest.Look) axis {
		t.Helper()
		tab.Look(l)
		tab.Goto(s.URL + "/waterfall")
		return browsertest.Eval[axis](tab, `(() => {
			const axis = document.querySelector(".fall-axis"), box = axis.getBoundingClientRect();
			const seen = (all) => [...all].filter((e) => e.checkVisibility());
			const times = seen(axis.querySelectorAll(":scope > text")), marks = seen(axis.querySelectorAll(".came path"));
			const out = [...times, ...marks].filter((e) => e.getBoundingClientRect().left < box.left || e.getBoundingClientRect().right > box.right);
			let reach = 0;
			marks[0].scrollIntoView({ block: "center" });
			const at = marks[0].getBoundingClientRect();
			for (let x = at.left - 20; x < at.right + 20; x++) {
				if (document.elementFromPoint(x, (at.top + at.bottom) / 2)?.closest(".came")) reach++;
			}
			return { Width: box.width, Times: times.length, Marks: marks.length, Out: out.map((e) => e.outerHTML).join(" "), Reach: reach };
		})()`)
	}
	for _, l := range []browsertest.Look{{Width: 390}, {Width: 390, Dark: true}, {Width: 1200}} {
		a := measure(l)
		if l.Width < 600 && (a.Width > 70 || a.Reach < 12) || a.Width > 160 {
			t.Errorf("%s: the times take %.0f pixels, a mark %.0f", l, a.Width, a.Reach)
		}
		if a.Times == 0 || a.Marks == 0 || a.Out != "" {
			t.Errorf("%s: %d times, %d marks, and what does not fit: %s", l, a.Times, a.Marks, a.Out)
		}
		shoot(t, tab, "waterfall-"+l.String())
	}
}
