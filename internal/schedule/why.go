package schedule

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weir-ci/weir"
)

// Wait is why a build waits.
type Wait struct {
	Reason WaitReason   `json:"reason"`
	Text   string       `json:"text"`            // one sentence, without a dot at its end
	Until  time.Time    `json:"until,omitzero"`  // when that is over at the latest, if it is known
	Build  weir.BuildID `json:"build,omitempty"` // that it waits for
}

// WaitReason is a kind of reason why a build waits.
type WaitReason string

// The closed set of reasons, in the order in which they count.
const (
	WaitApproval WaitReason = "approval" // somebody must look at it first
	WaitQuiet    WaitReason = "quiet"    // the branch has not been quiet for long enough
	WaitProduct  WaitReason = "product"  // of another build
	WaitJob      WaitReason = "job"      // another job of its project
	WaitRetry    WaitReason = "retry"    // a pause after the farm's own trouble
	WaitPlatform WaitReason = "platform" // there is no worker of its platform
	WaitLabels   WaitReason = "labels"   // none that offers what its job asks for
	WaitRefused  WaitReason = "refused"  // the owners of those that fit do not want it there
	WaitWorkers  WaitReason = "workers"  // none of those takes work now
	WaitWish     WaitReason = "wish"     // it wants another worker than those that are there
	WaitLock     WaitReason = "lock"     // other builds have locks that it wants
	WaitBusy     WaitReason = "busy"     // all that fit have as much as they can
	WaitMoment   WaitReason = "moment"   // nothing: a worker is about to take it
)

// WaitReasons lists every reason.
func WaitReasons() []WaitReason {
	return []WaitReason{WaitApproval, WaitQuiet, WaitProduct, WaitJob, WaitRetry, WaitPlatform, WaitLabels,
		WaitRefused, WaitWorkers, WaitWish, WaitLock, WaitBusy, WaitMoment}
}

// Waiting is a build that waits, or something that is to become one.
type Waiting struct {
	Candidate
	Held   bool      // it waits for approval
	Quiet  time.Time // until when its branch must be quiet; zero: it is
	Behind []Behind  // builds that must end first
	Retry  time.Time // when it may be tried again; zero: at once
	Reason weir.Reason
	// Refused says which workers refuse its builder; those that may be asked again
	// by now do no harm.
	Refused []weir.Refusal
	Older   int // how many builds of its platform have waited longer
}

// Behind is a build that another one waits for.
type Behind struct {
	Build   weir.Build
	Product bool // it makes what the other one needs; otherwise it is a job that comes first
}

// Fleet is the workers there are, and the locks that are held.
type Fleet struct {
	Workers []weir.Worker
	Held    []Held
	Locks   map[string]weir.Lock
}

// Why says why a build waits: of all that keeps it, what would keep it longest if
// the rest were gone.
func Why(b Waiting, f Fleet, now time.Time) Wait {
	switch {
	case b.Held:
		return Wait{Reason: WaitApproval, Text: "waits until somebody approves it"}
	case now.Before(b.Quiet):
		return Wait{Reason: WaitQuiet, Until: b.Quiet, Text: "waits until nothing has changed for a while, at " + clock(b.Quiet)}
	}
	if w, ok := b.behind(); ok {
		return w
	}
	if now.Before(b.Retry) {
		text := "pauses after trouble of the farm's own until " + clock(b.Retry)
		if b.Reason.Code != "" {
			text = fmt.Sprintf("pauses after trouble of the farm's own (%s) until %s", b.Reason.Code, clock(b.Retry))
		}
		return Wait{Reason: WaitRetry, Until: b.Retry, Text: text}
	}
	platform := b.Builder.Platform
	ours := slices.DeleteFunc(slices.Clone(f.Workers), func(w weir.Worker) bool { return w.Platform != platform })
	if len(ours) == 0 {
		return Wait{Reason: WaitPlatform, Text: fmt.Sprintf("waits for a worker on %s: there is none", platform)}
	}
	fit := slices.DeleteFunc(slices.Clone(ours), func(w weir.Worker) bool { return !Fits(w, platform, b.Labels) })
	if len(fit) == 0 {
		return Wait{Reason: WaitLabels, Text: fmt.Sprintf("waits for a worker on %s with %s: none of %d has that",
			platform, labels(b.Labels), len(ours))}
	}
	allowed := slices.DeleteFunc(slices.Clone(fit), func(w weir.Worker) bool { return b.refusal(w, now) != nil })
	if len(allowed) == 0 {
		return b.refused(fit, now)
	}
	ready := slices.DeleteFunc(slices.Clone(allowed), func(w weir.Worker) bool { return w.State(now) != weir.WorkerReady })
	if len(ready) == 0 {
		return idle(allowed, now)
	}
	return b.among(ready, f, now)
}

// refusal is why a worker is not asked for the build; nil if it is.
func (b Waiting) refusal(w weir.Worker, now time.Time) *weir.Refusal {
	i := slices.IndexFunc(b.Refused, func(r weir.Refusal) bool { return r.Worker == w.Name && r.Active(now) })
	if i < 0 {
		return nil
	}
	return &b.Refused[i]
}

// refused says why none of the workers that fit may have a build, which all of them
// refuse.
func (b Waiting) refused(fit []weir.Worker, now time.Time) Wait {
	first := b.refusal(fit[0], now)
	for _, w := range fit[1:] { // the one that is asked again first
		if r := b.refusal(w, now); r.Until.Before(first.Until) {
			first = r
		}
	}
	why := string(first.Rule)
	if said := aside(first.Text); said != "" {
		why += ": " + said
	}
	text := fmt.Sprintf("%s refuses it (%s), and is asked again", first.Worker, why)
	if len(fit) > 1 {
		text = fmt.Sprintf("all %d workers that fit refuse it, such as %s (%s), which is asked again", len(fit), first.Worker, why)
	}
	return Wait{Reason: WaitRefused, Until: first.Until,
		Text: "waits for a worker whose owner allows it: " + text + " at " + clock(first.Until)}
}

// behind says which unfinished build it waits for, if there is one.
func (b Waiting) behind() (Wait, bool) {
	var first *Behind
	left := 0
	for i := range b.Behind {
		if !b.Behind[i].Build.State.Final() {
			left++
			if first == nil {
				first = &b.Behind[i]
			}
		}
	}
	if first == nil {
		return Wait{}, false
	}
	w := Wait{Reason: WaitJob, Build: first.Build.ID}
	what := "build %d of %s to end"
	if first.Product {
		w.Reason, what = WaitProduct, "the product of build %d of %s"
	}
	w.Text = fmt.Sprintf("waits for "+what+", which is %s", first.Build.ID, first.Build.Builder.Name(), first.Build.State)
	if left > 1 {
		w.Text += fmt.Sprintf(", and for %d more", left-1)
	}
	return w, true
}

// idle says why none of the workers that may have a build takes work.
func idle(fit []weir.Worker, now time.Time) Wait {
	counts := map[weir.WorkerState]int{}
	var until time.Time
	var rests *weir.Worker // the one that is back first, as far as they say
	for i, w := range fit {
		counts[w.State(now)]++
		end := back(w, now)
		if !end.IsZero() && (until.IsZero() || end.Before(until)) {
			until = end
		}
		if w.State(now) == weir.WorkerResting && (rests == nil || !end.IsZero() && (back(*rests, now).IsZero() || end.Before(back(*rests, now)))) {
			rests = &fit[i]
		}
	}
	var parts []string
	for _, s := range weir.WorkerStates() {
		if n := counts[s]; n == len(fit) {
			parts = append(parts, string(s))
		} else if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	w := Wait{Reason: WaitWorkers, Until: until}
	if len(fit) == 1 {
		w.Text = fmt.Sprintf("waits for worker %s, which is %s", fit[0].Name, parts[0])
	} else {
		w.Text = fmt.Sprintf("waits for one of %d workers, which are %s", len(fit), strings.Join(parts, ", "))
	}
	if !until.IsZero() {
		w.Text += " until " + clock(until)
	}
	if rests == nil {
		return w
	}
	switch said := aside(rests.Rest.Text); {
	case said == "":
	case len(fit) == 1:
		w.Text += ": " + said
	default:
		w.Text += "; worker " + rests.Name + ": " + said
	}
	return w
}

// back is when a worker takes work again, if it is known: after a quarantine, or a
// rest that is not over.
func back(w weir.Worker, now time.Time) time.Time {
	switch w.State(now) {
	case weir.WorkerQuarantined:
		return w.Barred
	case weir.WorkerResting:
		if now.Before(w.Rest.Until) {
			return w.Rest.Until
		}
	}
	return time.Time{}
}

// among says why a build is with none of the workers that are ready and fit.
func (b Waiting) among(ready []weir.Worker, f Fleet, now time.Time) Wait {
	if !slices.ContainsFunc(ready, func(w weir.Worker) bool { return !b.Wishes(w.Name, now) }) {
		until := b.Queued.Add(WishTime)
		text := "would rather not run on " + b.Avoid
		if b.Prefer != "" {
			text = "would rather run on " + b.Prefer
		}
		return Wait{Reason: WaitWish, Until: until, Text: text + ", and waits for that until " + clock(until)}
	}
	var blocked *Wait
	unlocked := ready[:0:0]
	for _, w := range ready {
		if blocker := b.locked(w, f); blocker != nil {
			blocked = blocker
			continue
		}
		unlocked = append(unlocked, w)
	}
	if len(unlocked) == 0 {
		return *blocked
	}
	free := slices.ContainsFunc(unlocked, func(w weir.Worker) bool { return w.Running < w.Slots })
	if free && b.Older == 0 {
		return Wait{Reason: WaitMoment, Text: "waits for nothing: a worker takes it when it asks next"}
	}
	who, they := "worker "+ready[0].Name, "is"
	if len(ready) > 1 {
		who, they = fmt.Sprintf("all %d workers that fit", len(ready)), "are"
	}
	text := fmt.Sprintf("waits because %s %s busy", who, they)
	if free {
		text = "waits for its turn"
	}
	switch b.Older {
	case 0:
	case 1:
		text += "; 1 build has waited longer"
	default:
		text += fmt.Sprintf("; %d builds have waited longer", b.Older)
	}
	return Wait{Reason: WaitBusy, Text: text}
}

// locked says which lock keeps a build from a worker; nil if none does.
func (b Waiting) locked(w weir.Worker, f Fleet) *Wait {
	for _, u := range b.Locks {
		only := Candidate{Locks: []weir.LockUse{u}}
		l := newLocks(f.Locks, f.Held, w.Name)
		if l.free(&only) {
			continue
		}
		for _, h := range f.Held {
			if slices.ContainsFunc(h.Locks, func(o weir.LockUse) bool { return o.Name == u.Name }) &&
				(f.Locks[u.Name].Scope != weir.LockWorker || h.Worker == w.Name) {
				return &Wait{Reason: WaitLock, Build: h.Build, Text: fmt.Sprintf("waits for lock %s, which build %d holds", u.Name, h.Build)}
			}
		}
	}
	return nil
}

func labels(list []string) string {
	if len(list) == 1 {
		return "label " + list[0]
	}
	return "labels " + strings.Join(list, ", ")
}

// maxAside is how much of what a worker says stands in a sentence of ours, in characters.
const maxAside = 160

// aside is what a worker says, such that a sentence can go on behind it.
func aside(text string) string {
	text = strings.TrimRight(strings.Join(strings.Fields(strings.ToValidUTF8(text, "")), " "), ".")
	if r := []rune(text); len(r) > maxAside {
		text = string(r[:maxAside]) + "…"
	}
	return text
}

// clock is a time as a sentence says it.
func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
