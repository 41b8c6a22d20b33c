package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
)

const tokenHint = "ask the farm's admin for a token: weir token add NAME"

// errTransient is the cause of errors that may pass if the message is sent again.
var errTransient = errors.New("transient")

// errAbsent is a further cause if there is no server at all for now: that
// passes in the end, so nothing is given up because of it.
var errAbsent = errors.New("no server")

// client sends messages to the server.
type client struct {
	base        *url.URL
	token       string
	http        *http.Client
	log         *slog.Logger
	first, last time.Duration // pauses between tries: they grow from first to last
	tries       int           // of blobs, where giving up is possible
	stall       time.Duration // how long a transfer may stand still
	clock       clock
}

func newClient(base *url.URL, token string, log *slog.Logger) *client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = 2 * protocol.MaxSlots // so that none is dialled anew for every message
	// Finds out that a connection is dead while no request would notice.
	t.HTTP2 = &http.HTTP2Config{SendPingTimeout: messageTime, PingTimeout: messageTime}
	// A redirect would lose the body or the token.
	hc := &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &client{base: base, token: token, http: hc, log: log,
		first: 250 * time.Millisecond, last: 5 * time.Second, tries: 10, stall: time.Minute}
}

func (c *client) close() { c.http.CloseIdleConnections() }

// request makes a request for a path below /worker/v1.
func (c *client) request(ctx context.Context, method, path string, body io.Reader) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base.JoinPath("worker/v1", path).String(), body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	return req, nil
}

// send sends a request. An answer other than 2xx is an error.
func (c *client) send(req *http.Request) (*http.Response, error) {
	sent := time.Now()
	resp, err := c.http.Do(req)
	if err != nil {
		if ctxErr := context.Cause(req.Context()); ctxErr != nil && !errors.Is(ctxErr, context.DeadlineExceeded) {
			return nil, ctxErr
		}
		return nil, c.away(err)
	}
	if resp.StatusCode/100 == 2 {
		c.clock.answered(sent, time.Now(), resp.Header.Get("Date"))
		return resp, nil
	}
	defer drain(resp.Body)
	return nil, problemOf(resp)
}

func (c *client) away(err error) *weir.Error {
	return weir.Errorf(weir.Unavailable, "the server %s does not answer", c.base.Redacted()).
		WithCause(errors.Join(errTransient, absent(err), err))
}

// absent is errAbsent if err says that nobody listens, else nil.
func absent(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return errAbsent
	}
	return nil
}

// drain reads what little is left, so that the connection can be used again.
func drain(body io.ReadCloser) {
	_, _ = io.Copy(io.Discard, io.LimitReader(body, 64<<10))
	_ = body.Close()
}

// problemOf makes an error of an answer that is not 2xx.
func problemOf(resp *http.Response) *weir.Error {
	data, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	var p protocol.Problem
	known := strings.Contains(resp.Header.Get("Content-Type"), "json") && json.Unmarshal(data, &p) == nil && p.Code != ""
	e := p.Err()
	if !known {
		e = weir.Errorf(statusCode(resp.StatusCode), "%s %s was answered with %s", resp.Request.Method, resp.Request.URL.Redacted(), resp.Status)
	}
	switch s := resp.StatusCode; {
	case s == http.StatusBadGateway, s == http.StatusServiceUnavailable, s == http.StatusGatewayTimeout:
		e = e.WithCause(errors.Join(errTransient, errAbsent)) // a proxy that stands before it, or it stops
	case s >= 500 && s != http.StatusNotImplemented, s == http.StatusTooManyRequests, s == http.StatusRequestTimeout:
		e = e.WithCause(errTransient)
	case s/100 == 3:
		e = e.WithHint("give the address that the server redirects to: %.200s", resp.Header.Get("Location"))
	case s == http.StatusUnauthorized:
		e.Code = weir.Unauthenticated
		e = e.WithHint(tokenHint)
	}
	return e
}

// statusCode guesses the code of an answer that does not say, which probably
// comes from a proxy.
func statusCode(status int) weir.Code {
	switch status {
	case http.StatusUnauthorized:
		return weir.Unauthenticated
	case http.StatusForbidden:
		return weir.Forbidden
	case http.StatusNotFound:
		return weir.NotFound
	case http.StatusConflict:
		return weir.Fenced
	case http.StatusRequestEntityTooLarge:
		return weir.TooLarge
	case http.StatusInsufficientStorage:
		return weir.Exhausted
	case http.StatusNotImplemented:
		return weir.Unsupported
	}
	if status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout {
		return weir.Unavailable
	}
	return weir.Invalid
}

// message is an encoded message.
type message struct {
	path, kind string
	body       []byte
}

// encode makes a message. Log frames are packed if the server can read that.
func encode(path string, in any, packed bool) (message, error) {
	m := message{path: path, kind: "application/json"}
	var err error
	switch in := in.(type) {
	case protocol.Sync:
		if packed && len(in.Frames) > 0 {
			m.kind = protocol.PackedType
			m.body, err = protocol.PackSync(in)
		}
	case protocol.Finish:
		if packed && len(in.Frames) > 0 {
			m.kind = protocol.PackedType
			m.body, err = protocol.PackFinish(in)
		}
	}
	if m.body == nil && err == nil {
		m.body, err = json.Marshal(in)
	}
	if err == nil && len(m.body) > protocol.MaxBody {
		err = weir.Errorf(weir.TooLarge, "the message %s has %d bytes", path, len(m.body))
	}
	return m, err
}

// call sends one message, once.
func (c *client) call(ctx context.Context, path string, limit time.Duration, in, out any) error {
	m, err := encode(path, in, false)
	if err != nil {
		return err
	}
	return c.post(ctx, m, limit, out)
}

func (c *client) post(ctx context.Context, m message, limit time.Duration, out any) error {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	req, err := c.request(limited, http.MethodPost, m.path, bytes.NewReader(m.body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", m.kind)
	resp, err := c.send(req)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return err
	}
	defer drain(resp.Body)
	if err := json.NewDecoder(io.LimitReader(resp.Body, protocol.MaxBody)).Decode(out); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return c.away(err)
	}
	return nil
}

// persist sends a message until it is answered, or ctx ends. It sends the
// same bytes every time, so that the server can tell a repetition. sent is how
// often it was.
func (c *client) persist(ctx context.Context, path string, in, out any, packed bool) (sent int, err error) {
	m, err := encode(path, in, packed)
	if err != nil {
		return 0, err
	}
	retry := c.newBackoff()
	for n := 1; ; n++ {
		err := c.post(ctx, m, messageTime, out)
		if err == nil || !errors.Is(err, errTransient) {
			return n, err
		}
		level := slog.LevelDebug
		if n == 3 { // by then somebody may want to look; later it is no news
			level = slog.LevelWarn
		}
		c.log.Log(ctx, level, "a message is sent again", "message", path, "error", err, "cause", errors.Unwrap(err))
		if err := retry.wait(ctx); err != nil {
			return n, err
		}
	}
}

// backoff makes pauses between tries: each about twice as long as the one
// before, and random, so that the workers of a farm do not come back at once.
type backoff struct {
	first, last, next time.Duration
}

func (c *client) newBackoff() *backoff { return &backoff{c.first, c.last, c.first} }

func (b *backoff) reset() { b.next = b.first }

// wait pauses, or returns the cause of ctx's end.
func (b *backoff) wait(ctx context.Context) error {
	pause := b.next/2 + rand.N(b.next/2+1)
	b.next = min(2*b.next, b.last)
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
