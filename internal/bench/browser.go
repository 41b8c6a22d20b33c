package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/chromium"
)

// watchPage notes when a time in nanoseconds first shows in the page. Such
// numbers are too long for JavaScript and stay text.
const watchPage = `(() => {
	window.benchSeen = {};
	const look = (text) => {
		const now = performance.timeOrigin + performance.now();
		for (const n of (text || "").match(/\b\d{19}\b/g) || []) window.benchSeen[n] ??= now;
	};
	look(document.body.textContent);
	window.benchSeen = Object.fromEntries(Object.keys(window.benchSeen).map((n) => [n, 0])); // there already
	new MutationObserver((list) => {
		for (const m of list) {
			if (m.type === "characterData") look(m.target.data);
			for (const n of m.addedNodes) look(n.textContent);
		}
	}).observe(document.body, { subtree: true, childList: true, characterData: true });
	return true;
})()`

// browser measures how long a printed line takes until it shows in the build's
// page, and until a program has it that follows the API.
func (b *Bench) browser(ctx context.Context, s Subject) (err error) {
	w, ok := s.(*Weir)
	if !ok {
		return fmt.Errorf("%s has no pages to look at", s.Name())
	}
	if err := up(ctx, s, 2); err != nil {
		return err
	}
	browser, err := chromium.Start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, browser.Close()) }()
	tab, err := browser.Tab(ctx)
	if err != nil {
		return err
	}
	after, err := w.lastEvent(ctx)
	if err != nil {
		return err
	}
	ids, err := w.force(ctx, JobDrip, 1)
	if err != nil {
		return err
	}
	if _, _, err := w.await(ctx, after, ids[0], func(b weir.Build) bool { return b.State == weir.Running || b.State.Final() }); err != nil {
		return err
	}
	var group errgroup.Group
	group.Go(func() error {
		delays, err := w.follow(ctx, after, ids[0])
		for _, d := range delays {
			b.add(s, "browser.api", seconds(d))
		}
		return err
	})
	err = tab.Goto(ctx, w.Page(int64(ids[0])))
	if err == nil {
		err = tab.Do(ctx, watchPage)
	}
	if gate := os.WriteFile(w.files.path("looked"), nil, 0o600); err != nil || gate != nil {
		return errors.Join(err, gate, group.Wait())
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if err := pause(ctx, b.size.idle); err != nil { // for the last lines
		return err
	}
	seen, err := chromium.Eval[map[string]float64](ctx, tab, "window.benchSeen")
	if err != nil {
		return err
	}
	for text, at := range seen {
		printed, err := strconv.ParseInt(text, 10, 64)
		if err == nil && at > 0 {
			b.add(s, "browser.line", at/1e3-float64(printed)/1e9)
		}
	}
	if len(b.samples["browser.line"]) == 0 {
		return errors.New("no line showed up in the browser")
	}
	return nil
}

// follow reads a build's log over the API as the event stream tells of it,
// to the build's end, and says how old each line was when it was read.
func (w *Weir) follow(ctx context.Context, after int64, id weir.BuildID) ([]time.Duration, error) {
	subject := strconv.FormatInt(int64(id), 10)
	var delays []time.Duration
	var line, step int64
	for {
		events, last, err := w.events(ctx, after)
		if err != nil {
			return delays, err
		}
		after = last
		if !slices.ContainsFunc(events, func(e weir.Event) bool {
			return e.Subject == subject && (e.Kind == weir.EventLog || e.Kind == weir.EventBuild)
		}) {
			continue
		}
		var piece client.LogPiece
		err = w.web.call(ctx, http.MethodGet, w.url("api/v1/builds/%d/attempts/1/steps/%d/log?line=%d", id, step, line), nil, &piece)
		now := time.Now()
		if err == nil {
			for _, printed := range parseStamps(string(piece.Text)) {
				delays = append(delays, now.Sub(printed))
				line++
			}
		}
		build, err := w.build(ctx, id)
		if err != nil || build.State.Final() {
			return delays, err
		}
	}
}
