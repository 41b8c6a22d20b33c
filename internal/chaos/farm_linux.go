package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/weir-ci/weir/client"
)

// farm is what faults happen to.
type farm struct {
	o       Options
	dir     string
	servers []*node
	workers []*node
	clocks  []string // files, one a server
	proxy   *Proxy
	clients []*client.Client // one a server, past the proxy
	free    func() error     // the small disk
	admin   string           // token of somebody who may force builds
}

// smallWorker is the worker that has the small disk.
const smallWorker = 0

// newFarm makes everything that the farm needs and starts it.
func newFarm(ctx context.Context, o Options) (*farm, error) {
	f := &farm{o: o, dir: o.Dir}
	for _, sub := range []string{"data", "logs", "tmp"} {
		if err := os.MkdirAll(filepath.Join(f.dir, sub), 0o755); err != nil { //nolint:gosec // a test's
			return nil, err
		}
	}
	if err := os.WriteFile(filepath.Join(f.dir, "step.sh"), []byte(script), 0o600); err != nil {
		return nil, err
	}
	if err := f.makeServers(); err != nil {
		return nil, err
	}
	if err := f.makeWorkers(ctx); err != nil {
		f.stop(ctx)
		return nil, err
	}
	for _, n := range f.nodes() {
		if err := n.start(); err != nil {
			f.stop(ctx)
			return nil, err
		}
	}
	return f, f.ready(ctx)
}

func (f *farm) nodes() []*node { return append(append([]*node{}, f.servers...), f.workers...) }

// farmFile writes the farm file of a server.
func (f *farm) farmFile(name, listen, url string) (string, error) {
	text := fmt.Sprintf("listen: %s\nurl: %s\ndata: %s\n", listen, url, filepath.Join(f.dir, "data"))
	if f.o.Database != "" {
		text += fmt.Sprintf("database: %q\n", f.o.Database)
	}
	text += "projects:\n  chaos:\n    source: none\n    jobs:\n" + jobsYAML(f.dir)
	file := filepath.Join(f.dir, name+".yaml")
	return file, os.WriteFile(file, []byte(text), 0o600)
}

func (f *farm) makeServers() error {
	n := 1
	if f.o.Database != "" {
		n = 2
	}
	addresses, err := freePorts(n)
	if err != nil {
		return err
	}
	if f.proxy, err = NewProxy(addresses); err != nil {
		return err
	}
	for i, address := range addresses {
		name := fmt.Sprintf("server%d", i+1)
		file, err := f.farmFile(name, address, f.proxy.URL())
		if err != nil {
			return err
		}
		clock := filepath.Join(f.dir, name+".clock")
		f.clocks = append(f.clocks, clock)
		c, err := client.New("http://"+address, nil)
		if err != nil {
			return err
		}
		f.clients = append(f.clients, c)
		node, err := f.node(name, "serve", file)
		if err != nil {
			return err
		}
		node.env = append(node.env, "WEIR_CHAOS_CLOCK="+clock, "WEIR_CHAOS_LEASE="+f.o.Profile.Lease.String())
		f.servers = append(f.servers, node)
	}
	return nil
}

// freePorts finds addresses of this machine on which nobody listens. Servers leave
// theirs and come back, so the addresses are some that nobody else uses: all that
// begin with 127 are this machine's.
func freePorts(n int) ([]string, error) {
	var out []string
	own := fmt.Sprintf("127.%d.%d.%d:0", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254)) //nolint:gosec // nothing secret
	for range n {
		l, err := net.Listen("tcp", own)
		if err != nil {
			return nil, err
		}
		defer l.Close() // after all were chosen, so that they differ
		out = append(out, l.Addr().String())
	}
	return out, nil
}

func (f *farm) makeWorkers(ctx context.Context) error {
	token, err := f.weir(ctx, "token", "add", "chaos", "--admin", "-f", filepath.Join(f.dir, "server1.yaml"))
	if err != nil {
		return err
	}
	f.admin = strings.TrimSpace(token)
	for i := range f.o.Profile.workers() {
		name := fmt.Sprintf("worker%d", i+1)
		out, err := f.weir(ctx, "token", "add", name, "-f", filepath.Join(f.dir, "server1.yaml"))
		if err != nil {
			return err
		}
		n, err := f.node(name, "worker", "--server", f.proxy.URL(), "--slots", fmt.Sprint(f.o.Profile.slots()),
			"--dir", filepath.Join(f.dir, name, "disk", "worker"), "--products", filepath.Join(f.dir, "products"))
		if err != nil {
			return err
		}
		n.env = append(n.env, "WEIR_TOKEN="+strings.TrimSpace(out))
		if err := os.MkdirAll(filepath.Join(n.dir, "disk"), 0o755); err != nil { //nolint:gosec // a test's
			return err
		}
		f.workers = append(f.workers, n)
	}
	if f.o.Profile.Doses[FillDisk].Weight > 0 {
		var err error
		f.free, err = smallDisk(filepath.Join(f.workers[smallWorker].dir, "disk"))
		return err
	}
	return nil
}

// weir runs a verb to its end and returns what it prints.
func (f *farm) weir(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, f.o.Program, args...) //nolint:gosec // the program under test
	cmd.Env = f.env(filepath.Join(f.dir, "tmp"))
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("weir %s: %w: %s", args[0], err, exit.Stderr)
	}
	return string(out), err
}

func (f *farm) env(tmp string) []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Join(f.dir, "tmp"), "TMPDIR=" + tmp}
}

func (f *farm) node(name string, args ...string) (*node, error) {
	n := &node{name: name, dir: filepath.Join(f.dir, name), args: append([]string{f.o.Program}, args...),
		log: filepath.Join(f.dir, "logs", name+".log")}
	tmp := filepath.Join(n.dir, "tmp")
	n.env = f.env(tmp)
	return n, os.MkdirAll(tmp, 0o755) //nolint:gosec // a test's
}

// ready waits until the servers answer.
func (f *farm) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for i, c := range f.clients {
		for {
			_, err := c.Overview(ctx)
			if err == nil {
				break
			}
			if ctx.Err() != nil {
				return fmt.Errorf("%s does not answer: %w", f.servers[i].name, err)
			}
			<-time.After(50 * ms)
		}
	}
	return nil
}

// heal ends all faults and starts what does not run.
func (f *farm) heal() error {
	f.proxy.Heal()
	f.proxy.Settle()
	var errs []error
	for _, clock := range f.clocks {
		if err := os.Remove(clock); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	_ = os.Remove(f.filler())
	for _, n := range f.nodes() {
		signal(syscall.SIGCONT, processes(n.dir))
		errs = append(errs, n.start())
	}
	return errors.Join(errs...)
}

// filler is the file that fills the small disk.
func (f *farm) filler() string {
	return filepath.Join(f.workers[smallWorker].dir, "disk", "filler")
}

// farewell asks everything to end, workers first, and waits.
func (f *farm) farewell() {
	for _, group := range [][]*node{f.workers, f.servers} {
		var all sync.WaitGroup
		for _, n := range group {
			all.Go(func() {
				n.mu.Lock()
				n.wanted = false
				n.mu.Unlock()
				n.end(syscall.SIGTERM, endPatience)
			})
		}
		all.Wait()
	}
}

// patience is how long anything may take that needs a moment, on a machine that has
// far more to do.
const patience = 3 * time.Minute

// endPatience is how long a program may take to end when it is asked to and
// has nothing to do, or drains what the load gave it.
const endPatience = patience

// stop kills everything that is left.
func (f *farm) stop(ctx context.Context) {
	for _, n := range f.nodes() {
		n.mu.Lock()
		n.wanted, n.asked = false, true
		n.mu.Unlock()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	for _, n := range f.nodes() {
		killAll(ctx, n.dir)
	}
	if f.proxy != nil {
		f.proxy.Close()
	}
	if f.free != nil {
		_ = f.free()
	}
}
