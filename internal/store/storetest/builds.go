package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

func buildsTests() []subtest {
	return []subtest{
		{"not found", testBuildNotFound},
		{"lists, filtered", testListBuilds},
		{"lists, page by page", testListPages},
		{"times are kept to the microsecond, in UTC", testTimes},
	}
}

func logTests() []subtest {
	return []subtest{
		{"read from a line on", testLogLines},
		{"read from the end", testLogTail},
		{"lines that span frames", testLongLines},
		{"sizes", testLogSizes},
		{"not found", testLogMissing},
	}
}

func overviewTests() []subtest {
	return []subtest{
		{"runs, newest first", testRuns},
		{"builder heads", testBuilderHeads},
		{"queue depth", testQueueDepth},
	}
}

func testBuildNotFound(f *fixture) {
	for _, id := range []weir.BuildID{0, 999, -1} {
		_, err := f.Build(f.ctx, id)
		f.code(err, weir.NotFound)
		_, err = f.BuildSpec(f.ctx, id)
		f.code(err, weir.NotFound)
	}
	_, err := f.Store.Run(f.ctx, 999)
	f.code(err, weir.NotFound)
}

func testListBuilds(f *fixture) {
	a, mac, b := f.builder("a"), f.builderOn("a", darwin), f.builder("b")
	run, all, err := f.CreateRun(f.ctx, f.run(weir.CauseChange, build(a, own(a, 1)), build(mac, own(mac, 1)), build(b, own(b, 1)), build(b, own(b, 2))))
	f.ok(err)
	more := f.change(a, 2)
	f.finish(f.leaseBuild(all[0]), weir.ReasonNone)
	f.leaseBuild(all[2])
	for name, c := range map[string]struct {
		filter store.BuildFilter
		want   []weir.BuildID
	}{
		"all":        {store.BuildFilter{}, []weir.BuildID{more, all[3], all[2], all[1], all[0]}},
		"limit":      {store.BuildFilter{Limit: 2}, []weir.BuildID{more, all[3]}},
		"run":        {store.BuildFilter{Run: run.ID}, []weir.BuildID{all[3], all[2], all[1], all[0]}},
		"project":    {store.BuildFilter{Project: "a"}, []weir.BuildID{more, all[1], all[0]}},
		"no project": {store.BuildFilter{Project: "%"}, []weir.BuildID{}},
		"builder":    {store.BuildFilter{Builder: a.ID}, []weir.BuildID{more, all[0]}},
		"state":      {store.BuildFilter{States: []weir.State{weir.Leased}}, []weir.BuildID{all[2]}},
		"states":     {store.BuildFilter{States: []weir.State{weir.Finished, weir.Queued}}, []weir.BuildID{more, all[3], all[1], all[0]}},
		"before":     {store.BuildFilter{Before: all[2]}, []weir.BuildID{all[1], all[0]}},
		"everything": {store.BuildFilter{Run: run.ID, Project: "b", Builder: b.ID, States: []weir.State{weir.Queued}, Before: more, Limit: 5}, []weir.BuildID{all[3]}},
	} {
		got := must[[]weir.Build](f)(f.ListBuilds(f.ctx, c.filter))
		equal(f, name, ids(got), c.want)
		for _, b := range got {
			equal(f, "a listed build", b, f.get(b.ID))
		}
	}
}

func testListPages(f *fixture) {
	const builds = 1050
	a := f.builder("a")
	var run []store.NewBuild
	for i := range builds {
		run = append(run, build(a, own(a, i)))
	}
	all := f.create(weir.CauseChange, run...)
	slices.Reverse(all)
	equal(f, "default limit", ids(must[[]weir.Build](f)(f.ListBuilds(f.ctx, store.BuildFilter{}))), all[:100])
	for _, limit := range []int{1001, 1 << 30} {
		got := must[[]weir.Build](f)(f.ListBuilds(f.ctx, store.BuildFilter{Limit: limit}))
		equal(f, fmt.Sprint("limit ", limit), len(got), 1000)
	}
	var paged []weir.BuildID
	for filter := (store.BuildFilter{Limit: 400}); ; filter.Before = paged[len(paged)-1] {
		got := ids(must[[]weir.Build](f)(f.ListBuilds(f.ctx, filter)))
		if paged = append(paged, got...); len(got) < 400 {
			break
		}
	}
	equal(f, "pages", paged, all)
}

func testTimes(f *fixture) {
	zone := time.FixedZone("far", 5*3600+1800)
	at := time.Date(2031, 12, 31, 23, 59, 59, 123456789, zone)
	a := f.builder("a")
	run := f.run(weir.CauseChange, build(a, own(a, 1)))
	run.Now = at
	_, made, err := f.CreateRun(f.ctx, run)
	f.ok(err)
	got := f.get(made[0]).Created
	if !got.Equal(at.Truncate(time.Microsecond)) || got.Location() != time.UTC {
		f.Errorf("%v was kept as %v", at, got)
	}
	old := time.Date(1969, 7, 20, 20, 17, 40, 0, time.UTC) // commits may claim any time
	_, _, err = f.RecordRevisions(f.ctx, store.Poll{Project: "p", Now: f.now(), Next: f.now(), Revisions: []weir.Revision{{ID: "old", Time: old}, {ID: "none"}}})
	f.ok(err)
	equal(f, "a time before 1970", must[weir.Revision](f)(f.Revision(f.ctx, "p", "", "old")).Time, old)
	equal(f, "no time", must[weir.Revision](f)(f.Revision(f.ctx, "p", "", "none")).Time.IsZero(), true)
}

// logged leases a build and sends it frames, 10 a sync.
func (f *fixture) logged(n int, fs []weir.LogFrame) weir.AttemptID {
	f.Helper()
	l := f.leaseBuild(f.change(f.builder("a"), n))
	seq := int64(1)
	for chunk := range slices.Chunk(fs, 10) {
		f.send(f.sync(l, seq, chunk...))
		seq++
	}
	return l.Attempt
}

// covers checks that frames read from a line on hold the start of the line,
// follow each other without a gap up to the limit or the end, and begin with
// one that may hold a part of the line.
func (f *fixture) covers(what string, all, got []weir.LogFrame, line int64, limit int) {
	f.Helper()
	var whole strings.Builder
	for _, fr := range all {
		whole.Write(fr.Data[len(dataMark):])
	}
	start, text := 0, whole.String()
	for range line {
		start += strings.IndexByte(text[start:], '\n') + 1
	}
	if len(got) == 0 {
		f.Errorf("%s: no frame", what)
		return
	}
	first := got[0]
	if first.Offset > int64(start) || first.FirstLine+int64(first.Lines) < line {
		f.Errorf("%s: begins at byte %d with lines %d to %d; line %d begins at byte %d", what,
			first.Offset, first.FirstLine, first.FirstLine+int64(first.Lines), line, start)
	}
	from := slices.IndexFunc(all, func(fr weir.LogFrame) bool { return fr.Offset == first.Offset })
	if from < 0 {
		f.Errorf("%s: no frame begins at byte %d", what, first.Offset)
		return
	}
	equal(f, what, offsets(got), offsets(all[from:min(from+limit, len(all))]))
	equal(f, what+", first frame", first, all[from])
}

func offsets(fs []weir.LogFrame) (out []int64) {
	for _, fr := range fs {
		out = append(out, fr.Offset)
	}
	return out
}

func testLogLines(f *fixture) {
	var texts []string
	for i := range 60 {
		texts = append(texts, fmt.Sprintf("line %d\nline %d\nline %d\n", 3*i, 3*i+1, 3*i+2))
	}
	all := frames(0, texts...)
	id := f.logged(1, all)
	for _, line := range []int64{0, 1, 2, 3, 4, 89, 90, 91, 177, 179} {
		for _, limit := range []int{1, 2, 7, 100} {
			got := must[[]weir.LogFrame](f)(f.LogFrames(f.ctx, id, 0, line, limit))
			f.covers(fmt.Sprintf("line %d, limit %d", line, limit), all, got, line, limit)
		}
	}
	for _, line := range []int64{182, 10_000, 1 << 62} {
		equal(f, fmt.Sprint("frames behind the end, line ", line), len(must[[]weir.LogFrame](f)(f.LogFrames(f.ctx, id, 0, line, 9))), 0)
	}
	equal(f, "frames of another step", len(must[[]weir.LogFrame](f)(f.LogFrames(f.ctx, id, 1, 0, 9))), 0)

	// From offset to offset, every frame comes once.
	var walked []weir.LogFrame
	for next := int64(0); ; {
		got := must[[]weir.LogFrame](f)(f.LogFramesAt(f.ctx, id, 0, next, 7))
		if len(got) == 0 {
			break
		}
		walked = append(walked, got...)
		next = got[len(got)-1].Offset + int64(got[len(got)-1].Size)
	}
	equal(f, "frames by offset", offsets(walked), offsets(all))
	equal(f, "frames from inside a frame", offsets(must[[]weir.LogFrame](f)(f.LogFramesAt(f.ctx, id, 0, all[3].Offset+1, 1))), offsets(all[4:5]))
}

func testLogTail(f *fixture) {
	const lines = 200
	var texts []string
	for i := range lines / 2 {
		texts = append(texts, fmt.Sprintf("%d\n%d\n", 2*i, 2*i+1))
	}
	all := frames(0, texts...)
	id := f.logged(1, all)
	for _, tail := range []int64{1, 2, 3, 50, lines - 1, lines} {
		got := must[[]weir.LogFrame](f)(f.LogFrames(f.ctx, id, 0, -tail, 1000))
		f.covers(fmt.Sprint("last lines: ", tail), all, got, lines-tail, 1000)
	}
	for _, tail := range []int64{lines + 1, lines * 50, 1 << 62} {
		got := must[[]weir.LogFrame](f)(f.LogFrames(f.ctx, id, 0, -tail, 1000))
		equal(f, fmt.Sprint("more than there are: ", tail), len(got), len(all))
	}
}

func testLongLines(f *fixture) {
	all := frames(0, "begin\nlo", "ng ", "line", "\n", "next\n", "no end")
	id := f.logged(1, all)
	for line, first := range map[int64]string{0: "begin\nlo", 1: "begin\nlo", 2: "\n", 3: "next\n"} {
		got := must[[]weir.LogFrame](f)(f.LogFrames(f.ctx, id, 0, line, 100))
		want := slices.IndexFunc(all, func(fr weir.LogFrame) bool { return string(fr.Data) == dataMark+first })
		if len(got) == 0 || got[0].Offset > all[want+1].Offset || line < 2 && got[0].Offset != all[want].Offset {
			f.Errorf("line %d: %d frames, the first is %q", line, len(got), got[0].Data)
		}
		f.covers(fmt.Sprint("line ", line), all, got, line, 100)
	}
}

func testLogSizes(f *fixture) {
	l := f.leaseBuild(f.change(f.builder("a"), 1))
	sizes := func() []store.LogSize { return must[[]store.LogSize](f)(f.LogSizes(f.ctx, l.Attempt)) }
	equal(f, "no log", len(sizes()), 0)
	f.send(f.sync(l, 1, append(frames(4, "a\nb", "c\n"), frames(1, "no newline")...)...))
	equal(f, "sizes", sizes(), []store.LogSize{{Step: 1, Bytes: 10}, {Step: 4, Bytes: 5, Lines: 2}})
	f.finish(l, weir.ReasonNone)
	equal(f, "sizes after the end", sizes(), []store.LogSize{{Step: 1, Bytes: 10}, {Step: 4, Bytes: 5, Lines: 2}})
	equal(f, "log after the end", f.log(l.Attempt, 4), "a\nbc\n")
}

func testLogMissing(f *fixture) {
	id := f.change(f.builder("a"), 1)
	for _, attempt := range []weir.AttemptID{{Build: id, Number: 1}, {Build: 999, Number: 1}} {
		got, err := f.LogFrames(f.ctx, attempt, 0, 0, 9)
		if c := weir.CodeOf(err); len(got) != 0 || c != "" && c != weir.NotFound {
			f.Errorf("log of no attempt: %v, %v", got, err)
		}
		steps, err := f.Steps(f.ctx, attempt)
		if c := weir.CodeOf(err); len(steps) != 0 || c != "" && c != weir.NotFound {
			f.Errorf("steps of no attempt: %v, %v", steps, err)
		}
	}
	equal(f, "attempts", len(must[[]weir.Attempt](f)(f.Attempts(f.ctx, id))), 0)
}

func testRuns(f *fixture) {
	a := f.builder("a")
	var all []weir.RunID
	for i := range 5 {
		run, _, err := f.CreateRun(f.ctx, f.run(weir.CauseChange, build(a, own(a, i))))
		f.ok(err)
		all = append([]weir.RunID{run.ID}, all...)
	}
	list := func(before weir.RunID, limit int) (got []weir.RunID) {
		f.Helper()
		for _, r := range must[[]weir.Run](f)(f.Runs(f.ctx, before, limit)) {
			equal(f, "a listed run", r, must[weir.Run](f)(f.Store.Run(f.ctx, r.ID)))
			got = append(got, r.ID)
		}
		return got
	}
	equal(f, "all", list(0, 10), all)
	equal(f, "limit", list(0, 2), all[:2])
	equal(f, "before", list(all[1], 2), all[2:4])
	equal(f, "before the first", len(list(all[4], 2)), 0)
}

func testBuilderHeads(f *fixture) {
	a, b, idle := f.builder("a"), f.builder("b"), f.builder("idle")
	var want []weir.BuildID
	for n := range 4 {
		want = append([]weir.BuildID{f.settled(a, n, weir.ReasonNone).ID}, want...)
	}
	want = append([]weir.BuildID{f.done(weir.CauseChange, a, 5, weir.ReasonNone).ID}, want...) // not judged yet
	f.judge(f.done(weir.CauseProbe, a, 6, weir.ReasonTests).ID, weir.Unjudged, weir.Answering)
	doubted := f.done(weir.CauseChange, b, 1, weir.ReasonTests).ID
	f.judge(doubted, weir.Unjudged, weir.Doubted)
	f.change(a, 7) // waits
	l := f.leaseBuild(f.change(a, 8))
	f.send(f.sync(l, 1))
	want = append([]weir.BuildID{l.Build.ID}, want...)
	probe := f.leaseBuild(f.create(weir.CauseProbe, build(a, own(a, 9)))[0])
	f.send(f.sync(probe, 1))

	heads := func(recent int) map[weir.BuilderID][]weir.BuildID {
		f.Helper()
		got := map[weir.BuilderID][]weir.BuildID{}
		for _, h := range must[[]store.BuilderHead](f)(f.BuilderHeads(f.ctx, recent)) {
			if _, twice := got[h.Builder.ID]; twice {
				f.Errorf("builder %d is listed twice", h.Builder.ID)
			}
			got[h.Builder.ID] = ids(h.Recent)
			for _, b := range h.Recent {
				equal(f, "a recent build", b, f.get(b.ID))
			}
		}
		return got
	}
	for _, recent := range []int{1, 3, 5, 50} {
		equal(f, fmt.Sprint("recent ", recent), heads(recent), map[weir.BuilderID][]weir.BuildID{
			a.ID: want[:min(recent, len(want))], b.ID: {doubted}, idle.ID: {}})
	}
}

func testQueueDepth(f *fixture) {
	depth := func() string {
		got := must[map[weir.State]int](f)(f.QueueDepth(f.ctx))
		return fmt.Sprint(got[weir.Blocked], got[weir.Queued], got[weir.Leased], got[weir.Running])
	}
	equal(f, "of an empty store", depth(), "0 0 0 0")
	a := f.builder("a")
	builds := f.create(weir.CauseChange, build(a, own(a, 1)), build(a, own(a, 2), needs(0)), build(a, own(a, 3), needs(0)))
	for n := range 4 {
		f.change(a, 10+n)
	}
	equal(f, "queued and blocked", depth(), "2 5 0 0")
	l := f.leaseBuild(builds[0])
	equal(f, "leased", depth(), "2 4 1 0")
	f.send(f.sync(l, 1))
	equal(f, "running", depth(), "2 4 0 1")
	f.finishProduct(l)
	equal(f, "unblocked", depth(), "0 6 0 0")
}
