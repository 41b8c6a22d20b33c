package farm

import (
	"context"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/waits"
)

// Workers lists the workers, by name.
func (f *Farm) Workers(ctx context.Context) ([]weir.Worker, error) {
	return f.store.Workers(ctx)
}

// Queue reads what waits and why, those first that have waited longest, at most
// limit of them and waits.MaxLine.
func (f *Farm) Queue(ctx context.Context, limit int) (waits.Line, error) {
	return f.waits.Line(ctx, limit)
}

// WorkerDisk is how many bytes a worker last told this server are free where it
// builds, if it did.
func (f *Farm) WorkerDisk(name string) (free int64, known bool) { return f.disks.Of(name) }

// PauseWorker holds a worker back from now on, for a person; what it runs goes
// on. A reason is needed. NotFound if there is no such worker.
func (f *Farm) PauseWorker(ctx context.Context, name, reason, by string) error {
	if strings.TrimSpace(reason) == "" {
		return weir.Errorf(weir.Invalid, "worker %.80q is paused without a reason", name).
			WithHint("say why, for those who find it paused")
	}
	if err := checkLine("the reason", reason); err != nil {
		return err
	}
	ctx, cancel := whole(ctx)
	defer cancel()
	return f.changedWorker(name, f.store.Pause(ctx, name, said(reason, "", by), f.now()))
}

// ResumeWorker lets a worker that was paused or is in quarantine have work again.
func (f *Farm) ResumeWorker(ctx context.Context, name string) error {
	ctx, cancel := whole(ctx)
	defer cancel()
	return f.changedWorker(name, f.store.Pause(ctx, name, "", f.now()))
}

// ForgetWorker removes a worker that is away and runs nothing; Conflict
// otherwise. Its token still works: if it comes back it is a new worker.
func (f *Farm) ForgetWorker(ctx context.Context, name string) error {
	ctx, cancel := whole(ctx)
	defer cancel()
	return f.changedWorker(name, f.store.Forget(ctx, name, f.now()))
}

func (f *Farm) changedWorker(name string, err error) error {
	if err == nil {
		f.turns.Change(name)
		f.any.ring()
	}
	return err
}
