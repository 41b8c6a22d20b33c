package release

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"syscall"
	"time"
)

// reach is from where an address can be reached.
type reach int

const (
	public   reach = iota
	private        // a network of its own
	loopback       // this machine
	special        // link-local (where clouds keep a machine's secrets), multicast, unspecified
)

func reachOf(a netip.Addr) reach {
	a = a.Unmap()
	switch {
	case a.IsLoopback():
		return loopback
	case !a.IsValid(), a.IsLinkLocalUnicast(), a.IsMulticast(), a.IsUnspecified():
		return special
	case a.IsPrivate(), sharedSpace().Contains(a):
		return private
	}
	return public
}

// sharedSpace is what providers use between themselves and their customers.
func sharedSpace() netip.Prefix { return netip.MustParsePrefix("100.64.0.0/10") }

type namedKey struct{}

// withNamed marks a request to a host that the farm file does not name; host is
// the one that it names.
func withNamed(ctx context.Context, host string) context.Context {
	return context.WithValue(ctx, namedKey{}, host)
}

// addressError says that an address may not be dialled.
type addressError struct{ address string }

func (e *addressError) Error() string { return "the address " + e.address + " is refused" }

// guard dials only addresses that may be.
type guard struct{ dialer net.Dialer }

func (g *guard) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, marked := ctx.Value(namedKey{}).(string)
	if !marked || proxied(address) {
		return g.dialer.DialContext(ctx, network, address)
	}
	home := reachOfHost(ctx, host)
	d := g.dialer
	// Here the name is an address already, so that no second look-up can tell
	// another one.
	d.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error {
		a, err := netip.ParseAddrPort(address)
		if err != nil {
			return &addressError{address}
		}
		if r := reachOf(a.Addr()); r != public && (r != home || r == special) {
			return &addressError{address}
		}
		return nil
	}
	return d.DialContext(ctx, network, address)
}

// proxied reports whether address is that of a proxy of the environment: it
// decides where it connects to.
func proxied(address string) bool {
	for _, scheme := range []string{"http", "https"} {
		u, err := http.ProxyFromEnvironment(&http.Request{URL: &url.URL{Scheme: scheme, Host: "weir.invalid"}})
		if err == nil && u != nil && net.JoinHostPort(u.Hostname(), port(u)) == address {
			return true
		}
	}
	return false
}

// reachOfHost is from where a host can be reached: public if any of its
// addresses is.
func reachOfHost(ctx context.Context, host string) reach {
	if a, err := netip.ParseAddr(host); err == nil {
		return reachOf(a)
	}
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil || len(addresses) == 0 {
		return public
	}
	nearest := reachOf(addresses[0])
	for _, a := range addresses[1:] {
		nearest = min(nearest, reachOf(a))
	}
	return nearest
}

// patient is a body that ends with an error when it brings nothing for idleTime.
type patient struct {
	body   io.ReadCloser
	timer  *time.Timer
	cancel context.CancelCauseFunc
	once   sync.Once
}

func newPatient(body io.ReadCloser, cancel context.CancelCauseFunc) *patient {
	return &patient{body: body, cancel: cancel,
		timer: time.AfterFunc(idleTime, func() { cancel(fmt.Errorf("nothing came for %v", idleTime)) })}
}

func (p *patient) Read(b []byte) (int, error) {
	p.timer.Reset(idleTime)
	return p.body.Read(b)
}

func (p *patient) Close() error {
	p.once.Do(func() {
		p.timer.Stop()
		p.cancel(nil)
	})
	return p.body.Close()
}
