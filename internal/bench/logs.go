package bench

import (
	"context"
	"errors"
	"time"

	"github.com/weir-ci/weir/internal/bench/generate"
	"github.com/weir-ci/weir/internal/bench/process"
)

// pipe measures what there is to beat: the same command into a pipe, and from
// there into a file.
func (b *Bench) pipe(ctx context.Context) (float64, error) {
	begin := time.Now()
	_, err := process.Run(ctx, process.Command{Dir: string(b.files), Args: []string{"/bin/sh", "-c", "cat log | cat >copy && rm copy"}})
	return seconds(time.Since(begin)), err
}

// logs measures a build that prints 100 MB, and the reading of its log.
func (b *Bench) logs(ctx context.Context, s Subject) error {
	lines := b.size.logLines
	if err := generate.Log(b.files.path("log"), lines); err != nil {
		return err
	}
	stored, err := b.warm(ctx, s)
	if err != nil {
		return err
	}
	var build int64
	for range b.scaled(s, b.size.logs) {
		if build, stored, err = b.oneLog(ctx, s, stored); err != nil {
			return err
		}
	}
	if err := b.readLog(ctx, s, build, lines, ""); err != nil {
		return err
	}
	if b.options.Peers { // ten times as much would take Buildbot minutes
		return nil
	}
	if err := generate.Log(b.files.path("log"), b.size.hugeLines); err != nil {
		return err
	}
	if err := s.StartWorker(ctx, 2); err != nil {
		return err
	}
	trip, err := s.Run(ctx, JobLog)
	if err != nil {
		return err
	}
	b.add(s, "logs.hugewall", seconds(trip.Ended.Sub(trip.Sent)))
	now, err := b.stored(ctx, s)
	if err != nil {
		return err
	}
	b.add(s, "logs.hugestored", now-stored)
	return b.readLog(ctx, s, trip.Build, b.size.hugeLines, "huge")
}

// warm takes one trivial build through a new farm, and returns what is stored
// then. The farm is down afterwards.
func (b *Bench) warm(ctx context.Context, s Subject) (float64, error) {
	if err := upWarm(ctx, s); err != nil {
		return 0, err
	}
	return b.stored(ctx, s)
}

// oneLog takes one long log through the farm, which is down before and after.
func (b *Bench) oneLog(ctx context.Context, s Subject, stored float64) (build int64, now float64, err error) {
	pipe, err := b.pipe(ctx)
	if err != nil {
		return 0, 0, err
	}
	if err := upWarm(ctx, s); err != nil {
		return 0, 0, err
	}
	p := s.Parts()
	p.Server.ResetPeak()
	p.Worker.ResetPeak()
	server, worker := p.Server.Memory(), p.Worker.Memory()
	serverCPU, workerCPU := process.CPU(p.Server, p.Database), process.CPU(p.Worker)
	trip, err := s.Run(ctx, JobLog)
	if err != nil {
		return 0, 0, err
	}
	took := seconds(trip.Ended.Sub(trip.Sent))
	b.add(s, "logs.wall", took)
	b.add(s, "logs.pipe", took/pipe)
	ended := process.CPU(p.Server, p.Database)
	b.add(s, "logs.cpu", ended-serverCPU)
	if err := b.settled(ctx, s); err != nil {
		return 0, 0, err
	}
	b.add(s, "logs.growth", p.Server.Memory().Peak-server.RSS)
	b.add(s, "logs.growthworker", p.Worker.Memory().Peak-worker.RSS)
	b.add(s, "logs.cpulater", process.CPU(p.Server, p.Database)-ended)
	b.add(s, "logs.cpuworker", process.CPU(p.Worker)-workerCPU)
	now, err = b.stored(ctx, s)
	b.add(s, "logs.stored", now-stored)
	return trip.Build, now, err
}

// settled waits until a server has nothing left to do about logs, and what is
// stored does not change any more.
func (b *Bench) settled(ctx context.Context, s Subject) error {
	last, quiet := -1.0, 0
	for quiet < b.size.settle {
		now, err := s.Parts().Stored(ctx)
		if err != nil {
			return err
		}
		busy := false
		if packing := s.Parts().Packing; packing != nil {
			if busy, err = packing(ctx); err != nil {
				return err
			}
		}
		if quiet++; now != last || busy {
			last, quiet = now, 0
		}
		if err := pause(ctx, 250*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// stored is what a server has stored that has nothing left to do and has been
// stopped, so that its database lies in order.
func (b *Bench) stored(ctx context.Context, s Subject) (float64, error) {
	if err := errors.Join(b.settled(ctx, s), s.Stop()); err != nil {
		return 0, err
	}
	return s.Parts().Stored(ctx)
}

// readLog starts the server and measures the reading of a log. which goes
// into the rows' ids.
func (b *Bench) readLog(ctx context.Context, s Subject, build int64, lines int, which string) error {
	if err := s.Start(ctx); err != nil {
		return err
	}
	urls, err := s.Log(ctx, build)
	if err != nil {
		return err
	}
	reader := newWeb()
	if which == "" {
		server := s.Parts().Server
		server.ResetPeak()
		before := server.Memory()
		for range b.scaled(s, b.size.wholes) {
			took, _, err := reader.fetch(ctx, urls.Whole)
			if err != nil {
				return err
			}
			b.add(s, "logs.whole", seconds(took))
		}
		b.add(s, "logs.wholegrowth", server.Memory().Peak-before.RSS)
	}
	for i := range b.size.reads {
		took, _, err := reader.fetch(ctx, urls.Tail)
		if err != nil {
			return err
		}
		b.add(s, "logs."+which+"tail", seconds(took))
		at := (lines/2 + i*997) % lines
		if took, _, err = reader.fetch(ctx, urls.Middle(at)); err != nil {
			return err
		}
		b.add(s, "logs."+which+"middle", seconds(took))
	}
	return nil
}
