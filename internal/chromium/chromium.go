// Package chromium drives a real Chromium without a window, for tests and
// benchmarks of pages.
//
// The protocol of the browser's developer tools invites races: a node that was
// found a moment ago is gone when its text is asked for, because a click has led to
// another document, or a live update has replaced the node. The verbs of a Tab
// cannot be caught out by that. Each asks the document that is there now, in one
// piece of JavaScript that finds and acts in one go; asks again if the document went
// away before it answered; and says that it has led somewhere only when the new
// document has loaded. None of them has a time limit of its own: all are bounded by
// the context that they are given, so that a busy machine is no error.
//
//	browser, err := chromium.Start(ctx)
//	defer browser.Close() // an error says that it has not ended
//	tab, err := browser.Tab(ctx)
//	err = tab.Goto(ctx, "http://localhost:8080/")
//	err = tab.Follow(ctx, `a[href="/builds"]`)
//	err = tab.Wait(ctx, `document.querySelectorAll("tr").length > 1`)
//	text, err := tab.Text(ctx, "h1")
package chromium

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// Bounds on the start and on the end of a browser, on a machine that is very busy.
const (
	startTime = 2 * time.Minute
	closeTime = time.Minute
)

// names are those of browsers that will do, as they are found on the PATH.
func names() []string {
	return []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable",
		"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"}
}

// find says where a browser is.
func find() (string, error) {
	for _, name := range names() {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("there is no Chromium on the PATH; on Debian or Ubuntu run: apt-get install -y chromium")
}

// Browser is a running Chromium, for any number of goroutines.
type Browser struct {
	ctx  context.Context
	stop func()
}

// Start starts a browser with a profile in a temporary directory. It runs until it
// is closed or ctx ends. An error says how to install a browser if there is none.
func Start(ctx context.Context) (*Browser, error) {
	path, err := find()
	if err != nil {
		return nil, err
	}
	ctx, kill := context.WithCancel(ctx)
	// The profile is made and removed by chromedp, which knows when the last of the
	// browser's processes is gone.
	ctx, stop := chromedp.NewExecAllocator(ctx, chromedp.ExecPath(path), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.Flag("lang", "en-US"), chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-extensions", true), chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("force-color-profile", "srgb"),
		// A busy machine is no reason to let a page sleep or to end it.
		chromedp.Flag("disable-hang-monitor", true), chromedp.Flag("disable-background-timer-throttling", true),
		chromedp.Flag("disable-backgrounding-occluded-windows", true), chromedp.Flag("disable-renderer-backgrounding", true))
	ctx, closeFirst := chromedp.NewContext(ctx)
	b := &Browser{ctx: ctx, stop: func() { kill(); closeFirst(); stop() }}
	late := time.AfterFunc(startTime, kill)
	err = chromedp.Do(ctx)
	if !late.Stop() {
		err = errors.Join(fmt.Errorf("not within %s", startTime), err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s does not start: %w", path, errors.Join(err, b.Close()))
	}
	return b, nil
}

// Close ends the browser with all its tabs, and removes its profile. It does that
// once. An error says that this takes too long, because one of the browser's processes
// does not die: it is left behind.
func (b *Browser) Close() error {
	done := make(chan struct{})
	go func() { defer close(done); b.stop() }()
	late := time.NewTimer(closeTime)
	defer late.Stop()
	select {
	case <-done:
		return nil
	case <-late.C:
		return fmt.Errorf("the browser has not ended within %s", closeTime)
	}
}

// Tab is a tab of a browser, for one goroutine at a time.
type Tab struct {
	ctx   context.Context // of chromedp
	end   func()
	still bool // scripts of pages do not run
	marks int  // that documents and the console were given

	mu       sync.Mutex
	messages []string // what the page wrote to its console, and marks of ours
	hearing  sync.WaitGroup
}

// Tab opens a tab. It has cookies of its own, and believes to have the focus. It
// should be closed; all tabs end with their browser.
func (b *Browser) Tab(ctx context.Context) (*Tab, error) {
	t := &Tab{}
	t.ctx, t.end = chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	// The first thing that is done in a context of chromedp's opens the tab, and must
	// not have a shorter life than it.
	stop := context.AfterFunc(ctx, t.end)
	_, err := chromedp.Call(t.ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		t.end()
		return nil, fmt.Errorf("a tab does not open: %w", err)
	}
	messages := chromedp.Console(t.ctx)
	t.hearing.Go(func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			t.mu.Lock()
			t.messages = append(t.messages, strings.TrimSpace(m.String()+" "+m.URL))
			t.mu.Unlock()
		}
	})
	return t, nil
}

// Close closes the tab, and forgets its cookies.
func (t *Tab) Close() {
	t.end()
	t.hearing.Wait()
}

// Look is how a page is looked at.
type Look struct {
	Width int64 // in CSS pixels
	Dark  bool
	Print bool // as it would come out of a printer
}

// String names the look, for files and messages.
func (l Look) String() string {
	name := fmt.Sprintf("%d-light", l.Width)
	if l.Dark {
		name = fmt.Sprintf("%d-dark", l.Width)
	}
	if l.Print {
		name += "-print"
	}
	return name
}

// height is that of the window, in CSS pixels.
const height = 900

// Look changes how pages are looked at, and waits until the one that is there has
// been laid out and drawn so.
func (t *Tab) Look(ctx context.Context, l Look) error {
	scheme, media := "light", "screen"
	if l.Dark {
		scheme = "dark"
	}
	if l.Print {
		media = "print"
	}
	if _, err := run(ctx, t, command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: media, Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})); err != nil {
		return err
	}
	if _, err := run(ctx, t, command(emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: l.Width, Height: height, DeviceScaleFactor: 1})); err != nil {
		return err
	}
	laid := fmt.Sprintf(`innerWidth === %d && matchMedia("(prefers-color-scheme: %s)").matches && matchMedia("%s").matches`, l.Width, scheme, media)
	if t.still { // a page without scripts has nothing that runs when it is drawn
		return t.Wait(ctx, laid)
	}
	// Behind a frame, all has run that a page does when its window changes.
	_, err := Eval[bool](ctx, t, `new Promise((done) => {
		const look = () => requestAnimationFrame(`+laid+` ? () => setTimeout(done, 0, true) : look);
		look();
	})`)
	return err
}

// Scripts switches JavaScript on or off, for the pages that are opened next.
func (t *Tab) Scripts(ctx context.Context, on bool) error {
	_, err := run(ctx, t, command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on}))
	t.still = !on
	return err
}
