package pagebench

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weir-ci/weir/internal/app"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// Goals of each page.
const (
	MaxTime  = 50 * time.Millisecond // at the 95th percentile
	MaxBytes = 300 << 10             // of HTML, not compressed; JSON may be longer
)

// warm is how often a page is fetched before it counts.
const warm = 3

// Figure is what was measured of one address.
type Figure struct {
	Address
	Status     int
	Bytes      int // not compressed
	Compressed int
	P50, P95   time.Duration
	CPU        time.Duration // of the whole process, this client too, for each request; 0: not known
}

// Met reports whether a page met its goals.
func (f Figure) Met() bool {
	return f.Status == http.StatusOK && (f.Bytes <= MaxBytes || f.JSON) && f.P95 <= MaxTime
}

// leaseTime keeps builds that run at it while pages are measured.
const leaseTime = 12 * time.Hour

// Server is a server on a filled farm.
type Server struct {
	URL   string
	Pages []page.Route
	farm  *Farm
	stop  context.CancelFunc
	done  chan error
	jar   http.CookieJar // with the session of somebody who has signed in
}

// Serve starts a server on the farm. It closes the farm's database when it stops.
func (f *Farm) Serve(ctx context.Context) (*Server, error) {
	farm, err := f.recipe()
	if err != nil {
		return nil, err
	}
	server, err := app.NewServer(ctx, app.ServerOptions{Farm: farm, File: f.path(), Store: f.db, Lease: leaseTime})
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	s := &Server{URL: server.Address(), Pages: server.Pages(), farm: f, stop: stop, done: make(chan error, 1)}
	go func() { s.done <- server.Run(ctx) }()
	if err := s.signIn(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// signIn makes a session, without which some pages show nothing.
func (s *Server) signIn(ctx context.Context) error {
	link, err := app.SignInLink(ctx, s.farm.db, s.URL, "bench")
	if err != nil {
		return err
	}
	if s.jar, err = cookiejar.New(nil); err != nil {
		return err
	}
	_, code, _ := strings.Cut(link, "code=")
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/signin", strings.NewReader(url.Values{"code": {code}}.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	client := s.client()
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	if err := resp.Body.Close(); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusSeeOther {
		return fmt.Errorf("nobody can sign in: %s", resp.Status)
	}
	return nil
}

// client is somebody with a browser.
func (s *Server) client() *http.Client {
	return &http.Client{Jar: s.jar, Transport: &http.Transport{DisableCompression: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// Stop stops it.
func (s *Server) Stop() error {
	s.stop()
	return <-s.done
}

// Fetch measures an address, with so many requests after the first few.
func (s *Server) Fetch(ctx context.Context, a Address, requests int) (Figure, error) {
	figure := Figure{Address: a}
	client := s.client()
	defer client.CloseIdleConnections()
	var times []time.Duration
	var before time.Duration
	accept := "text/html"
	if a.JSON {
		accept = "application/json"
	}
	for i := range warm + requests {
		if i == warm {
			before = processorTime()
		}
		begin := time.Now()
		status, data, err := get(ctx, client, s.URL+a.Path, accept)
		took := time.Since(begin)
		if err != nil {
			return figure, fmt.Errorf("%s: %w", a.Path, err)
		}
		if i >= warm {
			times = append(times, took)
		}
		if i == 0 {
			whole, err := unpack(data)
			if err != nil {
				return figure, fmt.Errorf("%s: %w", a.Path, err)
			}
			figure.Status, figure.Bytes, figure.Compressed = status, len(whole), len(data)
		}
	}
	slices.Sort(times)
	if len(times) > 0 {
		figure.CPU = (processorTime() - before) / time.Duration(len(times))
		figure.P50, figure.P95 = times[len(times)/2], times[len(times)*95/100]
	}
	return figure, nil
}

func get(ctx context.Context, client *http.Client, address, accept string) (status int, data []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Accept", accept)
	req.Header.Set("Accept-Encoding", "gzip")
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	data, err = io.ReadAll(resp.Body)
	return resp.StatusCode, data, errors.Join(err, resp.Body.Close())
}

// unpack gives what was compressed; what was not, as it is.
func unpack(data []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(data))
	if errors.Is(err, gzip.ErrHeader) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) { // the last two: it is shorter than a header
		return data, nil
	}
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// processorTime is how long this process has computed; 0 where that is not known.
func processorTime() (total time.Duration) {
	data, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0 // not Linux
	}
	_, rest, _ := strings.Cut(string(data), ") ") // behind the name, which may be anything
	const utime, stime = 11, 12
	for i, field := range strings.Fields(rest) {
		if ticks, err := strconv.Atoi(field); err == nil && (i == utime || i == stime) {
			total += time.Duration(ticks) * 10 * time.Millisecond
		}
	}
	return total
}

// Measure fetches every page of the site.
func (s *Server) Measure(ctx context.Context, only string, requests int, progress io.Writer) (figures []Figure, err error) {
	addresses, err := s.farm.Addresses(ctx, s.Pages)
	if err != nil {
		return nil, err
	}
	for _, a := range addresses {
		if !strings.Contains(a.Path, only) {
			continue
		}
		f, err := s.Fetch(ctx, a, requests)
		if err != nil {
			return figures, err
		}
		fmt.Fprintf(progress, "%-60s %d %8d bytes %8s %8s\n", f.Path, f.Status, f.Bytes, f.P50.Round(100*time.Microsecond), f.P95.Round(100*time.Microsecond))
		figures = append(figures, f)
	}
	return figures, nil
}
