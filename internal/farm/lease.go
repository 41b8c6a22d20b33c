package farm

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/blob"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/results"
	"github.com/weir-ci/weir/internal/schedule"
	"github.com/weir-ci/weir/internal/store"
)

// HashToken is what the store keeps of a secret.
func HashToken(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// NewSecret makes a secret of 128 random bits.
func NewSecret() string { return rand.Text() }

// Authenticate finds the worker that a token belongs to; Unauthenticated if
// there is none.
func (f *Farm) Authenticate(ctx context.Context, secret string) (worker string, err error) {
	t, err := f.store.FindToken(ctx, HashToken(secret))
	if weir.CodeOf(err) == weir.NotFound {
		return "", weir.Errorf(weir.Unauthenticated, "the worker's token is not known to this farm").
			WithHint("make one on the server with: weir token add NAME")
	}
	return t.Name, err
}

// Hello takes a worker in.
func (f *Farm) Hello(ctx context.Context, worker string, h protocol.Hello) (protocol.HelloAnswer, error) {
	if h.Version < 1 || h.Version > protocol.Version {
		return protocol.HelloAnswer{}, weir.Errorf(weir.Unsupported,
			"worker %s speaks version %d of the protocol, this server speaks 1 to %d", worker, h.Version, protocol.Version).
			WithHint("run the same version of weir on both sides")
	}
	if !h.Platform.Valid() || h.Slots < 1 || h.Slots > protocol.MaxSlots ||
		len(h.Labels) > protocol.MaxLabels || len(h.Holds) > protocol.MaxHeldAttempts {
		return protocol.HelloAnswer{}, weir.Errorf(weir.Invalid,
			"worker %s says it has platform %.40q and %d slots", worker, h.Platform, h.Slots).
			WithHint("the platform is os/arch, the slots 1 to %d", protocol.MaxSlots)
	}
	keep, err := f.store.Hello(ctx, weir.Worker{Name: worker, Platform: h.Platform, Labels: h.Labels,
		Slots: h.Slots, Version: h.Program, Host: h.Host, Seen: f.now()}, h.Holds)
	if err != nil {
		return protocol.HelloAnswer{}, err
	}
	f.stir()
	return protocol.HelloAnswer{Version: protocol.Version, Name: worker, Keep: keep,
		SyncInterval: min(weir.SyncInterval, f.lease/3), FlushInterval: flushInterval}, nil
}

// flushInterval is how long a worker lets output wait for company.
const flushInterval = 200 * time.Millisecond

// Lease waits for work for a worker, at most as long as it asks and
// protocol.MaxLeaseWait. It answers with none when the time is up.
func (f *Farm) Lease(ctx context.Context, worker weir.Worker, ask protocol.Lease) (protocol.LeaseAnswer, error) {
	free := min(max(ask.Free, 1), protocol.MaxSlots)
	ctx, cancel := context.WithTimeout(ctx, min(max(ask.Wait, 0), protocol.MaxLeaseWait))
	defer cancel()
	for {
		changed := f.work.wait()
		answer, err := f.tryLease(ctx, worker, free)
		if err != nil && ctx.Err() != nil {
			return protocol.LeaseAnswer{}, nil
		}
		if err != nil || len(answer.Attempts) > 0 {
			return answer, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return protocol.LeaseAnswer{}, nil
		}
	}
}

func (f *Farm) tryLease(ctx context.Context, worker weir.Worker, free int) (protocol.LeaseAnswer, error) {
	// Once the transaction has begun its outcome must be known, so that no
	// lease is given to a worker that has hung up.
	ctx = context.WithoutCancel(ctx)
	secrets := make(map[string]string, free)
	ask := store.LeaseAsk{Worker: worker.Name, Platform: worker.Platform,
		Now: f.now(), Deadline: f.now().Add(f.lease)}
	for range free {
		secret := NewSecret()
		hash := HashToken(secret)
		secrets[hash] = secret
		ask.Tokens = append(ask.Tokens, hash)
	}
	leased, err := f.store.Lease(ctx, ask, func(candidates []store.Candidate) []weir.BuildID {
		queue := make([]schedule.Candidate, len(candidates))
		for i, c := range candidates {
			queue[i] = schedule.Candidate(c)
		}
		return schedule.Pick(queue, worker, free)
	})
	if err != nil {
		return protocol.LeaseAnswer{}, err
	}
	var answer protocol.LeaseAnswer
	for _, l := range leased {
		answer.Attempts = append(answer.Attempts, protocol.Assignment{
			Attempt: l.Attempt, Token: secrets[l.Token], Spec: l.Spec})
	}
	if len(leased) > 0 {
		f.any.ring()
	}
	return answer, nil
}

// Sync takes in what a worker reports of a running attempt.
func (f *Farm) Sync(ctx context.Context, id weir.AttemptID, s protocol.Sync) (protocol.SyncAnswer, error) {
	if len(s.Frames) > protocol.MaxSyncFrames || len(s.Steps) > protocol.MaxSteps {
		return protocol.SyncAnswer{}, weir.Errorf(weir.TooLarge, "sync of attempt %s has %d frames and %d steps, allowed are %d and %d",
			id, len(s.Frames), len(s.Steps), protocol.MaxSyncFrames, protocol.MaxSteps)
	}
	for _, frame := range s.Frames {
		if err := f.checkFrame(frame); err != nil {
			return protocol.SyncAnswer{}, err
		}
	}
	answer, err := f.store.Sync(ctx, store.Sync{Attempt: id, Token: HashToken(s.Token), Seq: s.Seq,
		Now: f.now(), Deadline: f.now().Add(f.lease), Steps: s.Steps, Frames: s.Frames})
	if err != nil {
		return protocol.SyncAnswer{}, err
	}
	if len(s.Steps) > 0 || len(s.Frames) > 0 {
		f.any.ring()
	}
	return protocol.SyncAnswer(answer), nil
}

// checkFrame makes sure that a frame is what it says, so that nobody who
// reads the log later has to doubt it.
func (f *Farm) checkFrame(frame weir.LogFrame) error {
	text, err := f.appendFrame(nil, frame)
	lines := 0
	for _, c := range text {
		if c == '\n' {
			lines++
		}
	}
	if err != nil || len(text) != frame.Size || lines != frame.Lines || frame.Size == 0 || frame.Size > weir.MaxFrame ||
		frame.Step < 0 || frame.Step >= protocol.MaxSteps || frame.Offset < 0 || frame.Offset > protocol.MaxLogBytes {
		return weir.Errorf(weir.Invalid, "log frame at byte %d of step %d is not what it says", frame.Offset, frame.Step)
	}
	return nil
}

// Finish records how an attempt ended. The results are read here once, so
// that nothing unreadable gets into the history.
func (f *Farm) Finish(ctx context.Context, id weir.AttemptID, fin protocol.Finish) error {
	if len(fin.Steps) > protocol.MaxSteps {
		return weir.Errorf(weir.TooLarge, "attempt %s has %d steps, allowed are %d", id, len(fin.Steps), protocol.MaxSteps)
	}
	if fin.Reason.Code.Outcome() != fin.Outcome {
		return weir.Errorf(weir.Invalid, "attempt %s says it %s because of %q, which means %s",
			id, fin.Outcome, fin.Reason.Code, fin.Reason.Code.Outcome())
	}
	record := store.Finish{Attempt: id, Token: HashToken(fin.Token), Now: f.now(), Outcome: fin.Outcome,
		Reason: fin.Reason, Steps: fin.Steps, Product: fin.Product, Results: fin.Results}
	if fin.Results != "" {
		set, err := f.resultSet(ctx, fin.Results)
		if err != nil && !unreadable(err) {
			return err // the blob store does not answer: the worker tries again
		}
		if err != nil {
			return weir.Errorf(weir.Invalid, "results %s of attempt %s cannot be read", fin.Results.Short(), id).WithCause(err)
		}
		record.Counts = set.Count()
	}
	if fin.Product.Digest != "" {
		size, err := f.blobs.Stat(ctx, fin.Product.Digest)
		if err != nil && !unreadable(err) {
			return err
		}
		if err != nil {
			return weir.Errorf(weir.Invalid, "product %s of attempt %s was not uploaded", fin.Product.Digest.Short(), id).WithCause(err)
		}
		record.Product.Size = size
	}
	if _, err := f.store.Finish(ctx, record); err != nil {
		return err
	}
	f.stir()
	return nil
}

// PutBlob keeps a product or a result set that a worker sends.
func (f *Farm) PutBlob(ctx context.Context, d weir.Digest, content io.Reader) error {
	return f.blobs.Put(ctx, d, content, protocol.MaxProduct)
}

// OpenBlob reads a blob; NotFound if there is none.
func (f *Farm) OpenBlob(ctx context.Context, d weir.Digest) (blob.Content, error) {
	return f.blobs.Open(ctx, d)
}

// StatBlob tells a blob's size; NotFound if there is none.
func (f *Farm) StatBlob(ctx context.Context, d weir.Digest) (int64, error) {
	return f.blobs.Stat(ctx, d)
}

// Worker finds a worker by name; NotFound if it never said hello.
func (f *Farm) Worker(ctx context.Context, name string) (weir.Worker, error) {
	workers, err := f.store.Workers(ctx)
	if err != nil {
		return weir.Worker{}, err
	}
	for _, w := range workers {
		if w.Name == name {
			return w, nil
		}
	}
	return weir.Worker{}, weir.Errorf(weir.NotFound, "worker %s has not said hello", name)
}

// resultSet reads a result set, from memory if it was read lately.
func (f *Farm) resultSet(ctx context.Context, d weir.Digest) (weir.ResultSet, error) {
	if set, ok := f.sets.get(d); ok {
		return set, nil
	}
	content, err := f.blobs.Open(ctx, d)
	if err != nil {
		return weir.ResultSet{}, err
	}
	defer content.Close()
	set, err := results.Decode(content)
	if err != nil {
		return weir.ResultSet{}, err
	}
	f.sets.put(d, set)
	return set, nil
}
