package execute

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/worker/cache"
	"github.com/weir-ci/weir/internal/worker/glob"
)

// cacheTime is how long caches may take to be brought, and to be saved.
const cacheTime = 10 * time.Minute

// wanted is a cache of the job, and what became of it.
type wanted struct {
	cache.Want
	found string // the key of what was brought; empty if there was none
}

func (a *attempt) store() cache.Store {
	return cache.Store{Root: cache.Root(a.r.CacheDir), Limit: a.r.CacheLimit}
}

// bringCaches puts the job's caches into their places. Whatever goes wrong is told
// in the log: a cache saves time and decides nothing.
func (a *attempt) bringCaches(ctx context.Context) {
	if a.caches < 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, cacheTime)
	defer cancel()
	log := a.begin(a.caches)
	say := func(format string, args ...any) { fmt.Fprintf(log, format+"\n", args...) }
	for _, c := range a.job.Spec.Job.Caches {
		want, err := a.want(ctx, c)
		if err != nil {
			say("%v", err)
			continue
		}
		a.wanted = append(a.wanted, wanted{want, a.store().Restore(ctx, want, say)})
	}
	a.end(a.caches, weir.StepPassed, "")
}

// saveCaches keeps what a build that has passed leaves in the places of its
// caches. What strangers' builds leave is never kept.
func (a *attempt) saveCaches(ctx context.Context, why weir.Reason) {
	if a.save < 0 || why.Code != weir.ReasonNone || ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, cacheTime)
	defer cancel()
	log := a.begin(a.save)
	say := func(format string, args ...any) { fmt.Fprintf(log, format+"\n", args...) }
	state, note := weir.StepPassed, ""
	for _, w := range a.wanted {
		if w.found == w.Key {
			say("%s is cached already", w.Key)
			continue
		}
		if err := a.store().Save(ctx, w.Want, say); err != nil {
			state, note = weir.StepFailed, err.Error()
			say("%v", err)
		}
	}
	a.end(a.save, state, note)
}

// want makes of a cache of the recipe what is to be looked for.
func (a *attempt) want(ctx context.Context, c weir.Cache) (cache.Want, error) {
	w := cache.Want{Project: a.job.Spec.Project}
	for _, name := range c.Paths {
		base, rest := a.checkout, name
		if below, ok := strings.CutPrefix(name, "~/"); ok {
			base, rest = a.home(), below
		}
		rest = path.Clean(rest)
		if rest == "." || !filepath.IsLocal(filepath.FromSlash(rest)) {
			return w, weir.Errorf(weir.Invalid, "the path %.200q of a cache is below neither the checkout nor the home directory", name)
		}
		w.Places = append(w.Places, cache.Place{Name: name, Base: base, Path: rest})
	}
	var err error
	if w.Key, err = a.key(ctx, c.Key); err != nil {
		return w, err
	}
	for _, f := range c.Fallback {
		prefix, err := a.key(ctx, f)
		if err != nil {
			return w, err
		}
		w.Fallback = append(w.Fallback, prefix)
	}
	return w, nil
}

// key fills in the template of a key.
func (a *attempt) key(ctx context.Context, template string) (string, error) {
	spec := a.job.Spec
	known := map[string]string{"platform": string(spec.Platform), "branch": spec.Branch, "job": spec.Job.Name}
	for _, v := range spec.Job.Env {
		known[v.Name] = v.Value
	}
	return cache.Expand(template, func(name string) (string, bool) {
		value, ok := known[name]
		return value, ok
	}, func(pattern string) (string, error) { return a.hash(ctx, pattern) })
}

// maxHashed limits the files that a key depends on, in bytes.
const maxHashed = 1 << 30

// hash is what files of the checkout hold, in a few characters.
func (a *attempt) hash(ctx context.Context, pattern string) (string, error) {
	root, err := os.OpenRoot(a.checkout)
	if err != nil {
		return "", err
	}
	defer root.Close()
	names, err := glob.Find(ctx, root, pattern, maxVisited)
	if err != nil {
		return "", err
	}
	sum, left := sha256.New(), int64(maxHashed)
	for _, name := range names {
		f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			continue // a link that leads out
		}
		info, err := f.Stat()
		if err == nil && info.Mode().IsRegular() {
			fmt.Fprintf(sum, "%d %s %d\n", len(name), name, info.Size())
			var n int64
			n, err = io.Copy(sum, ctxReader{ctx, io.LimitReader(f, left+1)})
			left -= n
		}
		err = errors.Join(err, f.Close())
		switch {
		case err != nil:
			return "", err
		case left < 0:
			return "", weir.Errorf(weir.TooLarge, "the files that match %.200s have more than %s", pattern, bytesText(maxHashed))
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:16]), nil
}
