package setup

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe"
	"github.com/weir-ci/weir/internal/recipe/diff"
	"github.com/weir-ci/weir/internal/store"
)

// Farm is what is configured. *farm.Farm is one.
type Farm interface {
	// Configure gives the farm its projects, in place of those it had.
	Configure(ctx context.Context, f *recipe.Farm) error
	// Workers lists the workers that it knows.
	Workers(ctx context.Context) ([]weir.Worker, error)
}

// Repositories knows the jobs that are not in the farm file.
type Repositories interface {
	// Fill returns a farm in which projects that have their jobs from their
	// repositories have them, and tells where they come from. f is not changed.
	Fill(ctx context.Context, f *recipe.Farm) (*recipe.Farm, []Recipe, error)
	// InForce says that what Fill made of f last is in force now.
	InForce(f *recipe.Farm)
}

// Options are what a Keeper needs.
type Options struct {
	// File is the path of the farm file; empty: there is none to read again.
	File         string
	Farm         *recipe.Farm // as the server starts with it
	Target       Farm
	Board        *Board
	Store        store.Configs // nil: versions are not recorded
	Repositories Repositories  // nil: no project has its jobs from its repository
	Host         weir.Platform // where builders run that say nothing about platforms
	Log          *slog.Logger
	Now          func() time.Time // nil: time.Now
	// Told is told when the file has been read because it changed, or because of a
	// signal; nil: nobody is. By says which of the two.
	Told func(ctx context.Context, by string, r Result)
}

// Keeper keeps a farm as its file says. Make one with NewKeeper; call Start
// before anything else.
type Keeper struct {
	o       Options
	mu      sync.Mutex
	base    *recipe.Farm // what the file says, as far as it is in force
	full    *recipe.Farm // with the jobs of repositories
	started *recipe.Farm // what the file said when the program started
	sum     [sha256.Size]byte
}

// NewKeeper makes a Keeper.
func NewKeeper(o Options) *Keeper {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Keeper{o: o, started: o.Farm}
}

// Result says what came of reading the file, or what would.
type Result struct {
	// Version is what is in force now; of a comparison, what would be.
	Version string `json:"version"`
	// Applied says that the file is in force, whether or not that changed anything.
	Applied bool `json:"applied"`
	// Errors is how many mistakes keep the file from that; Problems are the first
	// ones of them, at most MaxListed.
	Errors   int       `json:"errors,omitempty"`
	Problems []Problem `json:"problems,omitempty"`
	Warnings []Problem `json:"warnings,omitempty"` // at most MaxListed
	Restart  []string  `json:"restart,omitempty"`  // keys that wait for the next start
	Diff     diff.Diff `json:"diff"`
}

// MaxListed limits each list of problems of a Result.
const MaxListed = 100

// Start puts in force what the server was started with.
func (k *Keeper) Start(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	var warnings recipe.Problems
	if k.o.File != "" {
		if data, err := read(k.o.File); err == nil {
			if f, problems := recipe.Parse(k.o.File, data); f != nil {
				k.started, warnings = f, problems
				if Version(f) == Version(k.o.Farm) { // else it has changed since the server read it
					k.sum = sha256.Sum256(data)
				}
			}
		}
	}
	now := k.o.Now()
	if _, err := k.apply(ctx, k.o.Farm, "start", now); err != nil {
		return err
	}
	k.o.Board.Change(func(s *Status) {
		s.Warnings = first(list(warnings), MaxProblems)
		if k.o.File != "" {
			s.File, s.Read = filepath.Base(k.o.File), now
		}
	})
	k.tell(ctx, "start")
	return nil
}

// Reload reads the file and puts it in force if it has no mistakes. The error is
// not nil only if it could not be found out what the file says, or the farm could
// not be told.
func (k *Keeper) Reload(ctx context.Context, by string) (Result, error) {
	if k.o.File == "" {
		return Result{}, noFile()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	data, err := read(k.o.File)
	if err != nil {
		k.refuse([]Problem{problemOf(err)}, 1)
		return k.refused([]Problem{problemOf(err)}), nil
	}
	return k.reload(ctx, data, by)
}

func noFile() error {
	return weir.Errorf(weir.Unsupported, "this server was not started from a farm file").
		WithHint("start one with: weir serve FILE")
}

// reload puts what data says in force. The caller holds the lock.
func (k *Keeper) reload(ctx context.Context, data []byte, by string) (Result, error) {
	farm, problems := recipe.Parse(k.o.File, data)
	if farm == nil {
		errs := list(mistakes(problems))
		k.sum = sha256.Sum256(data)
		k.refuse(errs, len(errs))
		return k.refused(errs), nil
	}
	result, full, err := k.compare(ctx, farm)
	if err == nil {
		_, err = k.apply(ctx, withStartOf(farm, k.o.Farm), by, k.o.Now())
	}
	if code := weir.CodeOf(err); code == weir.Conflict || code == weir.Invalid { // the file's fault
		k.sum = sha256.Sum256(data)
		k.refuse([]Problem{problemOf(err)}, 1)
		return k.refused([]Problem{problemOf(err)}), nil
	}
	if err != nil {
		return Result{}, err // tried again when somebody looks next
	}
	k.sum = sha256.Sum256(data)
	result.Applied, result.Version = true, Version(full)
	result.Warnings = first(list(problems), MaxListed)
	now := k.o.Now()
	k.o.Board.Change(func(s *Status) {
		s.Read, s.Errors, s.Problems = now, 0, nil
		s.Warnings, s.Restart = first(list(problems), MaxProblems), result.Restart
	})
	k.tell(ctx, by)
	k.o.Log.Info("the farm file is in force", "file", k.o.File, "version", result.Version, "by", by, "changes", len(result.Diff.Changes)+result.Diff.Omitted)
	for _, p := range problems {
		k.o.Log.Warn("farm file", "problem", p.Error())
	}
	if len(result.Restart) > 0 {
		k.o.Log.Warn("some keys of the farm file wait for the next start", "keys", strings.Join(result.Restart, " "))
	}
	return result, nil
}

// refused is what came of a file with mistakes.
func (k *Keeper) refused(errs []Problem) Result {
	return Result{Version: k.o.Board.Status().Version, Errors: len(errs), Problems: first(errs, MaxListed)}
}

// Compare says what would change if data took the place of what is in force; nil
// stands for the file as it is now.
func (k *Keeper) Compare(ctx context.Context, data []byte) (Result, error) {
	if k.o.File == "" {
		return Result{}, noFile()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if data == nil {
		var err error
		if data, err = read(k.o.File); err != nil {
			return k.refused([]Problem{problemOf(err)}), nil
		}
	}
	farm, problems := recipe.Parse(k.o.File, data)
	if farm == nil {
		return k.refused(list(mistakes(problems))), nil
	}
	result, full, err := k.compare(ctx, farm)
	if err != nil {
		return Result{}, err
	}
	result.Version, result.Warnings = Version(full), first(list(problems), MaxListed)
	return result, nil
}

// compare holds a farm against the one in force. It returns the farm with the
// jobs of repositories, as it would be in force.
func (k *Keeper) compare(ctx context.Context, farm *recipe.Farm) (Result, *recipe.Farm, error) {
	full, _, err := k.fill(ctx, withStartOf(farm, k.o.Farm))
	if err != nil {
		return Result{}, nil, err
	}
	workers, err := k.o.Target.Workers(ctx)
	if err != nil {
		return Result{}, nil, err
	}
	if workers == nil {
		workers = []weir.Worker{}
	}
	return Result{Restart: k.restart(farm),
		Diff: diff.Farms(k.full, full, diff.Options{Host: k.o.Host, Workers: workers})}, full, nil
}

// Refill puts the jobs in force that repositories have by now.
func (k *Keeper) Refill(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.o.Repositories == nil {
		return nil
	}
	full, recipes, err := k.fill(ctx, k.base)
	if err != nil {
		return err
	}
	if Version(full) == k.o.Board.Status().Version { // the jobs are the same, at another revision
		k.o.Board.Change(func(s *Status) { s.Recipes = recipes })
		k.o.Repositories.InForce(k.base)
		return nil
	}
	changed, err := k.apply(ctx, k.base, "repository", k.o.Now())
	if changed {
		k.tell(ctx, "repository")
	}
	return err
}

// apply configures the farm, and reports whether that is another version than
// before. The caller holds the lock.
func (k *Keeper) apply(ctx context.Context, base *recipe.Farm, by string, now time.Time) (changed bool, err error) {
	full, recipes, err := k.fill(ctx, base)
	if err != nil {
		return false, err
	}
	if err := k.o.Target.Configure(ctx, full); err != nil {
		return false, err
	}
	k.base, k.full = base, full
	if k.o.Repositories != nil {
		k.o.Repositories.InForce(base)
	}
	version := Version(full)
	k.o.Board.Change(func(s *Status) {
		changed = s.Version != version
		s.Name, s.Recipes = full.Name, recipes
		if changed {
			s.Version, s.Since, s.By = version, now, by
		}
	})
	return changed, nil
}

func (k *Keeper) fill(ctx context.Context, f *recipe.Farm) (*recipe.Farm, []Recipe, error) {
	if k.o.Repositories == nil {
		return f, nil, nil
	}
	return k.o.Repositories.Fill(ctx, f)
}

// tell records what is in force.
func (k *Keeper) tell(ctx context.Context, by string) {
	if k.o.Store == nil {
		return
	}
	s := k.o.Board.Status()
	if err := k.o.Store.RecordConfig(ctx, store.Config{Version: s.Version, Since: s.Since, By: cmp.Or(by, s.By)}); err != nil && ctx.Err() == nil {
		k.o.Log.Error("the version of the configuration is not recorded", "err", err, "cause", errors.Unwrap(err))
	}
}

// refuse says everywhere that the file is not in force.
func (k *Keeper) refuse(errs []Problem, n int) {
	now := k.o.Now()
	k.o.Board.Change(func(s *Status) {
		s.Read, s.Errors, s.Problems = now, n, first(errs, MaxProblems)
	})
	k.o.Log.Error("the farm file has mistakes; what was in force stays in force", "file", k.o.File, "mistakes", n, "first", errs[0].String(),
		"hint", "weir check lists them all")
}

// restart lists the keys of a farm that only a start can put in force.
func (k *Keeper) restart(f *recipe.Farm) []string {
	return slices.DeleteFunc(diff.Settings(k.started, f), func(key string) bool {
		head, _, _ := strings.Cut(key, ".")
		return !slices.Contains(startKeys[:], head)
	})
}

// mistakes are the problems that keep a file from being used.
func mistakes(all recipe.Problems) (out recipe.Problems) {
	for _, p := range all {
		if p.Severity == recipe.Error {
			out = append(out, p)
		}
	}
	return out
}

func list(all recipe.Problems) []Problem {
	out := make([]Problem, len(all))
	for i, p := range all {
		out[i] = Problem{Line: p.Line, Column: p.Column, Message: p.Message, Hint: p.Hint}
	}
	return out
}

// problemOf makes a problem without a place of an error.
func problemOf(err error) Problem {
	p := Problem{Message: "the farm file cannot be used; the server's log says more"}
	if e := new(weir.Error); errors.As(err, &e) && e.Code != weir.Internal {
		p = Problem{Message: e.Message, Hint: e.Hint}
	}
	return p
}

func first(all []Problem, n int) []Problem { return all[:min(n, len(all))] }
