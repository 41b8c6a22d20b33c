package bench

import (
	"context"
	"fmt"
)

// pages measures the pages and lists of a farm with a long history.
func (b *Bench) pages(ctx context.Context, s Subject) error {
	w, ok := s.(*Weir)
	if !ok {
		return fmt.Errorf("%s cannot be filled", s.Name())
	}
	regression, err := w.fill(ctx, b.size.perBuilder)
	if err != nil {
		return err
	}
	b.add(s, "pages.builds", float64(b.size.builders*b.size.perBuilder))
	if err := b.coldStarts(ctx, s, "pages.cold"); err != nil {
		return err
	}
	if err := s.Start(ctx); err != nil {
		return err
	}
	reader := newWeb()
	middle := b.size.builders * b.size.perBuilder / 2
	for i := range b.size.pages {
		for _, page := range []struct{ row, url string }{
			{"overview", w.url("")},
			{"build", w.Page(int64(middle + i))},
			{"regression", w.url("regressions/%d", regression)},
			{"recent", w.url("api/v1/builds?limit=20")},
			{"builder", w.url("api/v1/builds?limit=100&builder=%d", 1+i%b.size.builders)},
			{"thousand", w.url("api/v1/builds?limit=1000")},
		} {
			took, size, err := reader.fetch(ctx, page.url)
			if err != nil {
				return err
			}
			b.add(s, "pages."+page.row, seconds(took))
			if i == 0 {
				b.add(s, "pages."+page.row+"bytes", float64(size))
			}
		}
	}
	return nil
}
