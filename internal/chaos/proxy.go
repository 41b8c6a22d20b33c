package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Proxy stands between workers and servers, spreads requests over the servers,
// and disturbs them as it is told. Make one with NewProxy.
type Proxy struct {
	servers  []string // host:port
	listener net.Listener
	http     *http.Server
	back     *http.Transport
	life     context.Context // of messages that are delivered later
	end      context.CancelFunc

	mu    sync.Mutex
	conns map[*conn]bool
	open  chan struct{} // closed while bytes get through
	hush  int           // how many want silence
	slow  time.Duration
	armed []plan
	late  int // messages that will still arrive
}

// plan is what will happen to a message.
type plan struct {
	kind  Kind
	verb  string // of the message; empty: any
	after time.Duration
	until time.Time // then any message will do
}

// maxMessage is the longest message that can be sent twice, in bytes.
const maxMessage = 32 << 20

// NewProxy begins to listen on a free port of this machine.
func NewProxy(servers []string) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{servers: servers, listener: l, conns: map[*conn]bool{}, open: make(chan struct{}),
		back: &http.Transport{MaxIdleConnsPerHost: 16, DisableCompression: true}}
	close(p.open)
	p.life, p.end = context.WithCancel(context.Background())
	p.http = &http.Server{Handler: p, ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = p.http.Serve(front{l, p}) }()
	return p, nil
}

// URL is where workers find the farm.
func (p *Proxy) URL() string { return "http://" + p.listener.Addr().String() }

// Close ends the proxy and all connections.
func (p *Proxy) Close() {
	p.end()
	p.Heal()
	_ = p.http.Close()
	p.Settle()
	p.back.CloseIdleConnections()
}

// Heal lets everything through again and forgets what was to come. Messages
// that are late still arrive.
func (p *Proxy) Heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.slow, p.armed = 0, nil
	if p.hush > 0 {
		p.hush = 0
		close(p.open)
	}
}

// Settle waits until the last late message has arrived.
func (p *Proxy) Settle() {
	for {
		p.mu.Lock()
		late := p.late
		p.mu.Unlock()
		if late == 0 {
			return
		}
		<-time.After(5 * ms)
	}
}

// Silence holds all bytes back, in both directions, until the returned function is called.
func (p *Proxy) Silence() (end func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hush++; p.hush == 1 {
		p.open = make(chan struct{})
	}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.hush > 0 {
			if p.hush--; p.hush == 0 {
				close(p.open)
			}
		}
	}
}

// Slow makes every read and write wait, until the returned function is called.
func (p *Proxy) Slow(by time.Duration) (end func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.slow = by
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.slow = 0
	}
}

// Cut resets about half of the connections, or closes one direction of them.
func (p *Proxy) Cut(half bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := rand.IntN(2) //nolint:gosec // nothing secret
	for c := range p.conns {
		if i++; i%2 == 0 && len(p.conns) > 1 {
			continue
		}
		switch {
		case !half:
			_ = c.SetLinger(0) // a reset, not a farewell
			_ = c.TCPConn.Close()
		case i%4 == 1:
			_ = c.TCPConn.CloseWrite()
		default:
			_ = c.TCPConn.CloseRead()
		}
	}
}

// Arm lets the next message with a verb meet a fault that is about messages.
func (p *Proxy) Arm(f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.armed = append(p.armed, plan{f.Kind, f.Verb, f.For, time.Now().Add(500 * ms)})
}

// take finds what will happen to a message.
func (p *Proxy) take(path string) plan {
	verb := path[strings.LastIndexByte(path, '/')+1:]
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	i := slices.IndexFunc(p.armed, func(a plan) bool { return a.verb == verb || now.After(a.until) })
	if i < 0 {
		return plan{}
	}
	found := p.armed[i]
	p.armed = slices.Delete(p.armed, i, i+1)
	if found.kind != LoseAnswer {
		p.late++
	}
	return found
}

// ServeHTTP passes a request on.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || !strings.HasPrefix(r.URL.Path, "/worker/") {
		p.pass(w, r, r.Body)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxMessage))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	again := func(after time.Duration) { p.deliver(r.Clone(p.life), body, after) }
	switch a := p.take(r.URL.Path); a.kind {
	case DoubleNow:
		again(0)
		p.pass(w, r, bytes.NewReader(body))
	case DoubleLater:
		defer again(a.after)
		p.pass(w, r, bytes.NewReader(body))
	case Late:
		again(a.after)
		panic(http.ErrAbortHandler)
	case LoseAnswer:
		p.pass(discard{http.Header{}}, r, bytes.NewReader(body))
		panic(http.ErrAbortHandler)
	default:
		p.pass(w, r, bytes.NewReader(body))
	}
}

// deliver sends a message once more, later, and drops the answer. It waits as
// long as a patient worker.
func (p *Proxy) deliver(r *http.Request, body []byte, after time.Duration) {
	go func() {
		defer func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.late--
		}()
		select {
		case <-time.After(after):
		case <-p.life.Done():
			return
		}
		ctx, cancel := context.WithTimeout(p.life, 5*time.Second)
		defer cancel()
		p.pass(discard{http.Header{}}, r.WithContext(ctx), bytes.NewReader(body))
	}()
}

// pass sends a request to one of the servers, or to the next one if nobody
// listens there, and copies the answer.
func (p *Proxy) pass(w http.ResponseWriter, r *http.Request, body io.Reader) {
	first := rand.IntN(len(p.servers)) //nolint:gosec // nothing secret
	for i := range p.servers {
		out := r.Clone(r.Context())
		out.RequestURI, out.URL.Scheme, out.URL.Host = "", "http", p.servers[(first+i)%len(p.servers)]
		out.Body = io.NopCloser(body)
		out.GetBody = nil
		resp, err := p.back.RoundTrip(out)
		var dial *net.OpError
		if errors.As(err, &dial) && dial.Op == "dial" && i+1 < len(p.servers) {
			continue
		}
		if err != nil {
			http.Error(w, fmt.Sprintf("no server answers: %v", err), http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		for name, values := range resp.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(resp.StatusCode)
		if _, err := io.Copy(w, resp.Body); err != nil {
			if _, dropped := w.(discard); !dropped {
				panic(http.ErrAbortHandler) // half an answer must not look whole
			}
		}
		return
	}
}

// discard is a writer for answers that nobody waits for.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

// front accepts connections that the proxy can disturb.
type front struct {
	net.Listener
	p *Proxy
}

// Accept waits for the next connection.
func (f front) Accept() (net.Conn, error) {
	n, err := f.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &conn{TCPConn: n.(*net.TCPConn), p: f.p, gone: make(chan struct{})}
	f.p.mu.Lock()
	defer f.p.mu.Unlock()
	f.p.conns[c] = true
	return c, nil
}

// conn is a connection whose bytes may have to wait.
type conn struct {
	*net.TCPConn
	p    *Proxy
	once sync.Once
	gone chan struct{}
}

// Read hands bytes on after they have waited.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.TCPConn.Read(b)
	if n > 0 {
		c.wait()
	}
	return n, err
}

// Write sends bytes after they have waited.
func (c *conn) Write(b []byte) (int, error) {
	c.wait()
	return c.TCPConn.Write(b)
}

// ReadFrom keeps copies from going around Write.
func (c *conn) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{c}, r)
}

func (c *conn) wait() {
	c.p.mu.Lock()
	open, slow := c.p.open, c.p.slow
	c.p.mu.Unlock()
	if slow > 0 {
		select {
		case <-time.After(slow):
		case <-c.gone:
		}
	}
	select {
	case <-open:
	case <-c.gone:
	}
}

// Close lets the connection go.
func (c *conn) Close() error {
	c.once.Do(func() {
		close(c.gone)
		c.p.mu.Lock()
		delete(c.p.conns, c)
		c.p.mu.Unlock()
	})
	return c.TCPConn.Close()
}
