package storetest

import (
	"math/rand/v2"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

func syncTests() []subtest {
	return []subtest{
		{"a step makes it running", testSyncRuns},
		{"the lease is extended", testSyncExtends},
		{"an older one changes no step", testSyncOrder},
		{"steps replace each other", testSyncSteps},
		{"doubled, overlapping and early frames", testSyncFrames},
		{"frames under doubling and reordering", testSyncProperty},
		{"fenced", testSyncFenced},
		{"logs of attempts are apart", testSyncAttempts},
	}
}

// dataMark stands before the text in a frame's data: a store must keep the
// bytes, not look into them.
const dataMark = "\x28\xb5\x2f\xfd\x00"

// frame makes a log frame. Its data is not really compressed.
func frame(step int, offset, firstLine int64, text string) weir.LogFrame {
	return weir.LogFrame{Step: step, Offset: offset, FirstLine: firstLine, Size: len(text), Lines: strings.Count(text, "\n"),
		At: epoch.Add(time.Duration(offset) * time.Microsecond), Data: []byte(dataMark + text)}
}

// frames cuts texts into frames that follow each other.
func frames(step int, texts ...string) (out []weir.LogFrame) {
	var offset, lines int64
	for _, text := range texts {
		f := frame(step, offset, lines, text)
		out = append(out, f)
		offset += int64(f.Size)
		lines += int64(f.Lines)
	}
	return out
}

// send syncs, and returns where a step's log is said to end.
func (f *fixture) send(s store.Sync) map[int]int64 {
	f.Helper()
	answer, err := f.Sync(f.ctx, s)
	f.ok(err)
	if answer.Cancel != nil {
		f.Errorf("a live attempt is told to end: %+v", answer.Cancel)
	}
	return answer.Offsets
}

func testSyncRuns(f *fixture) {
	l := f.leaseBuild(f.change(f.builder("a"), 1))
	s := f.sync(l, 1)
	f.send(s)
	b := f.state(l.Build.ID, weir.Running)
	if b.Started.IsZero() {
		f.Errorf("a running build has no start")
	}
	started := b.Started
	f.send(f.sync(l, 2))
	equal(f, "start", f.state(l.Build.ID, weir.Running).Started, started)

	f.finish(l, weir.ReasonWorker)
	again := f.leaseBuild(l.Build.ID)
	f.send(f.sync(again, 1))
	if b := f.state(l.Build.ID, weir.Running); !b.Started.After(started) {
		f.Errorf("start %v is not of the newest attempt, the first began %v", b.Started, started)
	}
}

func testSyncExtends(f *fixture) {
	l := f.leaseBuild(f.change(f.builder("a"), 1))
	first, second := f.sync(l, 1), f.sync(l, 2)
	second.Deadline = second.Now.Add(time.Hour)
	f.send(first)
	f.send(second)
	deadline := func() time.Time { return must[[]weir.Attempt](f)(f.Attempts(f.ctx, l.Build.ID))[0].Deadline }
	equal(f, "deadline", deadline(), second.Deadline)
	f.send(first)
	if got := deadline(); got.Before(second.Deadline) {
		f.Errorf("a sync that came late shortened the lease from %v to %v", second.Deadline, got)
	}
	ended := must[[]weir.AttemptID](f)(f.Expire(f.ctx, second.Deadline.Add(-time.Second)))
	equal(f, "expired before the deadline", len(ended), 0)
	ended = must[[]weir.AttemptID](f)(f.Expire(f.ctx, second.Deadline.Add(time.Second)))
	equal(f, "expired after the deadline", ended, []weir.AttemptID{l.Attempt})
}

func testSyncOrder(f *fixture) {
	l := f.leaseBuild(f.change(f.builder("a"), 1))
	steps := func() []weir.StepRecord { return must[[]weir.StepRecord](f)(f.Steps(f.ctx, l.Attempt)) }
	old, recent := f.sync(l, 3, frame(0, 0, 0, "one\n")), f.sync(l, 7, frame(0, 4, 1, "two\n"))
	old.Steps = append(old.Steps, weir.StepRecord{Index: 1, Name: "never", State: weir.StepWaiting})
	recent.Steps[0].State, recent.Steps[0].Ended = weir.StepPassed, recent.Now

	equal(f, "a frame that came early", f.send(recent)[0], 0)
	equal(f, "steps", steps(), recent.Steps)
	equal(f, "an older sync's frame is new", f.send(old)[0], 4)
	equal(f, "steps after an older sync", steps(), recent.Steps)
	equal(f, "sent again", f.send(recent)[0], 8)
	equal(f, "steps after the same sync", steps(), recent.Steps)
	equal(f, "log", f.log(l.Attempt, 0), "one\ntwo\n")
}

func testSyncSteps(f *fixture) {
	l := f.leaseBuild(f.change(f.builder("a"), 1))
	now := f.now()
	checkout := weir.StepRecord{Index: 0, Name: "checkout", State: weir.StepPassed, Started: now, Ended: f.now()}
	test := weir.StepRecord{Index: 1, Name: "test", State: weir.StepRunning, Started: f.now(), Note: "at work"}
	results := weir.StepRecord{Index: 2, Name: "results", State: weir.StepWaiting}
	s := f.sync(l, 1)
	s.Steps = []weir.StepRecord{results, checkout}
	f.send(s)
	s = f.sync(l, 2)
	s.Steps = []weir.StepRecord{test}
	f.send(s)
	read := func() []weir.StepRecord { return must[[]weir.StepRecord](f)(f.Steps(f.ctx, l.Attempt)) }
	equal(f, "steps in order", read(), []weir.StepRecord{checkout, test, results})

	test.State, test.Ended, test.ExitCode, test.Note = weir.StepFailed, f.now(), 3, ""
	results.State, results.Signal = weir.StepKilled, "killed"
	e := f.ending(l, weir.ReasonStep)
	e.Steps = []weir.StepRecord{checkout, test, results}
	_, err := f.Finish(f.ctx, e)
	f.ok(err)
	equal(f, "final steps", read(), e.Steps)
}

func testSyncFrames(f *fixture) {
	l := f.leaseBuild(f.change(f.builder("a"), 1))
	fs := frames(0, "alpha\nbe", "ta\n", "gamma\n")
	for i, step := range []struct {
		frames []weir.LogFrame
		want   int64
	}{
		{fs[1:2], 0}, // early: a gap before it
		{fs[:1], 8},  // the first
		{fs[:1], 8},  // doubled
		{[]weir.LogFrame{frame(0, 3, 0, "ha\nbeta")}, 8}, // overlaps the end
		{[]weir.LogFrame{fs[0], fs[1], fs[2]}, 17},       // a known one and two new ones
		{[]weir.LogFrame{fs[2], fs[0]}, 17},              // known, in any order
	} {
		got := f.send(f.sync(l, int64(i+1), step.frames...))
		if got[0] != step.want {
			f.Errorf("sync %d: the log ends at %d, want %d", i, got[0], step.want)
		}
	}
	equal(f, "log", f.log(l.Attempt, 0), "alpha\nbeta\ngamma\n")

	other := f.send(f.sync(l, 20, frame(2, 0, 0, "x")))
	equal(f, "offsets of all steps", []int64{other[0], other[2]}, []int64{17, 1})
	sizes := must[[]store.LogSize](f)(f.LogSizes(f.ctx, l.Attempt))
	for i := range sizes {
		sizes[i].Pending = 0
	}
	equal(f, "sizes", sizes, []store.LogSize{{Step: 0, Bytes: 17, Lines: 3}, {Step: 2, Bytes: 1}})
}

// testSyncProperty lets a worker cut random bytes into frames while the
// network doubles, delays and loses messages.
func testSyncProperty(f *fixture) {
	for seed := range uint64(4) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		l := f.leaseBuild(f.change(f.builder("a"), int(seed)))
		text := randomText(rnd, 2000)
		var sent []store.Sync
		var known int64
		for seq := int64(1); known < int64(len(text)); seq++ {
			from := known
			if rnd.IntN(3) == 0 {
				from = rnd.Int64N(known + 1) // the worker has forgotten an answer
			}
			from = boundary(sent, from)
			var cut []weir.LogFrame
			for range 1 + rnd.IntN(4) {
				size := min(int64(1+rnd.IntN(200)), int64(len(text))-from)
				if size > 0 {
					cut = append(cut, frame(0, from, int64(strings.Count(text[:from], "\n")), text[from:from+size]))
				}
				from += size
			}
			sent = append(sent, f.sync(l, seq, cut...))
			if rnd.IntN(4) > 0 { // else it is lost on the way
				known = f.send(sent[len(sent)-1])[0]
			}
			if rnd.IntN(2) == 0 { // an old one arrives again, or at last
				if got := f.send(sent[rnd.IntN(len(sent))])[0]; got < known {
					f.Fatalf("seed %d: the log shrank from %d to %d", seed, known, got)
				} else {
					known = got
				}
			}
		}
		if got := f.log(l.Attempt, 0); got != text {
			f.Fatalf("seed %d: %d bytes read, %d written, or not the same", seed, len(got), len(text))
		}
	}
}

// boundary is the start of the newest frame sent that begins at or before
// from: a worker sends frames again as it cut them, or goes on at the end.
func boundary(sent []store.Sync, from int64) int64 {
	var best int64
	for _, s := range sent {
		for _, fr := range s.Frames {
			if end := fr.Offset + int64(fr.Size); end <= from {
				best = max(best, end)
			}
		}
	}
	return best
}

func randomText(rnd *rand.Rand, n int) string {
	text := make([]byte, n)
	for i := range text {
		if text[i] = byte(rnd.UintN(256)); rnd.IntN(20) == 0 {
			text[i] = '\n'
		}
	}
	return string(text)
}

func testSyncFenced(f *fixture) {
	a := f.builder("a")
	fenced := func(what string, s store.Sync) {
		f.Helper()
		answer, err := f.Sync(f.ctx, s)
		if weir.CodeOf(err) != weir.Fenced {
			f.Errorf("%s: answer %+v, error %v", what, answer, err)
		}
	}
	l := f.leaseBuild(f.change(a, 1))
	bad := f.sync(l, 1, frame(0, 0, 0, "evil\n"))
	bad.Token = "guessed"
	fenced("a wrong token", bad)
	bad.Token = ""
	fenced("no token", bad)
	f.state(l.Build.ID, weir.Leased)
	for _, id := range []weir.AttemptID{{Build: l.Build.ID, Number: 2}, {Build: 999, Number: 1}, {}} {
		s := f.sync(l, 1)
		s.Attempt = id
		fenced("attempt "+id.String(), s)
	}
	other := f.leaseBuild(f.change(a, 2))
	crossed := f.sync(l, 1)
	crossed.Token = other.Token
	fenced("another attempt's token", crossed)

	f.finish(l, weir.ReasonWorker)
	fenced("a finished attempt", f.sync(l, 2, frame(0, 0, 0, "late\n")))
	again := f.leaseBuild(l.Build.ID)
	fenced("a lease that was given away", f.sync(l, 3, frame(0, 0, 0, "late\n")))
	equal(f, "log", f.log(l.Attempt, 0)+f.log(again.Attempt, 0), "")

	must[[]weir.AttemptID](f)(f.Expire(f.ctx, f.now().Add(time.Hour)))
	fenced("an expired attempt", f.sync(again, 1))
}

func testSyncAttempts(f *fixture) {
	l := f.leaseBuild(f.change(f.builder("a"), 1))
	f.send(f.sync(l, 9, frame(0, 0, 0, "first\n")))
	f.finish(l, weir.ReasonWorker)
	again := f.leaseBuild(l.Build.ID)
	equal(f, "attempt", again.Attempt.Number, 2)
	equal(f, "where a new attempt's log begins", f.send(f.sync(again, 1, frame(0, 0, 0, "2nd\n")))[0], 4)
	equal(f, "both logs", f.log(l.Attempt, 0)+f.log(again.Attempt, 0), "first\n2nd\n")
	equal(f, "steps of both", len(must[[]weir.StepRecord](f)(f.Steps(f.ctx, l.Attempt)))+
		len(must[[]weir.StepRecord](f)(f.Steps(f.ctx, again.Attempt))), 2)
}
