package farmtest_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/app"
	"github.com/weir-ci/weir/internal/farmtest"
	"github.com/weir-ci/weir/internal/protocol"
)

// peer speaks the worker protocol by hand.
type peer struct {
	t     *testing.T
	url   string
	token string
}

// call sends a message. A problem is returned, nil means that all is well.
func (p peer) call(path string, in, out any) *protocol.Problem {
	p.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		p.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.url+"/worker/v1/"+path, bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		problem := &protocol.Problem{}
		if err := json.NewDecoder(resp.Body).Decode(problem); err != nil || problem.Status != resp.StatusCode {
			p.t.Fatalf("%s was answered with %s and %+v, %v", path, resp.Status, problem, err)
		}
		return problem
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		p.t.Fatal(err)
	}
	return nil
}

// must is call for messages that are well.
func (p peer) must(path string, in, out any) {
	p.t.Helper()
	if problem := p.call(path, in, out); problem != nil {
		p.t.Fatalf("%s: %+v", path, problem)
	}
}

// join introduces a peer with this name to the farm and leases one attempt.
func join(t *testing.T, f *farmtest.Farm, name string) (peer, protocol.Assignment) {
	t.Helper()
	secret, err := app.NewToken(t.Context(), f.Server.Access(), name, false)
	if err != nil {
		t.Fatal(err)
	}
	p := peer{t, f.URL, secret}
	var welcome protocol.HelloAnswer
	p.must("hello", protocol.Hello{Version: protocol.Version, Platform: app.HostPlatform(), Slots: 1, Program: "test"}, &welcome)
	if welcome.Name != name || welcome.SyncInterval <= 0 {
		t.Fatalf("welcome %+v", welcome)
	}
	var leased protocol.LeaseAnswer
	for len(leased.Attempts) == 0 {
		p.must("lease", protocol.Lease{Free: 1, Wait: protocol.MaxLeaseWait}, &leased)
	}
	return p, leased.Attempts[0]
}

// frame is a piece of the log of step 0.
func frame(t *testing.T, offset, line int, text string) weir.LogFrame {
	t.Helper()
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	return weir.LogFrame{Offset: int64(offset), FirstLine: int64(line), Size: len(text), Lines: strings.Count(text, "\n"),
		At: time.Now(), Data: enc.EncodeAll([]byte(text), nil)}
}

const onlyApp = `projects:
  app: {source: {git: app, branch: main, poll: 100ms}, jobs: {test: {steps: [{name: test, run: echo done}]}}}
`

// TestWorkerVanishes: a worker takes a build and is never heard of again. The
// build is given to another one, what was lost stays visible, and the first
// worker is told so when it comes back.
func TestWorkerVanishes(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, database string) {
		dir := t.TempDir()
		newRepo(t, filepath.Join(dir, "app"), nil)
		farm := farmtest.Start(t, farmFile(t, dir, onlyApp), farmtest.Options{Database: database, Slots: -1, Lease: impatient})
		ghost, as := join(t, farm, "ghost")
		path := "attempts/" + as.Attempt.String() + "/"
		var answer protocol.SyncAnswer
		ghost.must(path+"sync", protocol.Sync{Token: as.Token, Seq: 1,
			Steps:  []weir.StepRecord{{Index: 0, Name: "checkout", State: weir.StepRunning, Started: time.Now()}},
			Frames: []weir.LogFrame{frame(t, 0, 0, "so far\n")}}, &answer)
		startWorker(t, farm, "heir", 1, dir)

		d := untilBuilt(t, farm, "app", "")
		expectEnd(t, d.Build, weir.Passed, weir.ReasonNone)
		if n := len(d.Attempts); n < 2 || d.Build.Worker != "heir" {
			t.Fatalf("%d attempts, the last by %s: %+v", n, d.Build.Worker, d.Attempts)
		}
		if around := d.Attempts[len(d.Attempts)-1].Surroundings; around.Directory != "app" || around.Root == nil || d.Attempts[0].Surroundings.Root != nil {
			t.Errorf("they ran %q and %q", d.Attempts[0].Surroundings, around)
		}
		first := d.Attempts[0]
		if first.Worker != "ghost" || first.Outcome != weir.Infra || first.Reason.Code != weir.ReasonLost ||
			!strings.Contains(first.Reason.Text, "ghost") {
			t.Errorf("the lost attempt is %+v", first)
		}
		var log strings.Builder
		if err := farm.CopyLog(t.Context(), &log, first.ID, 0); err != nil || log.String() != "so far\n" {
			t.Errorf("the log of the lost attempt is %q, %v", log.String(), err)
		}
		for verb, message := range map[string]any{
			"sync":   protocol.Sync{Token: as.Token, Seq: 2, Frames: []weir.LogFrame{frame(t, 7, 1, "too late\n")}},
			"finish": protocol.Finish{Token: as.Token, Outcome: weir.Failed, Reason: weir.Reason{Code: weir.ReasonTests, Text: "1 test"}},
		} {
			problem := ghost.call(path+verb, message, &answer)
			if problem == nil || problem.Status != http.StatusConflict || problem.Code != weir.Fenced {
				t.Errorf("%s of a fenced attempt is answered with %+v", verb, problem)
			}
		}
		if after, err := farm.Build(t.Context(), d.Build.ID); err != nil || after.Build.Outcome != weir.Passed || len(after.Attempts) != len(d.Attempts) {
			t.Errorf("the fenced attempt changed the build: %+v, %v", after.Build, err)
		}
		expectCalm(t, farm)
	})
}

// TestMessagesTwiceAndOutOfOrder: syncs and the finish of an attempt arrive
// doubled, in another order, and with the wrong secret; the record is exact.
func TestMessagesTwiceAndOutOfOrder(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, database string) {
		dir := t.TempDir()
		newRepo(t, filepath.Join(dir, "app"), nil)
		farm := farmtest.Start(t, farmFile(t, dir, onlyApp), farmtest.Options{Database: database, Slots: -1})
		p, as := join(t, farm, "hand")
		path := "attempts/" + as.Attempt.String() + "/"
		step := func(state weir.StepState) []weir.StepRecord {
			return []weir.StepRecord{{Index: 0, Name: "test", State: state, Started: time.Now()}}
		}
		one := protocol.Sync{Token: as.Token, Seq: 1, Steps: step(weir.StepRunning), Frames: []weir.LogFrame{frame(t, 0, 0, "one\ntw")}}
		two := protocol.Sync{Token: as.Token, Seq: 2, Steps: step(weir.StepPassed), Frames: []weir.LogFrame{frame(t, 6, 1, "o\nthree\n")}}
		three := protocol.Sync{Token: as.Token, Seq: 3, Frames: []weir.LogFrame{frame(t, 6, 1, "o\nthree\n"), frame(t, 14, 3, "four\n")}}
		for i, c := range []struct {
			send protocol.Sync
			have int64 // bytes recorded afterwards
		}{
			{three, 0}, // its beginning is missing: not taken
			{one, 6},
			{one, 6},
			{two, 14},
			{one, 14}, // an old message
			{three, 19},
			{two, 19},
			{three, 19},
		} {
			var answer protocol.SyncAnswer
			if problem := p.call(path+"sync", c.send, &answer); problem != nil {
				t.Fatalf("message %d: %+v", i, problem)
			}
			if answer.Offsets[0] != c.have || answer.Cancel != nil {
				t.Errorf("after message %d there are %d bytes, want %d; %+v", i, answer.Offsets[0], c.have, answer)
			}
		}
		forged := one
		forged.Token = "WRONG"
		if problem := p.call(path+"sync", forged, &protocol.SyncAnswer{}); problem == nil || problem.Status/100 != 4 {
			t.Errorf("a sync with another secret is answered with %+v", problem)
		}
		damaged := two
		damaged.Frames = []weir.LogFrame{frame(t, 19, 4, "five\n")}
		damaged.Frames[0].Size++
		if problem := p.call(path+"sync", damaged, &protocol.SyncAnswer{}); problem == nil || problem.Code != weir.Invalid {
			t.Errorf("a frame that is not what it says is answered with %+v", problem)
		}
		end := protocol.Finish{Token: as.Token, Outcome: weir.Passed, Steps: step(weir.StepPassed)}
		p.must(path+"finish", end, &protocol.FinishAnswer{})
		p.must(path+"finish", end, &protocol.FinishAnswer{}) // its answer was lost

		d := untilBuilt(t, farm, "app", "")
		expectEnd(t, d.Build, weir.Passed, weir.ReasonNone)
		if len(d.Attempts) != 1 || len(d.Attempts[0].Steps) != 1 || d.Attempts[0].Steps[0].State != weir.StepPassed {
			t.Errorf("attempts %+v", d.Attempts)
		}
		var log strings.Builder
		if err := farm.CopyLog(t.Context(), &log, as.Attempt, 0); err != nil || log.String() != "one\ntwo\nthree\nfour\n" {
			t.Errorf("the log is %q, %v", log.String(), err)
		}
	})
}
