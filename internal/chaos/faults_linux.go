package chaos

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"
)

// hit lets a fault happen and ends it when its time is up. It reports whether
// there was anything that it could happen to.
func (r *run) hit(ctx context.Context, f Fault) bool {
	switch f.Kind {
	case KillServer, EndServer, StopServer, SetClock:
		i, n := pick(r.servers, f.Target)
		defer n.busy.Unlock()
		return r.hitServer(ctx, f, i, n)
	case KillWorker, StopWorker, EndWorker, KillMachine, StopMachine:
		_, n := pick(r.workers, f.Target)
		defer n.busy.Unlock()
		return r.hitWorker(ctx, f, n)
	case KillSupervisor, StopSupervisor:
		return r.hitSupervisor(ctx, f)
	case FillDisk:
		// Its programs may be killed meanwhile.
		r.full.Lock()
		defer r.full.Unlock()
		fill(r.filler())
		pause(ctx, f.For)
		return os.Remove(r.filler()) == nil
	case Cut, HalfClose:
		r.proxy.Cut(f.Kind == HalfClose)
	case Slow:
		end := r.proxy.Slow(f.Amount)
		pause(ctx, f.For)
		end()
	case Silence:
		end := r.proxy.Silence()
		pause(ctx, f.For)
		end()
	default:
		r.proxy.Arm(f)
	}
	return true
}

// pick chooses a node that suffers from nothing else, or waits for one, and locks it.
func pick(nodes []*node, target int) (int, *node) {
	for k := range nodes {
		i := (target + k) % len(nodes)
		if nodes[i].busy.TryLock() {
			return i, nodes[i]
		}
	}
	i := target % len(nodes)
	nodes[i].busy.Lock()
	return i, nodes[i]
}

func (r *run) hitServer(ctx context.Context, f Fault, i int, n *node) bool {
	switch f.Kind {
	case KillServer:
		return again(ctx, n, syscall.SIGKILL, f.For)
	case EndServer:
		return again(ctx, n, syscall.SIGTERM, f.For)
	case SetClock:
		wrong := fmt.Sprint(int64(f.Amount / time.Second))
		if os.WriteFile(r.clocks[i], []byte(wrong), 0o600) != nil {
			return false
		}
		pause(ctx, f.For)
		return os.Remove(r.clocks[i]) == nil
	default:
		return freeze(ctx, running(ctx, n), f.For)
	}
}

// running is the program of a node, as soon as it runs.
func running(ctx context.Context, n *node) []process {
	for range 50 {
		if pid := n.pid(); pid != 0 {
			return []process{{pid: pid}}
		}
		pause(ctx, 100*ms)
	}
	return nil
}

func (r *run) hitWorker(ctx context.Context, f Fault, n *node) bool {
	switch f.Kind {
	case KillWorker:
		return again(ctx, n, syscall.SIGKILL, f.For)
	case EndWorker:
		return again(ctx, n, syscall.SIGTERM, f.For)
	case KillMachine:
		n.mu.Lock()
		n.asked = true
		n.mu.Unlock()
		killAll(ctx, n.dir)
		n.end(syscall.SIGKILL, endPatience) // its end was not noticed yet
		pause(ctx, f.For)
		return n.start() == nil
	case StopMachine:
		return freeze(ctx, processes(n.dir), f.For)
	default:
		return freeze(ctx, running(ctx, n), f.For)
	}
}

// hitSupervisor hits one of the processes that run attempts, of whichever
// worker has one, as soon as there is one.
func (r *run) hitSupervisor(ctx context.Context, f Fault) bool {
	for range 100 {
		if n, p := r.supervisor(f.Target); n != nil {
			hit := syscall.Kill(p.pid, 0) == nil
			if f.Kind == StopSupervisor {
				freeze(ctx, []process{p}, f.For)
			} else {
				hit = syscall.Kill(p.pid, syscall.SIGKILL) == nil
			}
			n.busy.Unlock()
			if hit {
				return true
			}
		}
		pause(ctx, 100*ms)
	}
	return false
}

// supervisor finds one, and locks its node.
func (r *run) supervisor(target int) (*node, process) {
	for k := range r.workers {
		n := r.workers[(target+k)%len(r.workers)]
		if !n.busy.TryLock() {
			continue
		}
		var found []process
		for _, p := range processes(n.dir) {
			if p.supervisor() {
				found = append(found, p)
			}
		}
		if len(found) > 0 {
			return n, found[target/len(r.workers)%len(found)]
		}
		n.busy.Unlock()
	}
	return nil, process{}
}

// again ends a program and starts it again.
func again(ctx context.Context, n *node, sig syscall.Signal, after time.Duration) bool {
	n.end(sig, endPatience)
	pause(ctx, after)
	return n.start() == nil
}

// freeze stops processes for a while.
func freeze(ctx context.Context, list []process, d time.Duration) bool {
	if len(list) == 0 {
		return false
	}
	signal(syscall.SIGSTOP, list)
	pause(ctx, d)
	signal(syscall.SIGCONT, list)
	return true
}
