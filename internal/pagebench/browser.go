package pagebench

import (
	"context"
	"errors"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/chromium"
	"github.com/weir-ci/weir/internal/store"
)

// changes is how many events the browser is to show.
const changes = 10

// painted tells when the page was first painted, in milliseconds since it was asked for.
const painted = `new Promise((done) => {
	const look = () => {
		const e = performance.getEntriesByName("first-contentful-paint")[0];
		e ? done(e.startTime) : requestAnimationFrame(look);
	};
	look();
})`

// watch notes when the content of the page shows something that it did not show before.
const watch = `(() => {
	const content = document.querySelector("#content") || document.body;
	window.benchChanged = 0;
	window.benchText = content.innerText;
	window.benchObserver?.disconnect();
	window.benchObserver = new MutationObserver(() => {
		const now = (document.querySelector("#content") || document.body).innerText;
		if (!window.benchChanged && now !== window.benchText) window.benchChanged = performance.timeOrigin + performance.now();
	});
	window.benchObserver.observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
	return true;
})()`

// Browse looks at the overview with a browser: when it is first painted, and how long
// it takes until it shows that something has happened.
func (s *Server) Browse(ctx context.Context) (paint time.Duration, after []time.Duration, err error) {
	browser, err := chromium.Start(ctx)
	if err != nil {
		return 0, nil, err
	}
	defer func() { err = errors.Join(err, browser.Close()) }()
	tab, err := browser.Tab(ctx)
	if err != nil {
		return 0, nil, err
	}
	if err := tab.Goto(ctx, s.URL+"/"); err != nil {
		return 0, nil, err
	}
	at, err := chromium.Eval[float64](ctx, tab, painted)
	if err != nil {
		return 0, nil, err
	}
	paint = time.Duration(at * float64(time.Millisecond))
	newest, err := s.farm.db.Lately(ctx, nil, 1)
	if err != nil {
		return paint, nil, err
	}
	for i := range changes {
		if err := pause(ctx, 1500*time.Millisecond); err != nil { // what came before is over
			return paint, after, err
		}
		if err := tab.Do(ctx, watch); err != nil {
			return paint, after, err
		}
		b := newest[len(newest)-1-i]
		if _, _, err := s.farm.db.CreateRun(ctx, store.NewRun{Cause: weir.CauseForce, Project: projectName(1), Reason: "to see it come", Now: time.Now(),
			Builds: []store.NewBuild{{Builder: b.Builder, Pins: b.Pins, Share: store.ShareNone}}}); err != nil {
			return paint, after, err
		}
		told := time.Now()
		took, err := shown(ctx, tab, told)
		if err != nil {
			return paint, after, err
		}
		after = append(after, took)
	}
	return paint, after, nil
}

// shown waits until the page has changed.
func shown(ctx context.Context, tab *chromium.Tab, told time.Time) (time.Duration, error) {
	for range 500 {
		at, err := chromium.Eval[float64](ctx, tab, "window.benchChanged")
		if err != nil {
			return 0, err
		}
		if at > 0 {
			return time.UnixMicro(int64(at * 1000)).Sub(told), nil
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return 0, err
		}
	}
	return 0, errors.New("the overview does not show that a build waits")
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
