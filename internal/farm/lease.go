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
	"github.com/weir-ci/weir/internal/farm/trail"
	"github.com/weir-ci/weir/internal/protocol"
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
	ctx, cancel := whole(ctx)
	defer cancel()
	if h.Version < protocol.PolicyVersion {
		h.Policy = nil
	}
	epoch, keep, err := f.store.Hello(ctx, weir.Worker{Name: worker, Platform: h.Platform, Labels: protocol.Offers(h.Labels, h.Version),
		Slots: h.Slots, Version: h.Program, Host: h.Host, Draining: h.Draining, Policy: h.Policy, Seen: f.now()}, h.Holds)
	if err != nil {
		return protocol.HelloAnswer{}, err
	}
	f.disks.Note(worker, h.Disk)
	f.any.ring()
	answer := protocol.HelloAnswer{Version: h.Version, Name: worker, Keep: keep,
		SyncInterval: min(weir.SyncInterval, f.lease/3), FlushInterval: flushInterval}
	if h.Version >= 2 {
		answer.Epoch = epoch
	}
	return answer, nil
}

// flushInterval is how long a worker lets output wait for company.
const flushInterval = 200 * time.Millisecond

// Sync takes in what a worker reports of a running attempt.
func (f *Farm) Sync(ctx context.Context, id weir.AttemptID, s protocol.Sync) (protocol.SyncAnswer, error) {
	if err := f.book.Check(id, s.Steps, s.Frames); err != nil {
		return protocol.SyncAnswer{}, err
	}
	ctx, cancel := whole(ctx)
	defer cancel()
	answer, err := f.store.Sync(ctx, store.Sync{Attempt: id, Token: HashToken(s.Token), Seq: s.Seq,
		Now: f.now(), Deadline: f.now().Add(f.lease), Steps: s.Steps, Frames: s.Frames, Sealed: f.book.Direct(ctx, id, s.Frames)})
	if err != nil {
		return protocol.SyncAnswer{}, err
	}
	if len(s.Steps) > 0 || len(s.Frames) > 0 {
		f.any.ring()
	}
	return protocol.SyncAnswer(answer), nil
}

// Finish records how an attempt ended. The results are read here once, so
// that nothing unreadable gets into the history.
func (f *Farm) Finish(ctx context.Context, id weir.AttemptID, fin protocol.Finish) error {
	if err := f.book.Check(id, fin.Steps, fin.Frames); err != nil {
		return err
	}
	if fin.Reason.Code.Outcome() != fin.Outcome {
		return weir.Errorf(weir.Invalid, "attempt %s says it %s because of %q, which means %s",
			id, fin.Outcome, fin.Reason.Code, fin.Reason.Code.Outcome())
	}
	record := store.Finish{Attempt: id, Token: HashToken(fin.Token), Now: f.now(), Outcome: fin.Outcome,
		Reason: fin.Reason, Steps: fin.Steps, Product: fin.Product, Results: fin.Results,
		Frames: fin.Frames, Surroundings: fin.Surroundings, Metrics: fin.Metrics, Summary: fin.Summary}
	ctx, cancel := whole(ctx)
	defer cancel()
	if err := f.soften(ctx, id, &record); err != nil {
		return err
	}
	if fin.Results != "" {
		counts, err := f.finishedCounts(ctx, fin)
		if err != nil && !trail.Unreadable(err) {
			return err // the blob store does not answer: the worker tries again
		}
		if err != nil {
			return weir.Errorf(weir.Invalid, "results %s of attempt %s cannot be read", fin.Results.Short(), id).WithCause(err)
		}
		record.Counts = counts
	}
	if fin.Product.Digest != "" {
		size, err := f.blobs.Stat(ctx, fin.Product.Digest)
		if err != nil && !trail.Unreadable(err) {
			return err
		}
		if err != nil {
			return weir.Errorf(weir.Invalid, "product %s of attempt %s was not uploaded", fin.Product.Digest.Short(), id).WithCause(err)
		}
		record.Product.Size = size
	}
	var err error
	if record.Artifacts, err = f.keptArtifacts(ctx, id, fin.Artifacts); err != nil {
		return err
	}
	record.Sealed = f.book.Direct(ctx, id, fin.Frames)
	if _, err := f.store.Finish(ctx, record); err != nil {
		return err
	}
	f.shares.Ended(id.Build, f.now())
	f.stir()
	return nil
}

// soften says what follows from an infrastructure error: how long the build
// waits before it is tried again, and whether the worker is kept from work.
func (f *Farm) soften(ctx context.Context, id weir.AttemptID, fin *store.Finish) error {
	if fin.Outcome != weir.Infra {
		return nil
	}
	attempts, err := f.store.Attempts(ctx, id.Build)
	if err != nil {
		return err
	}
	failures := 1
	for _, a := range attempts {
		if a.ID.Number < id.Number && a.Outcome == weir.Infra && a.Reason.Code != weir.ReasonUndelivered && a.Reason.Code != weir.ReasonRefused {
			failures++
		}
	}
	fin.Retry = fin.Now.Add(f.scaled(schedule.RetryPause(fin.Reason.Code, failures)))
	if schedule.Blames(fin.Reason.Code) {
		fin.Barred = func(strikes int) time.Time {
			pause := f.scaled(schedule.Quarantine(strikes))
			if pause == 0 {
				return time.Time{}
			}
			return fin.Now.Add(pause)
		}
	}
	return nil
}

// scaled is a pause in a farm whose leases are shorter or longer than usual.
func (f *Farm) scaled(pause time.Duration) time.Duration {
	return time.Duration(float64(pause) * float64(f.lease) / float64(weir.LeaseTime))
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
	return f.store.Worker(ctx, name)
}
