package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
)

// errStalled ends a transfer that stands still.
var errStalled = errors.New("the transfer stands still")

// smallBlob is up to how many bytes a blob is sent without asking whether the
// server has it: the question would cost more.
const smallBlob = 64 << 10

// put stores a file as a blob, unless the server has it.
func (c *client) put(ctx context.Context, d weir.Digest, name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	return c.try(ctx, func() error {
		if info.Size() <= smallBlob {
			return c.upload(ctx, d, name)
		}
		head, err := c.request(ctx, http.MethodHead, "blobs/"+string(d), nil)
		if err != nil {
			return err
		}
		resp, err := c.send(head)
		if err == nil {
			drain(resp.Body)
			return nil
		}
		if weir.CodeOf(err) != weir.NotFound {
			return err
		}
		return c.upload(ctx, d, name)
	})
}

func (c *client) upload(ctx context.Context, d weir.Digest, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	ctx, watch := c.watchTransfer(ctx)
	defer watch.stop()
	req, err := c.request(ctx, http.MethodPut, "blobs/"+string(d), io.NopCloser(watch.reader(f)))
	if err != nil {
		return err
	}
	req.ContentLength = info.Size()
	req.Header.Set("Content-Type", "application/octet-stream")
	resp, err := c.send(req)
	if err != nil {
		return watch.explain(c, err)
	}
	drain(resp.Body)
	return nil
}

// fetch reads a blob into the new file name, going on where it stopped if the
// connection breaks. Its content is not checked.
func (c *client) fetch(ctx context.Context, d weir.Digest, name string) error {
	if _, err := weir.ParseDigest(string(d)); err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	err = c.try(ctx, func() error { return c.download(ctx, d, f) })
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		_ = os.Remove(name)
	}
	return err
}

func (c *client) download(ctx context.Context, d weir.Digest, f *os.File) error {
	have, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	ctx, watch := c.watchTransfer(ctx)
	defer watch.stop()
	req, err := c.request(ctx, http.MethodGet, "blobs/"+string(d), nil)
	if err != nil {
		return err
	}
	if have > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
	}
	resp, err := c.send(req)
	if err != nil {
		return watch.explain(c, err)
	}
	defer drain(resp.Body)
	if resp.StatusCode != http.StatusPartialContent && have > 0 {
		if err := f.Truncate(0); err != nil {
			return err
		}
		if have, err = f.Seek(0, io.SeekStart); err != nil {
			return err
		}
	}
	body := watch.reader(resp.Body)
	n, err := io.Copy(f, io.LimitReader(body, protocol.MaxProduct-have+1))
	switch {
	case have+n > protocol.MaxProduct:
		return weir.Errorf(weir.TooLarge, "the blob %s is larger than %d GiB", d.Short(), protocol.MaxProduct>>30)
	case body.err != nil:
		return watch.explain(c, c.away(body.err))
	}
	return err
}

// try repeats what may pass, but not for ever, unless there is no server: builds
// wait until it is back.
func (c *client) try(ctx context.Context, once func() error) error {
	retry := c.newBackoff()
	for n := 1; ; n++ {
		err := once()
		if err == nil || !errors.Is(err, errTransient) {
			return err
		}
		if errors.Is(err, errAbsent) {
			n = 0
		} else if n >= c.tries {
			return err
		}
		c.log.Debug("a transfer is tried again", "error", err)
		if err := retry.wait(ctx); err != nil {
			return err
		}
	}
}

// transfer ends a request when nothing moves for too long. There is no limit
// on the whole: products are large and lines are slow.
type transfer struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	limit  time.Duration
}

func (c *client) watchTransfer(ctx context.Context) (context.Context, *transfer) {
	ctx, cancel := context.WithCancelCause(ctx)
	return ctx, &transfer{ctx, cancel, time.AfterFunc(c.stall, func() { cancel(errStalled) }), c.stall}
}

func (t *transfer) stop() {
	t.timer.Stop()
	t.cancel(nil)
}

// explain turns a standstill into an error that may pass.
func (t *transfer) explain(c *client, err error) error {
	switch cause := context.Cause(t.ctx); {
	case errors.Is(cause, errStalled):
		return c.away(errStalled)
	case cause != nil:
		return cause
	}
	return err
}

func (t *transfer) reader(r io.Reader) *movingReader { return &movingReader{t: t, r: r} }

// movingReader tells a transfer that something moves, and remembers its error.
type movingReader struct {
	t   *transfer
	r   io.Reader
	err error
}

func (m *movingReader) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	if n > 0 {
		m.t.timer.Reset(m.t.limit)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		m.err = err
	}
	return n, err
}
