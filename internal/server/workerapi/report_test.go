package workerapi_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/server/servertest"
)

func TestPackedMessages(t *testing.T) {
	t.Parallel()
	f, url := serve(t)
	frames := []weir.LogFrame{{Step: 1, Size: 4, Lines: 1, Data: []byte("a\n\x00b")}, {Step: 1, Offset: 4, FirstLine: 1, Size: 1, Data: []byte{0xff}}}
	post := func(verb string, data []byte, packErr error, out any) {
		t.Helper()
		if packErr != nil {
			t.Fatal(packErr)
		}
		answer := send(t, http.MethodPost, url+"/worker/v1/attempts/7.1/"+verb, bytes.NewReader(data), "Content-Type", protocol.PackedType)
		if err := json.NewDecoder(answer.Body).Decode(out); err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d %v", verb, answer.StatusCode, err)
		}
	}
	sync := protocol.Sync{Token: servertest.Token, Seq: 3, Frames: frames}
	var synced protocol.SyncAnswer
	data, err := protocol.PackSync(sync)
	post("sync", data, err, &synced)
	if synced.Offsets[1] != 5 || !reflect.DeepEqual(f.Synced, []protocol.Sync{sync}) {
		t.Errorf("the farm got %+v and answered %+v", f.Synced, synced)
	}
	fin := protocol.Finish{Token: servertest.Token, Outcome: weir.Passed, Steps: []weir.StepRecord{{Name: "make", State: weir.StepPassed}}, Frames: frames}
	var finished protocol.FinishAnswer
	data, err = protocol.PackFinish(fin)
	post("finish", data, err, &finished)
	if !reflect.DeepEqual(f.Finished, []protocol.Finish{fin}) {
		t.Errorf("the farm got %+v", f.Finished)
	}
}

func TestBadMessages(t *testing.T) {
	t.Parallel()
	_, url := serve(t)
	for _, c := range []struct {
		kind, body string
		status     int
	}{
		{protocol.PackedType, "", 422}, {protocol.PackedType, "{}", 422}, {protocol.PackedType, `{"message":{},"packed":[3]}` + "\nx", 422},
		{protocol.PackedType, `{"message":{"token":"let-me-in"},"packed":[]}` + "\n" + strings.Repeat("x", protocol.MaxBody), 422},
		{protocol.PackedType, strings.Repeat("x", protocol.MaxBody+1), 413},
		{"text/plain", "{}", 422}, {"application/json", "{", 422}, {"application/json", strings.Repeat(" ", protocol.MaxBody+1), 413},
		{"application/json; charset=utf-8", `{"token":"let-me-in","unheard_of":1}`, 200}, {"", `{"token":"let-me-in"}`, 200},
	} {
		answer := send(t, http.MethodPost, url+"/worker/v1/attempts/7.1/sync", strings.NewReader(c.body), "Content-Type", c.kind)
		if body, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != c.status {
			t.Errorf("%s %.60q: %d %.200s %v", c.kind, c.body, answer.StatusCode, body, err)
		}
	}
}

func TestWatch(t *testing.T) {
	t.Parallel()
	f, url := serve(t)
	mine := weir.AttemptID{Build: 7, Number: 1}
	var answer protocol.WatchAnswer
	message(t, url+"/worker/v1/watch", protocol.Watch{Holds: []weir.AttemptID{mine}, Wait: time.Millisecond}, &answer, 200)
	if len(answer.Ended) != 0 {
		t.Errorf("nothing has ended, and the answer is %+v", answer)
	}
	f.Ended = []weir.AttemptID{{Build: 8, Number: 1}, mine}
	message(t, url+"/worker/v1/watch", protocol.Watch{Holds: []weir.AttemptID{mine}, Wait: time.Minute}, &answer, 200)
	if !reflect.DeepEqual(answer.Ended, []weir.AttemptID{mine}) {
		t.Errorf("the answer is %+v", answer)
	}
}

// TestVersion1 replays what a worker of version 1 of the protocol sent, as it
// was recorded: testdata/version1.txt holds requests and the answers that it
// understood. It must not be changed.
func TestVersion1(t *testing.T) {
	t.Parallel()
	f, url := serve(t)
	f.Assignments = []protocol.Assignment{{Attempt: weir.AttemptID{Build: 7, Number: 1}, Token: servertest.Token, Spec: weir.Spec{
		Project: "mill", Job: weir.Job{Name: "test", Steps: []weir.Step{{Name: "make", Run: "make"}}},
		Platform: "linux/amd64", Source: weir.Source{Kind: weir.Git, Location: "https://example.org/mill"}, Revision: "abc"}}}
	recorded, err := os.ReadFile(filepath.Join("testdata", "version1.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for exchange := range strings.SplitSeq(strings.TrimSpace(string(recorded)), "\n\n") {
		lines := strings.Split(exchange, "\n")
		if len(lines) != 3 {
			t.Fatalf("not a path, a request and an answer: %q", exchange)
		}
		answer := send(t, http.MethodPost, url+lines[0], strings.NewReader(lines[1]), "Content-Type", "application/json")
		body, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != http.StatusOK || strings.TrimSpace(string(body)) != lines[2] {
			t.Errorf("%s: %d %v\n%s\nwant\n%s", lines[0], answer.StatusCode, err, body, lines[2])
		}
	}
	if len(f.Synced) != 1 || string(f.Synced[0].Frames[0].Data) != "frame" || len(f.Finished) != 1 || f.Finished[0].Outcome != weir.Passed {
		t.Errorf("the farm got %+v and %+v", f.Synced, f.Finished)
	}
}
