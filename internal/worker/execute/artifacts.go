package execute

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/worker/disk"
	"github.com/weir-ci/weir/internal/worker/glob"
)

// Limits on what a build keeps for people, beside weir.MaxArtifacts.
const (
	MaxArtifactBytes = 16 << 30 // of all files of a build together
	maxArtifactPath  = 1000     // bytes of one path
	maxArtifactPaths = 2 << 20  // bytes of all paths together: they travel in one message
	keepTime         = 15 * time.Minute
)

// Artifact is a file that a build keeps for people, and where its copy lies.
type Artifact struct {
	weir.Artifact
	File string // below Job.Dir
}

// keepArtifacts copies the files that the job wants kept. Steps have ended, but
// later builds may use the same checkout, so what is sent must be a copy.
// Whatever is wrong with the files is told in the log and fails no build; a full
// disk is the machine's fault.
func (a *attempt) keepArtifacts(ctx context.Context, why weir.Reason) weir.Reason {
	outcome := why.Code.Outcome()
	if a.artifacts < 0 || !outcome.SaysSomething() || ctx.Err() != nil {
		return why
	}
	ctx, cancel := context.WithTimeout(ctx, keepTime)
	defer cancel()
	log := a.begin(a.artifacts)
	root, err := os.OpenRoot(a.checkout)
	if err != nil {
		a.end(a.artifacts, weir.StepFailed, err.Error())
		return why
	}
	defer root.Close()
	k := keeper{a: a, ctx: ctx, log: log, root: root, left: MaxArtifactBytes, paths: maxArtifactPaths, files: weir.MaxArtifacts, seen: map[string]bool{}, shown: map[string]bool{}}
	for _, rule := range a.job.Spec.Job.Artifacts {
		if !applies(rule.When, outcome) {
			fmt.Fprintf(log, "%s: not kept from a build that has %s\n", rule.Path, outcome)
			continue
		}
		if err := k.rule(rule); err != nil {
			if why, full := a.full(err); full || disk.IsFull(err) {
				a.end(a.artifacts, weir.StepFailed, "the disk is full")
				a.kept = nil
				return why
			}
			k.trouble("%s: %v", rule.Path, err)
		}
	}
	fmt.Fprintf(log, "%s kept, %s\n", plural(len(a.kept), "file"), bytesText(MaxArtifactBytes-k.left))
	if k.first != "" {
		a.end(a.artifacts, weir.StepFailed, k.first)
	} else {
		a.end(a.artifacts, weir.StepPassed, "")
	}
	return why
}

// applies reports whether something is done after a build with this outcome.
func applies(when weir.When, outcome weir.Outcome) bool {
	switch when {
	case weir.WhenAlways:
		return true
	case weir.WhenFailed:
		return outcome != weir.Passed
	}
	return outcome == weir.Passed
}

// keeper copies files that are to be kept.
type keeper struct {
	a     *attempt
	ctx   context.Context
	log   io.Writer
	root  *os.Root
	left  int64 // bytes of files
	paths int   // bytes of paths
	files int
	seen  map[string]bool
	shown map[string]bool // with secrets masked
	first string          // trouble
}

func (k *keeper) trouble(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	fmt.Fprintln(k.log, text)
	if k.first == "" {
		k.first = text
	}
}

// rule keeps what one pattern matches. A directory stands for all in it.
func (k *keeper) rule(rule weir.ArtifactRule) error {
	pattern := strings.TrimSuffix(rule.Path, "/")
	names, err := glob.Find(k.ctx, k.root, pattern, maxVisited)
	if err == nil && len(names) == 1 {
		if info, statErr := k.root.Stat(names[0]); statErr == nil && info.IsDir() {
			names, err = glob.Find(k.ctx, k.root, pattern+"/**", maxVisited)
		}
	}
	if err != nil {
		return err
	}
	if len(names) == 0 {
		fmt.Fprintf(k.log, "%s: no file matches\n", rule.Path)
	}
	for _, name := range names {
		if k.seen[name] {
			continue
		}
		k.seen[name] = true
		if len(k.a.kept) == k.files || k.paths < len(name) {
			return weir.Errorf(weir.TooLarge, "a build keeps at most %d files; the rest is left out", weir.MaxArtifacts)
		}
		if err := k.file(name, rule); err != nil {
			if k.ctx.Err() != nil {
				return weir.Errorf(weir.Invalid, "copying what is kept took longer than %v; the rest is left out", keepTime)
			}
			if weir.CodeOf(err) == weir.Internal {
				return err
			}
			k.trouble("%q: %v", name, err)
		}
	}
	return nil
}

// file copies one file.
func (k *keeper) file(name string, rule weir.ArtifactRule) error {
	if len(name) > maxArtifactPath || !utf8.ValidString(name) ||
		strings.ContainsFunc(name, func(r rune) bool { return r == '\\' || unicode.IsControl(r) }) {
		return weir.Errorf(weir.Invalid, "a file with such a name cannot be kept")
	}
	shown := k.a.mask.String(name)
	if k.shown[shown] {
		return weir.Errorf(weir.Invalid, "with its secrets masked, its name is that of another file")
	}
	// Should it be a pipe, opening must not wait for somebody who writes.
	f, err := k.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return weir.Errorf(weir.Invalid, "it cannot be read, or leads out of the checkout").WithCause(err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return weir.Errorf(weir.Invalid, "it cannot be read").WithCause(err)
	case !info.Mode().IsRegular():
		return weir.Errorf(weir.Invalid, "it is not a file")
	case info.Size() > protocol.MaxArtifact:
		return weir.Errorf(weir.TooLarge, "it has %s; one file has at most %s", bytesText(info.Size()), bytesText(protocol.MaxArtifact))
	case info.Size() > k.left:
		return weir.Errorf(weir.TooLarge, "the files of a build have at most %s together", bytesText(MaxArtifactBytes))
	}
	copied, err := k.a.create(fmt.Sprintf("artifact-%d", len(k.a.kept)))
	if err != nil {
		return err
	}
	sum := sha256.New()
	size, err := io.Copy(io.MultiWriter(copied, sum), ctxReader{k.ctx, io.LimitReader(f, info.Size())})
	if closeErr := copied.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		_ = os.Remove(copied.Name())
		return err
	}
	keep := orDefault(rule.Keep, weir.DefaultKeep)
	kept := Artifact{weir.Artifact{Path: shown, Digest: weir.DigestOfSum(sum.Sum(nil)), Size: size,
		Expires: time.Now().Add(keep).UTC().Truncate(time.Second)}, copied.Name()}
	k.left, k.paths = k.left-size, k.paths-len(name)
	k.a.kept, k.shown[shown] = append(k.a.kept, kept), true
	fmt.Fprintf(k.log, "%s: %s, %s, kept until %s\n", name, bytesText(size), kept.Digest.Short(), kept.Expires.Format(time.DateOnly))
	return nil
}
