package release

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source"
	"github.com/weir-ci/weir/internal/source/command"
)

// Limits of what is asked of a server.
const (
	MaxDocument  = 96 << 20 // bytes of a list; those of npm's busiest packages have tens of millions
	MaxFile      = 2 << 30  // bytes of one archive
	maxRedirects = 5
	attempts     = 4                      // at one request, in all
	firstPause   = 500 * time.Millisecond // before the second attempt; doubles
	maxPause     = 30 * time.Second       // whatever the server asks for
	headerTime   = 60 * time.Second       // until the answer begins
	idleTime     = 60 * time.Second       // without a byte
)

// Options are what a Client is made of. The zero value is ready to use.
type Options struct {
	// Pause replaces the time before the second attempt.
	Pause time.Duration
}

// Client asks servers for lists and files. It is safe for concurrent use.
//
// It follows redirects to http and https only, few of them, never from https to
// http, and takes no credentials along to another host. A server that the farm
// file names may be anywhere. Where its answers lead to, in redirects and lists,
// must be a public address, or one of the same kind as the server's own: an
// index in the intranet may lead into the intranet, one out there may not.
type Client struct {
	pause time.Duration
	named *http.Client // for hosts that the farm file names
	// led is for all others. It keeps no connections, because one that was
	// dialled for another source may be where this one may not lead.
	led *http.Client
}

// NewClient makes a Client.
func NewClient(o Options) *Client {
	if o.Pause <= 0 {
		o.Pause = firstPause
	}
	g := &guard{dialer: net.Dialer{Timeout: 20 * time.Second}}
	transport := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            g.dial,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    4,
		IdleConnTimeout:        30 * time.Second,
		TLSHandshakeTimeout:    20 * time.Second,
		ResponseHeaderTimeout:  headerTime,
		MaxResponseHeaderBytes: 64 << 10,
	}
	alone := transport.Clone()
	alone.DisableKeepAlives = true
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{pause: o.Pause, named: &http.Client{Transport: transport, CheckRedirect: stay},
		led: &http.Client{Transport: alone, CheckRedirect: stay}}
}

// Close lets connections go that nobody uses.
func (c *Client) Close() { c.named.CloseIdleConnections() }

// Request is what a Client asks for.
type Request struct {
	Method string // empty: GET
	URL    string
	Accept string // the media types wanted; empty: any
	// Named is the URL that the farm file names, whose host needs no check, and
	// the only one that credentials are sent to. Empty: URL itself.
	Named string
	// Login is USER:PASSWORD, or a token that is sent as Bearer; empty: none.
	Login string
}

// Answer is what came. Body must be read and closed by who asked.
type Answer struct {
	URL    *url.URL // where it came from, after redirects
	Type   string   // the media type, without parameters
	Header http.Header
	Body   io.ReadCloser
	Size   int64 // -1 if not known
}

// Login finds the credentials of src, as a Request has them; empty if it names
// none.
func Login(ctx context.Context, src weir.Source) (string, error) {
	c, err := source.CredentialOf(ctx, src)
	switch {
	case err != nil || c.Password == "":
		return "", err
	case c.User == tokenUser:
		return c.Password, nil
	}
	return c.User + ":" + c.Password, nil
}

// tokenUser is what package source calls the user of a token that came alone.
const tokenUser = "x-access-token"

// Do asks, again and again if the server may do better the next time. NotFound
// if it says that there is no such thing, Unavailable if it does not answer or
// refuses.
func (c *Client) Do(ctx context.Context, r Request) (*Answer, error) {
	pause := c.pause
	for i := 1; ; i++ {
		a, wait, err := c.follow(ctx, r)
		if err == nil {
			return a, nil
		}
		if ctx.Err() != nil {
			return nil, Stopped(ctx)
		}
		if wait < 0 || i == attempts {
			return nil, err
		}
		if wait == 0 {
			wait = pause/2 + rand.N(pause)
		}
		if err := sleep(ctx, min(wait, maxPause)); err != nil {
			return nil, err
		}
		pause *= 2
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return Stopped(ctx)
	case <-timer.C:
		return nil
	}
}

// never is the wait before another attempt that makes no sense.
const never = -1

// follow asks once, along redirects. wait says how long to wait before another
// attempt: 0 as usual, never if that makes no sense.
func (c *Client) follow(ctx context.Context, r Request) (a *Answer, wait time.Duration, err error) {
	if r.Named == "" {
		r.Named = r.URL
	}
	named, err := parse(r.Named)
	if err != nil {
		return nil, never, err
	}
	at := r.URL
	var before *url.URL
	for range maxRedirects + 1 {
		u, err := parse(at)
		if err != nil {
			return nil, never, err
		}
		if before != nil && before.Scheme == "https" && u.Scheme == "http" {
			return nil, never, weir.Errorf(weir.Invalid, "%s leads from https to http, to %s", Shown(r.URL), Shown(at))
		}
		res, err := c.once(ctx, r, u, named)
		if err != nil {
			return nil, retryable(err), unreachable(u, err)
		}
		location := res.Header.Get("Location")
		if res.StatusCode < 300 || res.StatusCode > 399 || location == "" {
			return c.judge(res, u)
		}
		res.Body.Close()
		next, err := u.Parse(location)
		if err != nil {
			return nil, never, weir.Errorf(weir.Invalid, "%s leads to something that is no URL", Shown(r.URL))
		}
		at, before = next.String(), u
	}
	return nil, never, weir.Errorf(weir.Invalid, "%s leads through more than %d redirects", Shown(r.URL), maxRedirects)
}

func (c *Client) once(ctx context.Context, r Request, u, named *url.URL) (*http.Response, error) {
	client := c.named
	if !sameOrigin(u, named) {
		client, ctx = c.led, withNamed(ctx, named.Hostname())
	}
	ctx, cancel := context.WithCancelCause(ctx)
	req, err := http.NewRequestWithContext(ctx, r.Method, u.String(), nil)
	if err != nil {
		cancel(nil)
		return nil, err
	}
	req.Header.Set("User-Agent", "weir")
	if r.Accept != "" {
		req.Header.Set("Accept", r.Accept)
	}
	if r.Login != "" && sameOrigin(u, named) {
		if user, password, ok := strings.Cut(r.Login, ":"); ok {
			req.SetBasicAuth(user, password)
		} else {
			req.Header.Set("Authorization", "Bearer "+r.Login)
		}
	}
	res, err := client.Do(req)
	if err != nil {
		cancel(nil)
		return nil, err
	}
	res.Body = newPatient(res.Body, cancel)
	return res, nil
}

// judge makes an answer of a response that is no redirect.
func (c *Client) judge(res *http.Response, u *url.URL) (*Answer, time.Duration, error) {
	if res.StatusCode == http.StatusOK {
		kind, _, _ := strings.Cut(res.Header.Get("Content-Type"), ";")
		return &Answer{URL: u, Type: strings.ToLower(strings.TrimSpace(kind)), Header: res.Header, Body: res.Body, Size: res.ContentLength}, 0, nil
	}
	res.Body.Close()
	what := fmt.Sprintf("%s answers %d %s", Shown(u.String()), res.StatusCode, http.StatusText(res.StatusCode))
	switch res.StatusCode {
	case http.StatusNotFound, http.StatusGone:
		return nil, never, weir.Errorf(weir.NotFound, "%s", what).WithHint("see whether the source is spelled right and still there")
	case http.StatusUnauthorized, http.StatusForbidden:
		return nil, never, weir.Errorf(weir.Unavailable, "%s", what).
			WithHint("name a secret with the source's credentials, or see whether it is still valid")
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return nil, retryAfter(res.Header), weir.Errorf(weir.Unavailable, "%s", what)
	}
	wait := time.Duration(never)
	if res.StatusCode >= 500 || res.StatusCode == http.StatusRequestTimeout {
		wait = 0
	}
	return nil, wait, weir.Errorf(weir.Unavailable, "%s", what)
}

// retryAfter is how long a server wants to be left alone; 0 if it does not say.
func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || seconds <= 0 {
		return 0
	}
	return time.Duration(min(seconds, int(maxPause/time.Second))) * time.Second
}

// retryable says how long to wait after an error below HTTP.
func retryable(err error) time.Duration {
	var refused *addressError
	if errors.As(err, &refused) {
		return never
	}
	return 0
}

func unreachable(u *url.URL, err error) error {
	var refused *addressError
	if errors.As(err, &refused) {
		return weir.Errorf(weir.Invalid, "%s is an address that the source may not lead to", Shown(u.String())).WithCause(err).
			WithHint("a list on the internet may lead to public addresses only")
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return weir.Errorf(weir.Unavailable, "the name %s cannot be looked up", u.Hostname()).WithCause(err)
	}
	return weir.Errorf(weir.Unavailable, "%s does not answer", Shown(u.String())).WithCause(err)
}

// parse reads a URL that may be asked for.
func parse(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil || len(s) > 4000 || u.Opaque != "":
		return nil, weir.Errorf(weir.Invalid, "%.200q is not a URL", Shown(s)).WithHint("write it like https://host/path")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, weir.Errorf(weir.Invalid, "%.200q is not a URL of http or https", Shown(s)).WithHint("write it like https://host/path")
	case u.Hostname() == "":
		return nil, weir.Errorf(weir.Invalid, "%.200q has no host", Shown(s)).WithHint("write it like https://host/path")
	case u.User != nil:
		return nil, weir.Errorf(weir.Invalid, "the URL of %s holds credentials", u.Hostname()).
			WithHint("name a secret with the source's credentials instead")
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "http":
		return "80"
	}
	return "443"
}

// Shown is a location as everybody may see it: without credentials and query.
func Shown(location string) string { return command.Redact(location) }
