package boards

import (
	"context"
	"errors"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/recent"
	"github.com/weir-ci/weir/internal/store"
)

// shelf is what is known of the builds of one builder.
type shelf struct {
	weir.Builder
	kept   []store.BoardBuild  // what is in memory, newest first
	builds []*store.BoardBuild // newest first, without those of guests
	revs   []string            // at which revision of the line's project each of them is
	oldest weir.BuildID        // of all that were looked at; 0: none was
	whole  bool                // there is none older than that
}

// shelves makes a shelf, with nothing on it yet, of each builder that passes a filter.
func shelves(state *recent.State, keep func(weir.Builder) bool) []*shelf {
	var list []*shelf
	for i := range state.Rows {
		if r := &state.Rows[i]; keep(r.Builder) {
			list = append(list, &shelf{Builder: r.Builder, kept: r.Builds, whole: len(r.Builds) < state.Kept()})
		}
	}
	return list
}

// stock puts on each shelf what is in memory, for a line of a project.
func stock(all []*shelf, project string) {
	for _, s := range all {
		s.builds, s.revs = make([]*store.BoardBuild, 0, len(s.kept)), make([]string, 0, len(s.kept))
		s.put(s.kept, project)
	}
}

// behind counts the shelves of which all in memory is newer than a position, before
// anything is put on them. Most builds of a large farm are of no use to a board that
// is far back, and to look at each of them takes longer than to make the board.
func (p *places) behind(ctx context.Context, all []*shelf, position int64) (n int, err error) {
	for _, s := range all {
		if s.whole {
			continue
		}
		var at int64
		for i := len(s.kept) - 1; i >= 0 && at == 0; i-- {
			if b := &s.kept[i]; b.Cause.Advances() {
				if at, err = p.of(ctx, b.Pins[p.line.project]); err != nil {
					return 0, err
				}
			}
		}
		if at == 0 || at > position {
			n++
		}
	}
	return n, nil
}

// put adds builds, which are older than those that are there.
func (s *shelf) put(builds []store.BoardBuild, project string) {
	for i := range builds {
		b := &builds[i]
		s.oldest = b.ID
		if !b.Cause.Guest() {
			s.builds, s.revs = append(s.builds, b), append(s.revs, b.Pins[project])
		}
	}
}

// places knows where revisions of one line are.
type places struct {
	store  Store
	line   line
	at     map[string]int64
	read   map[int64][]weir.Revision // stretches, by their last position
	lookup int                       // how many more may be looked up one by one
}

// maxLookups is how many revisions are looked up one by one for one board.
const maxLookups = 200

func newPlaces(s Store, l line) *places {
	return &places{store: s, line: l, at: map[string]int64{}, read: map[int64][]weir.Revision{}, lookup: maxLookups}
}

// stretch reads revisions from first to last, oldest first. Whoever reads on asks for
// the same stretches again, and those that end at last are the same.
func (p *places) stretch(ctx context.Context, first, last int64) ([]weir.Revision, error) {
	if revs, ok := p.read[last]; ok {
		return revs, nil
	}
	revs, err := p.store.RevisionRange(ctx, p.line.project, p.line.branch, max(first, 1), last)
	for _, r := range revs {
		p.at[r.ID] = r.Position
	}
	p.read[last] = revs
	return revs, err
}

// of finds the position of a revision; 0: it is not on the line.
func (p *places) of(ctx context.Context, id string) (int64, error) {
	if at, ok := p.at[id]; ok || id == "" {
		return at, nil
	}
	if p.lookup == 0 {
		return 0, nil
	}
	p.lookup--
	r, err := p.store.Revision(ctx, p.line.project, p.line.branch, id)
	var e *weir.Error
	if errors.As(err, &e) && e.Code == weir.NotFound {
		err = nil
	}
	if err == nil {
		p.at[id] = r.Position
	}
	return r.Position, err
}

// standsAt is the position of the oldest build of a shelf that moves its line;
// 0 if none is on it.
func (p *places) standsAt(ctx context.Context, s *shelf) (int64, error) {
	for i, b := range slices.Backward(s.builds) {
		if !b.Cause.Advances() {
			continue
		}
		if at, err := p.of(ctx, s.revs[i]); at > 0 || err != nil {
			return at, err
		}
	}
	return 0, nil
}

// short lists the shelves that do not reach down to a position. Top is the newest position
// at which one of them ends, past whether all of them end behind another position.
func (p *places) short(ctx context.Context, all []*shelf, low, until int64) (list []*shelf, top int64, past bool, err error) {
	past = true
	for _, s := range all {
		at, err := p.standsAt(ctx, s)
		if err != nil {
			return nil, 0, false, err
		}
		if !s.whole && (at == 0 || at > low) {
			list, top, past = append(list, s), max(top, at), past && at > until
		}
	}
	if top == 0 {
		top = p.line.tip
	}
	return list, top, past, nil
}

// deepen reads older builds until the shelves reach down to a position, or the limit
// on how many older builds one board may read is used up. The position is asked for
// again after each reading, because what is found may move it: low is as far as it may
// have to go, near as far as will do if each revision was built. Until is where the
// board begins: what is newer is passed over.
func (p *places) deepen(ctx context.Context, all []*shelf, until int64, from func() (low, near int64, err error)) error {
	left, sought := maxOlder, false
	for further := int64(1); ; further *= 2 { // where near does not do, it is far from it as a rule
		low, near, err := from()
		if err != nil {
			return err
		}
		short, top, past, err := p.short(ctx, all, low, until)
		if err != nil || len(short) == 0 || left < len(short) {
			return err
		}
		below := weir.BuildID(0)
		if past && !sought {
			sought = true
			if below, err = p.seek(ctx, short, until, top); err != nil {
				return err
			}
		}
		of := make([]store.Before, len(short))
		for i, s := range short {
			if of[i] = (store.Before{Builder: s.ID, Build: s.oldest}); below > 0 {
				of[i].Build = min(s.oldest, below)
			}
		}
		if below > 0 {
			top = until
		}
		// A builder that builds each revision has no more between there and here, and one below.
		per := int(max(1, min(onePast, top-low+seekSlack, (top-near+seekSlack)*further, int64(left/len(short)))))
		list, err := p.earlier(ctx, of, per)
		if err != nil {
			return err
		}
		left -= len(list)
		for _, s := range short {
			n := 0
			for n < len(list) && list[n].Builder == s.ID {
				n++
			}
			s.put(list[:n:n], p.line.project)
			s.whole = n < per
			list = list[n:]
		}
	}
}

// Who asks for the builds of many builders waits for one processor to read them all,
// unless several do.
const (
	readers  = 4   // at most, and no more than there are processors
	eachRead = 200 // builders at least
)

// earlier is store.Boards.Earlier, read by several at once if that is much.
func (p *places) earlier(ctx context.Context, of []store.Before, per int) ([]store.BoardBuild, error) {
	n := min(readers, runtime.GOMAXPROCS(0), len(of)/eachRead)
	if n < 2 {
		return p.store.Earlier(ctx, of, per)
	}
	parts := make([][]store.BoardBuild, n)
	group, ctx := errgroup.WithContext(ctx)
	for i := range parts {
		group.Go(func() (err error) {
			parts[i], err = p.store.Earlier(ctx, of[i*len(of)/n:(i+1)*len(of)/n], per)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return slices.Concat(parts...), nil
}

// seekBy is how many builders tell where in the past a position is.
const seekBy = 4

// seekSlack is how many builds of a builder are read beyond those that are looked for.
const seekSlack = 3

// seek finds a number below which are the builds that stand at a position or before
// it, and not many others, as the builds of a few builders tell: ids grow as
// revisions do. The shelves end at top. As both grow evenly as a rule, it looks first
// where the position would be then, and beside that; what is left it cuts in half.
func (p *places) seek(ctx context.Context, short []*shelf, until, top int64) (weir.BuildID, error) {
	var by []weir.BuilderID
	low, high := weir.BuildID(1), weir.BuildID(0) // builds from high on stand behind until
	for _, s := range short {
		high = max(high, s.oldest)
		if len(by) < seekBy {
			by = append(by, s.ID)
		}
	}
	positions := max(1, top-p.line.first)
	enough := max(weir.BuildID(len(short)), high/weir.BuildID(positions)) // a build more of each is read sooner than a step is made
	guess := min(high-1, weir.BuildID(float64(high)*float64(until+1-p.line.first)/float64(positions))+enough/2)
	for step := 0; low+enough < high; step++ {
		guess = max(low, guess)
		at, err := p.before(ctx, by, guess)
		if err != nil {
			return 0, err
		}
		behind := at > until
		if behind {
			high = guess
		} else {
			low = guess + 1
		}
		switch {
		case step > 0:
			guess = low + (high-low)/2
		case behind:
			guess = high - enough
		default:
			guess = low + enough - 1
		}
	}
	return high, nil
}

// before is the position of the newest build of some builders up to one; 0 if none is on the line.
func (p *places) before(ctx context.Context, by []weir.BuilderID, build weir.BuildID) (at int64, err error) {
	list, err := p.store.Span(ctx, store.SpanQuery{Builders: by, Before: build + 1, Limit: seekBy})
	for i := 0; i < len(list) && at == 0 && err == nil; i++ {
		if list[i].Cause.Advances() {
			at, err = p.of(ctx, list[i].Pins[p.line.project])
		}
	}
	return at, err
}
