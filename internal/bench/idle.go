package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/app"
	"github.com/weir-ci/weir/internal/protocol"

	"github.com/weir-ci/weir/internal/bench/process"
)

// leasePatience is how long an idle worker may take to get a build that is queued.
const leasePatience = 5 * time.Minute

// crowd is many workers that wait for work, in one process and without the
// ability to do any: a build that one of them gets has passed at once.
type crowd struct {
	base   string
	client *http.Client
	leased chan time.Time // when one of them got something
}

// member is one worker of a crowd.
type member struct {
	crowd *crowd
	web   web
	epoch int64
	seq   int64
}

// idleWorkers measures what workers cost that wait for work, and how long it
// takes until one of them has it.
func (b *Bench) idleWorkers(ctx context.Context, s Subject) (err error) {
	w, ok := s.(*Weir)
	if !ok {
		return fmt.Errorf("%s has no workers of this kind", s.Name())
	}
	tokens, err := w.tokens(ctx, b.size.workers)
	if err != nil {
		return err
	}
	// What a new farm builds by itself is not for them.
	if err := errors.Join(up(ctx, s, 2), s.StopWorker()); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	members, memberCtx := errgroup.WithContext(ctx)
	defer func() {
		stop()
		if left := members.Wait(); !errors.Is(left, context.Canceled) {
			err = errors.Join(err, left)
		}
	}()
	c := &crowd{base: w.url(""), leased: make(chan time.Time, 1),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: len(tokens), DisableCompression: true}}}
	if err := c.join(memberCtx, members, tokens); err != nil {
		return err
	}
	if err := pause(ctx, b.size.idleTime/4); err != nil { // until all wait
		return err
	}
	b.add(s, "idle.workers", float64(len(tokens)))
	b.add(s, "idle.memory", s.Parts().Server.Memory().RSS)
	before, begin := process.CPU(s.Parts().Server, s.Parts().Database), time.Now()
	if err := pause(ctx, b.size.idleTime); err != nil {
		return err
	}
	b.add(s, "idle.cpu", (process.CPU(s.Parts().Server, s.Parts().Database)-before)/time.Since(begin).Minutes())
	for range b.size.leases {
		sent := time.Now()
		if _, err := w.force(ctx, JobTrue, 1); err != nil {
			return err
		}
		select {
		case at := <-c.leased:
			b.add(s, "idle.lease", seconds(at.Sub(sent)))
		case <-memberCtx.Done():
			return context.Cause(memberCtx)
		case <-time.After(leasePatience):
			return fmt.Errorf("a build was queued and none of the idle workers got it within %s", leasePatience)
		}
	}
	return nil
}

// join brings all members in, a few at a time, and leaves them waiting.
func (c *crowd) join(ctx context.Context, members *errgroup.Group, tokens []string) error {
	var hellos errgroup.Group
	hellos.SetLimit(32)
	var mu sync.Mutex
	var ready []*member
	for i, token := range tokens {
		hellos.Go(func() error {
			m := &member{crowd: c, web: web{client: c.client, token: token}}
			var answer protocol.HelloAnswer
			hello := protocol.Hello{Version: protocol.Version, Platform: app.HostPlatform(), Slots: 1, Program: "bench", Instance: fmt.Sprint("crowd", i)}
			if err := m.web.call(ctx, http.MethodPost, c.base+"worker/v1/hello", hello, &answer); err != nil {
				return err
			}
			m.epoch = answer.Epoch
			mu.Lock()
			defer mu.Unlock()
			ready = append(ready, m)
			return nil
		})
	}
	if err := hellos.Wait(); err != nil {
		return err
	}
	for _, m := range ready {
		members.Go(func() error { return m.wait(ctx) })
	}
	return nil
}

// wait asks for work until the context ends, and gives back what it gets.
func (m *member) wait(ctx context.Context) error {
	for {
		m.seq++
		ask := protocol.Lease{Free: 1, Wait: protocol.MaxLeaseWait, Epoch: m.epoch, Seq: m.seq}
		var answer protocol.LeaseAnswer
		if err := m.web.call(ctx, http.MethodPost, m.crowd.base+"worker/v1/lease", ask, &answer); err != nil {
			if ctx.Err() != nil {
				return context.Canceled
			}
			return err
		}
		for _, a := range answer.Attempts {
			at := time.Now()
			finish := protocol.Finish{Token: a.Token, Outcome: weir.Passed, Steps: []weir.StepRecord{}}
			if err := m.web.call(ctx, http.MethodPost, m.crowd.base+"worker/v1/attempts/"+a.Attempt.String()+"/finish", finish, nil); err != nil {
				return err
			}
			select {
			case m.crowd.leased <- at:
			case <-ctx.Done():
				return context.Canceled
			}
		}
	}
}

// tokens makes tokens for many workers, while no server runs.
func (w *Weir) tokens(ctx context.Context, count int) (_ []string, err error) {
	db, err := w.store(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tokens := make([]string, count)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.NumCPU())
	for i := range tokens {
		group.Go(func() error {
			var err error
			tokens[i], err = app.NewToken(ctx, db, fmt.Sprintf("crowd%04d", i), false)
			return err
		})
	}
	return tokens, group.Wait()
}
