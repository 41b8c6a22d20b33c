package chromium

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// run does something in the tab, bounded by ctx.
func run[T any](ctx context.Context, t *Tab, action chromedp.Action[T]) (T, error) {
	call, cancel := context.WithCancel(t.ctx)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	v, err := chromedp.Run(call, action)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return v, err
}

// command is a command of the protocol as an action.
func command[P, R any](c cdp.Command[P, R], params P) chromedp.Action[R] {
	return func(ctx context.Context, target *chromedp.Target) (R, error) { return cdp.Call(ctx, target, c, params) }
}

// pause is how long the verbs wait before they ask a page again.
const pause = 20 * time.Millisecond

// rest waits for a pause; an error says that ctx has ended.
func rest(ctx context.Context) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// gone reports whether a document went away before it could answer, or has not come
// yet.
func gone(err error) bool {
	refused, ok := errors.AsType[*cdproto.Error](err)
	return ok && slices.ContainsFunc([]string{"context was destroyed", "Cannot find default execution context", "Cannot find context",
		"navigated or closed", "Promise was collected"}, func(part string) bool { return strings.Contains(refused.Message, part) })
}

// Eval runs JavaScript in the page and returns its value, or that of its promise. If
// the document goes away before it answers, the one that follows is asked: what js
// does may be done twice then.
func Eval[T any](ctx context.Context, t *Tab, js string) (T, error) {
	for {
		v, err := run(ctx, t, chromedp.Evaluate[T](js, func(p *runtime.EvaluateParams) {
			await, person := !t.still, true // without scripts, no promise is ever kept
			p.AwaitPromise, p.UserGesture = &await, &person
		}))
		if err != nil && gone(err) && rest(ctx) == nil {
			continue
		}
		if err != nil {
			return v, fmt.Errorf("%.200s: %w", js, err)
		}
		return v, nil
	}
}

// Do runs JavaScript whose value does not matter, and does not wait for promises.
func (t *Tab) Do(ctx context.Context, js string) error {
	_, err := Eval[chromedp.Void](ctx, t, "void ("+js+")")
	return err
}

// poll asks the page for a value until it is neither null nor undefined. Exceptions
// count as such: they are what half a page answers.
func poll[T any](ctx context.Context, t *Tab, js string) (none T, err error) {
	for {
		v, err := Eval[*T](ctx, t, js)
		if err == nil && v != nil {
			return *v, nil
		}
		thrown, ok := errors.AsType[*chromedp.ExceptionError](err)
		if err != nil && (!ok || thrown.Exception != nil && thrown.Exception.ClassName == "SyntaxError") {
			return none, err
		}
		if ended := rest(ctx); ended != nil {
			return none, errors.Join(ended, err)
		}
	}
}

// Wait waits until JavaScript is true in the page, or in one that it leads to. The
// error, if that does not come true before ctx ends, says what the page shows.
func (t *Tab) Wait(ctx context.Context, js string) error {
	_, err := poll[bool](ctx, t, "("+js+") ? true : null")
	if err == nil {
		return nil
	}
	asked, cancel := context.WithTimeout(t.ctx, time.Minute) // ctx may be over
	defer cancel()
	text, _ := Eval[string](asked, t, `location.href + "\n" + (document.body?.innerText ?? "").slice(0, 1500)`)
	return fmt.Errorf("%s: %w; the page says: %s", js, err, text)
}

// loaded waits until a document other than the one with a mark is there, with all
// that it loads.
func (t *Tab) loaded(ctx context.Context, mark int) error {
	err := t.Wait(ctx, fmt.Sprintf(`document.weirMark !== %d && document.readyState === "complete"`, mark))
	if err != nil {
		return err
	}
	if failed, err := Eval[bool](ctx, t, `document.URL.startsWith("chrome-error:")`); err != nil || failed {
		return errors.Join(errors.New("the page cannot be loaded"), err)
	}
	return nil
}

// Goto opens an address, and waits until its document has loaded. An address that
// differs from that of the page in its fragment alone opens no document. Where the
// page that was there has set out for elsewhere by itself a moment before, that comes
// after all: who leaves such a page looks where the tab is, and goes again.
func (t *Tab) Goto(ctx context.Context, url string) error {
	for {
		same, err := t.navigate(ctx, url)
		if err != nil && strings.Contains(err.Error(), "ERR_ABORTED") && rest(ctx) == nil {
			continue // the old page led somewhere by itself at the same time
		}
		if err == nil && !same {
			err = t.loaded(ctx, 0)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", url, err)
		}
		return nil
	}
}

// navigate opens an address and waits until its document is there, though not yet
// what it loads; same says that it is still the one that was there.
func (t *Tab) navigate(ctx context.Context, url string) (same bool, err error) {
	var loader cdp.LoaderID
	errSame := errors.New("same document")
	_, err = run(ctx, t, chromedp.WaitEvent(page.FrameNavigated, func(e page.EventFrameNavigated) bool { return e.Frame.LoaderID == loader },
		func(ctx context.Context, target *chromedp.Target) (bool, error) {
			res, err := cdp.Call(ctx, target, page.Navigate, page.NavigateParams{URL: url})
			if err == nil && res.ErrorText != "" {
				err = errors.New(res.ErrorText)
			}
			if loader = res.LoaderID; err == nil && loader == "" {
				err = errSame
			}
			return true, err
		}))
	if errors.Is(err, errSame) {
		return true, nil
	}
	return false, err
}

// quote writes a text in JavaScript.
func quote(text string) string {
	js, _ := json.Marshal(text) // a string always has a form in JSON
	return string(js)
}

// half is true of a document of which a part is still to come: an element may be
// there, and its text not.
const half = `document.readyState === "loading"`

// act waits until there is a visible element, and lets JavaScript have it as e, in
// the same breath.
func (t *Tab) act(ctx context.Context, selector, js string) error {
	_, err := poll[bool](ctx, t, fmt.Sprintf(`(() => {
		const e = document.querySelector(%s);
		if (%s || !e?.checkVisibility() || e.disabled) return null;
		%s;
		return true;
	})()`, quote(selector), half, js))
	if err != nil {
		return fmt.Errorf("%s: %w", selector, err)
	}
	return nil
}

// Click waits for an element and clicks on it, without waiting for what comes of it.
func (t *Tab) Click(ctx context.Context, selector string) error {
	return t.act(ctx, selector, "e.click()")
}

// Focus waits for an element and gives it the focus.
func (t *Tab) Focus(ctx context.Context, selector string) error {
	return t.act(ctx, selector, "e.focus()")
}

// Follow waits for an element that leads to another document, a link or a button of
// a form, clicks on it, and waits until the new document has loaded.
func (t *Tab) Follow(ctx context.Context, selector string) error {
	t.marks++
	if err := t.act(ctx, selector, fmt.Sprintf("document.weirMark = %d; e.click()", t.marks)); err != nil {
		return err
	}
	if err := t.loaded(ctx, t.marks); err != nil {
		return fmt.Errorf("%s leads nowhere: %w", selector, err)
	}
	return nil
}

// Text waits for an element, and returns its text as it is shown.
func (t *Tab) Text(ctx context.Context, selector string) (string, error) {
	return poll[string](ctx, t, fmt.Sprintf(`%s ? null : document.querySelector(%s)?.innerText`, half, quote(selector)))
}

// Type presses keys, one after the other, in whatever has the focus. Keys without a
// character are in chromedp's package kb.
func (t *Tab) Type(ctx context.Context, keys string) error {
	for _, key := range keys {
		// A key that leads to another document may not be released in the old one.
		if _, err := run(ctx, t, chromedp.KeyEvent(string(key))); err != nil && !gone(err) {
			return err
		}
	}
	return nil
}

// Heap is how many bytes the scripts of the page hold on to. What they have let go of
// does not count, whether the browser has found the time to collect it or not.
func (t *Tab) Heap(ctx context.Context) (bytes float64, err error) {
	if _, err := run(ctx, t, command(heapprofiler.CollectGarbage, cdp.Empty{})); err != nil {
		return 0, err
	}
	usage, err := run(ctx, t, command(runtime.GetHeapUsage, cdp.Empty{}))
	return usage.UsedSize, err
}

// Picture is a PNG of the whole page.
func (t *Tab) Picture(ctx context.Context) ([]byte, error) {
	return run(ctx, t, chromedp.FullScreenshot(100))
}

// Console is what the pages wrote to their console since it was last asked for.
func (t *Tab) Console(ctx context.Context) ([]string, error) {
	// Messages come in order: with a mark of ours, all that were written before it
	// have come.
	t.marks++
	mark := fmt.Sprintf("weir-mark-%d", t.marks)
	if err := t.Do(ctx, "console.debug("+quote(mark)+")"); err != nil {
		return nil, err
	}
	for {
		t.mu.Lock()
		list := t.messages
		seen := slices.ContainsFunc(list, func(m string) bool { return strings.Contains(m, mark) })
		if seen {
			t.messages = nil
		}
		t.mu.Unlock()
		if seen {
			return slices.DeleteFunc(list, func(m string) bool { return strings.Contains(m, "weir-mark-") }), nil
		}
		if err := rest(ctx); err != nil {
			return nil, err
		}
	}
}
