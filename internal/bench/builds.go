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
	if err := b.coldStarts(ctx, s, "start.cold"); err != nil {
		return err
	}
	if err := upWarm(ctx, s); err != nil {
		return err
	}
	if err := pause(ctx, b.size.idle); err != nil {
		return err
	}
	b.add(s, "start.server", s.Parts().Server.Memory().PSS)
	b.add(s, "start.worker", s.Parts().Worker.Memory().PSS)
	return nil
}

// coldStarts measures how long a server takes to answer after its start. It
// is down before and after.
func (b *Bench) coldStarts(ctx context.Context, s Subject, row string) error {
	for range b.size.starts {
		begin := time.Now()
		if err := s.Start(ctx); err != nil {
			return err
		}
		b.add(s, row, seconds(time.Since(begin)))
		if err := s.Stop(); err != nil {
			return err
		}
	}
	return nil
}

// upWarm starts server and worker and runs a first, trivial build.
func upWarm(ctx context.Context, s Subject) error {
	if err := up(ctx, s, 2); err != nil {
		return err
	}
	_, err := s.Run(ctx, JobTrue)
	return err
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
	if err := upWarm(ctx, s); err != nil {
		return err
	}
	trips := b.scaled(s, b.size.trips)
	if err := b.untilRunning(ctx, s, JobStamp, trips, "latency.start"); err != nil {
		return err
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
	return b.untilRunning(ctx, s, JobPush, max(1, trips/20), "latency.push")
}

// untilRunning measures the time from a request to the job's command.
func (b *Bench) untilRunning(ctx context.Context, s Subject, job Job, times int, row string) error {
	for range times {
		trip, stamp, err := b.runStamped(ctx, s, job)
		if err != nil {
			return err
		}
		b.add(s, row, seconds(stamp.Sub(trip.Sent)))
	}
	return nil
}

// runStamped runs a job once, and returns what time it wrote down.
func (b *Bench) runStamped(ctx context.Context, s Subject, job Job) (Trip, time.Time, error) {
	trip, err := s.Run(ctx, job)
	if err != nil {
		return trip, time.Time{}, err
	}
	stamp, err := b.files.stamp()
	return trip, stamp, err
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
