// Package fleet is the pages about the machines and what waits for them: the
// workers, one worker as its owner wants to see it, and the queue.
package fleet

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/roster"
	"github.com/weir-ci/weir/internal/farm/waits"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// Farm is what the pages read and do.
type Farm interface {
	// Workers lists the workers, by name.
	Workers(ctx context.Context) ([]weir.Worker, error)
	// Worker finds one; NotFound if it never said hello.
	Worker(ctx context.Context, name string) (weir.Worker, error)
	// Queue reads what waits and why, at most limit builds.
	Queue(ctx context.Context, limit int) (waits.Line, error)
	// PauseWorker holds a worker back, ResumeWorker lets it go on.
	PauseWorker(ctx context.Context, name, reason, by string) error
	ResumeWorker(ctx context.Context, name string) error
	// ForgetWorker removes a worker that is away; Conflict if it is not.
	ForgetWorker(ctx context.Context, name string) error
	// WorkerDisk is how much room a worker has told this server that it has, in bytes.
	WorkerDisk(name string) (free int64, known bool)
}

// Roster says what workers have done. *roster.Reader is one.
type Roster interface {
	Today(ctx context.Context, workers []weir.Worker) (map[string]roster.Sum, map[string][]roster.Hour, error)
	Of(ctx context.Context, w weir.Worker) (roster.History, error)
	Ran(ctx context.Context, worker string, before time.Time, limit int) ([]roster.Ran, error)
	Refused(ctx context.Context, worker string, from, limit int) (list []roster.Refused, more bool, err error)
}

type pages struct {
	*page.Routes
	farm    Farm
	roster  Roster
	version string
}

// Register adds the pages. Version is that of the server's program.
func Register(routes *page.Routes, farm Farm, roster Roster, version string) {
	s := &pages{Routes: routes, farm: farm, roster: roster, version: version}
	s.Show(page.Route{Pattern: "/workers", Twin: "workers", Live: true, Tagged: true, Params: []page.Param{page.TextParam("q"),
		page.TextParam("platform"), page.WordParam("state", weir.WorkerStates()...)}}, s.workers)
	s.Show(page.Route{Pattern: "/workers/{name}", Twin: "workers/{name}", Live: true, Tagged: true, Params: []page.Param{page.NumberParam("before", "microseconds since 1970")}}, s.worker)
	s.Show(page.Route{Pattern: "/queue", Twin: "queue", Live: true, Tagged: true}, s.queue)
	s.Act("/workers/{name}/pause", "pause", func(r *http.Request, who string) (string, error) {
		name := r.PathValue("name")
		return workerURL(name), s.farm.PauseWorker(r.Context(), name, r.PostForm.Get("reason"), who)
	})
	s.Act("/workers/{name}/resume", "resume", func(r *http.Request, _ string) (string, error) {
		name := r.PathValue("name")
		return workerURL(name), s.farm.ResumeWorker(r.Context(), name)
	})
	s.Act("/workers/{name}/forget", "forget", func(r *http.Request, _ string) (string, error) {
		return "/workers", s.farm.ForgetWorker(r.Context(), r.PathValue("name"))
	})
}

func workerURL(name string) string { return "/workers/" + url.PathEscape(name) }

const maxFilter = 100 // characters

func (s *pages) workers(r *http.Request) (page.Shown, error) {
	list, err := s.farm.Workers(r.Context())
	if err != nil {
		return page.Shown{}, err
	}
	sums, hours, err := s.roster.Today(r.Context(), list)
	if err != nil {
		return page.Shown{}, err
	}
	q := r.URL.Query()
	f := roster.Narrow{Text: page.Clean(strings.TrimSpace(q.Get("q")), maxFilter), Platform: q.Get("platform"), State: q.Get("state")}
	v := workersView(list, sums, hours, f, s.version, s.Now())
	return page.Shown{Title: v.Title, Section: "workers", Topics: "worker,build", Content: workersPage(v)}, nil
}

func (s *pages) worker(r *http.Request) (page.Shown, error) {
	worker, err := s.farm.Worker(r.Context(), r.PathValue("name"))
	if err != nil {
		return page.Shown{}, err
	}
	history, err := s.roster.Of(r.Context(), worker)
	if err != nil {
		return page.Shown{}, err
	}
	k := known{version: s.version, who: s.Who(r), now: s.Now()}
	k.disk, k.diskKnown = s.farm.WorkerDisk(worker.Name)
	if before, ok := page.Number(r.URL.Query().Get("before")); ok {
		k.before = time.UnixMicro(before)
		if history.Last, err = s.roster.Ran(r.Context(), worker.Name, k.before, roster.MaxLast); err != nil {
			return page.Shown{}, err
		}
	}
	refused, more, err := s.roster.Refused(r.Context(), worker.Name, 0, maxRefused)
	if err != nil {
		return page.Shown{}, err
	}
	v := workerView(worker, history, k)
	v.Owner = ownerView(worker, refused, more, s.Now())
	return page.Shown{Title: "Worker " + v.Name, Section: "workers", Topics: "worker,build", Content: workerPage(v)}, nil
}

func (s *pages) queue(r *http.Request) (page.Shown, error) {
	line, err := s.farm.Queue(r.Context(), waits.MaxLine)
	if err != nil {
		return page.Shown{}, err
	}
	v := queueView(line, s.Now())
	return page.Shown{Title: v.Title, Section: "workers", Topics: "queue,build,run,worker", Content: queuePage(v)}, nil
}
