package worker

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
)

// fault is what happens to one message on its way.
type fault int

const (
	fine       fault = iota
	lost             // does not arrive
	unanswered       // arrives; the answer does not
	doubled          // arrives twice
	broken           // the server says 500
	garbled          // something else answers
	fenced           // 409
	expelled         // 401
	refused          // 409, but not because of the attempt
	absent503        // a proxy says that there is no server
)

// farm is a server that speaks the protocol and checks what it is told.
type farm struct {
	t   testing.TB
	url string

	mu       sync.Mutex
	queue    []protocol.Assignment
	fault    func(verb string, n int) fault // n counts the messages of the verb from 0
	answer   func(s protocol.Sync) protocol.SyncAnswer
	keep     bool
	count    map[string]int
	hellos   []protocol.Hello
	logs     map[int][]byte
	steps    map[int]weir.StepRecord
	seq      int64
	finishes []protocol.Finish
	blobs    map[weir.Digest][]byte
	changed  chan struct{} // closed and replaced with every message

	newest    int                     // version that a hello may name; 0: any
	version   int                     // of the protocol; 1 knows no epochs, no watch and no frames in a finish
	epoch     int64                   // of the newest hello
	leased    int64                   // newest number of its leases
	over      map[weir.AttemptID]bool // what a watch says has ended
	forgetful bool                    // it keeps no logs
	packed    int                     // messages that were
	asks      []protocol.Lease
	watches   []protocol.Watch
	interval  time.Duration // between the syncs of a quiet attempt
	clock     time.Duration // how far the server's is behind
	refuses   []protocol.Refuse
	rests     []protocol.Rest

	gone  chan struct{} // closed when nobody is kept waiting any more
	close func()        // returns when nothing is being taken in any more
}

// patience ends a wait that would not end by itself. No test waits so long
// unless something is wrong.
const patience = 3 * time.Minute

func newFarm(t testing.TB, queue ...protocol.Assignment) *farm {
	f := &farm{t: t, queue: queue, keep: true, version: 2, interval: 20 * time.Millisecond, over: map[weir.AttemptID]bool{}, count: map[string]int{}, logs: map[int][]byte{}, steps: map[int]weir.StepRecord{},
		blobs: map[weir.Digest][]byte{}, changed: make(chan struct{}), gone: make(chan struct{}),
		fault:  func(string, int) fault { return fine },
		answer: func(protocol.Sync) protocol.SyncAnswer { return protocol.SyncAnswer{} }}
	srv := httptest.NewServer(f)
	f.close = sync.OnceFunc(func() {
		close(f.gone)
		srv.Close()
	})
	t.Cleanup(f.close)
	f.url = srv.URL
	return f
}

// tell wakes everybody who waits for something. The caller holds mu.
func (f *farm) tell() {
	close(f.changed)
	f.changed = make(chan struct{})
}

// until waits for something to become true.
func (f *farm) until(what string, ok func() bool) {
	f.t.Helper()
	for over := time.After(patience); ; {
		f.mu.Lock()
		done, changed := ok(), f.changed
		f.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-over:
			f.mu.Lock()
			defer f.mu.Unlock()
			f.t.Fatalf("waited in vain for %s; messages: %v", what, f.count)
		}
	}
}

func (f *farm) ended() bool { return len(f.finishes) > 0 }

func (f *farm) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer secret" {
		f.problem(w, weir.Unauthenticated)
		return
	}
	path := strings.TrimPrefix(r.URL.Path, "/worker/v1/")
	verb := path[strings.LastIndex(path, "/")+1:]
	if strings.HasPrefix(path, "blobs/") {
		verb = r.Method
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	f.mu.Lock()
	kind := f.fault(verb, f.count[verb])
	f.count[verb]++
	f.tell()
	f.mu.Unlock()
	switch kind {
	case lost:
		panic(http.ErrAbortHandler)
	case broken:
		f.problem(w, weir.Internal)
		return
	case absent503:
		http.Error(w, "no server", http.StatusServiceUnavailable)
		return
	case fenced:
		f.problem(w, weir.Fenced)
		return
	case refused:
		f.problem(w, weir.Conflict)
		return
	case expelled:
		f.problem(w, weir.Unauthenticated)
		return
	case garbled:
		io.WriteString(w, "<html>please sign in to the network")
		return
	case doubled:
		f.handle(httptest.NewRecorder(), r, verb, path, body)
	}
	out := httptest.NewRecorder()
	f.handle(out, r, verb, path, body)
	if kind == unanswered {
		panic(http.ErrAbortHandler)
	}
	for k, v := range out.Header() {
		w.Header()[k] = v
	}
	w.Header().Set("Date", time.Now().Add(-f.clock).UTC().Format(http.TimeFormat))
	w.WriteHeader(out.Code)
	_, _ = w.Write(out.Body.Bytes())
}

func (f *farm) problem(w http.ResponseWriter, code weir.Code) {
	p := protocol.Problem{Code: code, Status: protocol.Status(code), Title: string(code)}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p)
}

func (f *farm) handle(w http.ResponseWriter, r *http.Request, verb, path string, body []byte) {
	switch verb {
	case "lease":
		if !f.admit(decode[protocol.Lease](f.t, body)) {
			f.problem(w, weir.Conflict)
			return
		}
		if ask := decode[protocol.Lease](f.t, body); ask.Wait > 0 {
			f.wait(r)
		}
	case "watch":
		f.waitEnded(r, decode[protocol.Watch](f.t, body))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	defer f.tell()
	var answer any
	packed := r.Header.Get("Content-Type") == protocol.PackedType
	if packed {
		f.packed++
	}
	switch verb {
	case "hello":
		msg := decode[protocol.Hello](f.t, body)
		f.hellos = append(f.hellos, msg)
		if f.newest > 0 && msg.Version > f.newest {
			f.problem(w, weir.Unsupported)
			return
		}
		a := protocol.HelloAnswer{Version: f.version, Name: "w1", SyncInterval: f.interval, FlushInterval: time.Millisecond}
		if f.version > 1 {
			f.epoch++
			a.Epoch, f.leased = f.epoch, 0
		}
		if f.keep {
			a.Keep = msg.Holds
		}
		answer = a
	case "lease":
		ask := decode[protocol.Lease](f.t, body)
		if ask.Epoch != f.epoch {
			f.problem(w, weir.Conflict)
			return
		}
		f.asks = append(f.asks, ask)
		free := min(ask.Free, len(f.queue))
		if n := len(f.rests); n > 0 && f.rests[n-1].Epoch == f.epoch && f.rests[n-1].Rest.Rule != "" {
			free = 0
		}
		answer = protocol.LeaseAnswer{Attempts: f.queue[:free]}
		f.queue = f.queue[free:]
	case "watch":
		if f.version < 2 {
			f.problem(w, weir.NotFound)
			return
		}
		msg := decode[protocol.Watch](f.t, body)
		f.watches = append(f.watches, msg)
		answer = protocol.WatchAnswer{Ended: slices.DeleteFunc(msg.Holds, func(id weir.AttemptID) bool { return !f.over[id] })}
	case "refuse", "rest":
		if !f.hear(verb, body) {
			f.problem(w, weir.Conflict)
			return
		}
		answer = struct{}{}
	case "sync":
		msg := protocol.Sync{}
		if packed {
			msg, _ = protocol.UnpackSync(bytes.NewReader(body))
		} else {
			msg = decode[protocol.Sync](f.t, body)
		}
		answer = f.sync(msg)
	case "finish":
		msg := protocol.Finish{}
		if packed {
			msg, _ = protocol.UnpackFinish(bytes.NewReader(body))
		} else {
			msg = decode[protocol.Finish](f.t, body)
		}
		if f.forgetful {
			msg.Frames = nil
		}
		if !f.fits(msg.Frames) {
			f.problem(w, weir.Conflict)
			return
		}
		f.record(msg.Frames)
		msg.Frames = nil
		for _, s := range msg.Steps {
			f.steps[s.Index] = s
		}
		f.finishes = append(f.finishes, msg)
		answer = protocol.FinishAnswer{}
	default:
		f.blob(w, r, weir.Digest(strings.TrimPrefix(path, "blobs/")), body)
		return
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// hear takes in what the owner of a worker wants, if it is in order. The caller holds mu.
func (f *farm) hear(verb string, body []byte) bool {
	if f.version < protocol.PolicyVersion {
		return false
	}
	if verb == "rest" {
		msg := decode[protocol.Rest](f.t, body)
		f.rests = append(f.rests, msg)
		return msg.Epoch == f.epoch
	}
	msg := decode[protocol.Refuse](f.t, body)
	f.refuses = append(f.refuses, msg)
	return msg.Epoch == f.epoch && len(msg.Refusals) > 0
}

// admit takes a lease that is in order.
func (f *farm) admit(ask protocol.Lease) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.version < 2 {
		return true
	}
	if ask.Epoch != f.epoch || ask.Seq <= f.leased {
		return false
	}
	f.leased = ask.Seq
	f.tell()
	return true
}

// waitEnded is the long poll of a watch.
func (f *farm) waitEnded(r *http.Request, msg protocol.Watch) {
	f.hold(r, func() bool {
		return f.version < 2 || slices.ContainsFunc(msg.Holds, func(id weir.AttemptID) bool { return f.over[id] })
	})
}

// wait is the long poll of a lease.
func (f *farm) wait(r *http.Request) {
	f.mu.Lock()
	epoch := f.epoch
	f.mu.Unlock()
	f.hold(r, func() bool { return len(f.queue) > 0 || f.epoch != epoch })
}

// hold keeps a request waiting until there is enough to say.
func (f *farm) hold(r *http.Request, enough func() bool) {
	for {
		f.mu.Lock()
		done, changed := enough(), f.changed
		f.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		case <-f.gone:
			return
		}
	}
}

// sync records what a store would.
func (f *farm) sync(msg protocol.Sync) protocol.SyncAnswer {
	if msg.Token != "t1" || len(msg.Frames) > protocol.MaxSyncFrames {
		f.t.Errorf("token %q, %d frames", msg.Token, len(msg.Frames))
	}
	if msg.Seq > f.seq {
		f.seq = msg.Seq
		for _, s := range msg.Steps {
			f.steps[s.Index] = s
		}
	}
	if !f.forgetful {
		f.record(msg.Frames)
	}
	answer := f.answer(msg)
	if f.forgetful {
		return answer
	}
	answer.Offsets = map[int]int64{}
	for step, log := range f.logs {
		answer.Offsets[step] = int64(len(log))
	}
	return answer
}

// fits reports whether frames go on where the logs end.
func (f *farm) fits(frames []weir.LogFrame) bool {
	ends := map[int]int64{}
	for step, log := range f.logs {
		ends[step] = int64(len(log))
	}
	for _, fr := range frames {
		if fr.Offset > ends[fr.Step] {
			return false
		}
		ends[fr.Step] = max(ends[fr.Step], fr.Offset+int64(fr.Size))
	}
	return true
}

// record takes frames in.
func (f *farm) record(frames []weir.LogFrame) {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		f.t.Fatal(err)
	}
	defer dec.Close()
	for _, fr := range frames {
		data, err := dec.DecodeAll(fr.Data, nil)
		if err != nil || len(data) != fr.Size {
			f.t.Errorf("frame of %d bytes: %v", fr.Size, err)
		}
		log := f.logs[fr.Step]
		switch {
		case fr.Offset+int64(fr.Size) <= int64(len(log)): // known
		case fr.Offset == int64(len(log)):
			if n := bytes.Count(log, []byte("\n")); int64(n) != fr.FirstLine {
				f.t.Errorf("frame begins at line %d, not %d", fr.FirstLine, n)
			}
			f.logs[fr.Step] = append(log, data...)
		default:
			f.t.Errorf("step %d: frame %d+%d, log ends at %d", fr.Step, fr.Offset, fr.Size, len(log))
		}
	}
}

func (f *farm) blob(w http.ResponseWriter, r *http.Request, d weir.Digest, body []byte) {
	data, ok := f.blobs[d]
	switch {
	case r.Method == http.MethodPut:
		if weir.DigestOf(body) != d {
			f.t.Errorf("a blob arrived as another one: %s", d.Short())
		}
		f.blobs[d] = body
	case !ok:
		f.problem(w, weir.NotFound)
	default:
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	}
}

func decode[T any](t testing.TB, data []byte) T {
	var v T
	if err := json.Unmarshal(data, &v); err != nil {
		t.Errorf("%s: %v", data, err)
	}
	return v
}
