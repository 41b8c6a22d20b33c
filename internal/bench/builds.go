package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weir-ci/weir/internal/bench/process"
)

// starting measures how long a server takes to answer after its start, and
// what server and worker hold when nothing happens.
func (b *Bench) starting(ctx context.Context, s Subject) error {
	for range b.size.starts {
		begin := time.Now()
		if err := s.Start(ctx); err != nil {
			return err
		}
		b.add(s, "start.cold", seconds(time.Since(begin)))
		if err := s.Stop(); err != nil {
			return err
		}
	}
	if err := up(ctx, s, 2); err != nil {
		return err
	}
	if _, err := s.Run(ctx, JobTrue); err != nil {
		return err
	}
	if err := pause(ctx, b.size.idle); err != nil {
		return err
	}
	b.add(s, "start.server", s.Parts().Server.Memory().PSS)
	b.add(s, "start.worker", s.Parts().Worker.Memory().PSS)
	return nil
}

// up starts server and worker.
func up(ctx context.Context, s Subject, slots int) error {
	if err := s.Start(ctx); err != nil {
		return err
	}
	return s.StartWorker(ctx, slots)
}

// latency measures how long a request takes to become a running command, and
// its end to become known, when there is nothing else to do.
func (b *Bench) latency(ctx context.Context, s Subject) error {
	if err := up(ctx, s, 2); err != nil {
		return err
	}
	if _, err := s.Run(ctx, JobTrue); err != nil { // the first one is for warming up
		return err
	}
	trips := b.scaled(s, b.size.trips)
	for range trips {
		trip, err := s.Run(ctx, JobStamp)
		if err != nil {
			return err
		}
		stamp, err := b.files.stamp()
		if err != nil {
			return err
		}
		b.add(s, "latency.start", seconds(stamp.Sub(trip.Sent)))
	}
	for range trips {
		trip, err := s.Run(ctx, JobTrue)
		if err != nil {
			return err
		}
		b.add(s, "latency.end", seconds(trip.Ended.Sub(trip.Sent)))
	}
	if s.Name() == buildbotColumn {
		return nil
	}
	for range max(1, trips/20) {
		trip, err := s.Run(ctx, JobPush)
		if err != nil {
			return err
		}
		stamp, err := b.files.stamp()
		if err != nil {
			return err
		}
		b.add(s, "latency.push", seconds(stamp.Sub(trip.Sent)))
	}
	return nil
}

// builds measures how fast trivial builds get into the queue and out of it,
// and what each of them costs.
func (b *Bench) builds(ctx context.Context, s Subject) error {
	count := b.scaled(s, b.size.builds)
	before, err := b.warm(ctx, s)
	if err != nil {
		return err
	}
	if err := s.Start(ctx); err != nil {
		return err
	}
	done := 0
	for range b.size.rounds {
		for _, slots := range []int{2, 8} {
			if err := b.drain(ctx, s, count, slots); err != nil {
				return err
			}
			done += count
		}
	}
	b.add(s, "builds.server", s.Parts().Server.Memory().Peak)
	// A database that is closed has put everything where it belongs.
	if err := s.Stop(); err != nil {
		return err
	}
	after, err := s.Parts().Stored(ctx)
	b.add(s, "builds.stored", (after-before)/float64(done))
	return err
}

// drain queues builds while there is no worker, then lets one have them.
func (b *Bench) drain(ctx context.Context, s Subject, count, slots int) error {
	// Some servers have to know the slots beforehand.
	if err := errors.Join(s.StartWorker(ctx, slots), s.StopWorker()); err != nil {
		return err
	}
	server, database := process.CPU(s.Parts().Server), process.CPU(s.Parts().Database)
	begin := time.Now()
	if err := s.Queue(ctx, count, b.size.connections); err != nil {
		return err
	}
	b.add(s, "builds.accept", float64(count)/seconds(time.Since(begin)))
	if err := s.StartWorker(ctx, slots); err != nil {
		return err
	}
	took, err := s.Drain(ctx)
	if err != nil {
		return err
	}
	b.add(s, fmt.Sprint("builds.slots", slots), float64(count)/seconds(took))
	b.add(s, "builds.cpu", (process.CPU(s.Parts().Server)-server)/float64(count))
	b.add(s, "builds.cpuworker", process.CPU(s.Parts().Worker)/float64(count))
	if s.Parts().Database != nil {
		b.add(s, "builds.cpudatabase", (process.CPU(s.Parts().Database)-database)/float64(count))
	}
	if slots == 8 {
		b.add(s, "builds.worker", s.Parts().Worker.Memory().Peak)
	}
	return s.StopWorker()
}
