package server_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/blob"
	"github.com/weir-ci/weir/internal/browsertest"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/server"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqlite"
)

// BenchmarkLog measures what readers of long logs wait for, at the HTTP API of
// a server on SQLite: go test -bench Log -run '^$' ./internal/server
func BenchmarkLog(b *testing.B) {
	for _, size := range []struct {
		name  string
		bytes int64
	}{{"100MB", 100 << 20}, {"1GB", 1 << 30}} {
		b.Run(size.name, func(b *testing.B) {
			url := longLog(b, size.bytes)
			for _, ask := range []struct{ name, path string }{
				{"last 200 lines", "?tail=200"}, {"200 lines in the middle", fmt.Sprintf("?line=%d&bytes=16384", size.bytes/160)},
				{"whole", "/raw"}, {"search, last line", "/search?q=the+very+end"}, {"search, first 100", "/search?q=module+77"},
				{"search, any case", "/search?q=THE+VERY+END&ignore_case=true"}, {"search, regexp", "/search?q=very+e.d&regex=true"},
				{"count all", "/search?q=module+7&count=true&limit=1"}, {"sections", "/sections"},
			} {
				b.Run(ask.name, func(b *testing.B) {
					for b.Loop() {
						answer, err := http.Get(url + ask.path)
						if err != nil {
							b.Fatal(err)
						}
						n, err := io.Copy(io.Discard, answer.Body)
						_ = answer.Body.Close()
						if err != nil || answer.StatusCode != http.StatusOK || n == 0 {
							b.Fatal(answer.Status, n, err)
						}
					}
				})
			}
		})
	}
}

// BenchmarkLogInBrowser measures how long people wait for a sealed log of a gigabyte:
// from the click on a step to its first lines, to its end, and to a line in the
// middle. It tells what the page holds after that.
// go test -bench LogInBrowser -benchtime 1x -run '^$' ./internal/server
func BenchmarkLogInBrowser(b *testing.B) {
	url := longLog(b, 1<<30)
	at := strings.Index(url, "/api/v1")
	build, _, _ := strings.Cut(url[at+len("/api/v1/builds/"):], "/")
	page := browsertest.Open(b)
	const open = `new Promise((done) => {
		const step = document.getElementById("step-0"), t = performance.now();
		step.open = false;
		document.querySelector("#step-0 .log").replaceWith(document.querySelector("#step-0 .log").cloneNode());
		const look = () => [...document.querySelectorAll("#step-0 .log-t")].some((e) => e.textContent.length > 5) ? done(performance.now() - t) : requestAnimationFrame(look);
		step.querySelector("summary").click();
		look();
	})`
	const to = `new Promise((done) => {
		const t = performance.now();
		const look = () => document.querySelector("#step-0 .is-marked .log-t")?.textContent.length > 5 && document.querySelector("#step-0 .is-marked .log-n").textContent === "%d" ? done(performance.now() - t) : requestAnimationFrame(look);
		location.hash = "#s0-L%d";
		look();
	})`
	timed := func(js string) float64 {
		page.Run(`(window.took = -1, ` + js + `.then((t) => { window.took = t; }))`)
		page.Wait(`window.took >= 0`)
		return browsertest.Eval[float64](page, `window.took`)
	}
	page.Goto(url[:at] + "/builds/" + build)
	page.Wait(`!!document.querySelector("#step-0 .log-row")`)
	lines := []float64{}
	for b.Loop() {
		lines = append(lines, timed(open))
	}
	slices.Sort(lines)
	b.ReportMetric(lines[len(lines)/2], "ms/open")
	b.ReportMetric(lines[len(lines)-1], "ms/slowest-open")
	worst := 0.0
	for i := range 40 {
		line := 100_000 + i*400_000%15_000_000
		worst = max(worst, timed(fmt.Sprintf(to, line, line)))
	}
	b.ReportMetric(worst, "ms/slowest-jump")
	b.ReportMetric(page.Heap()/1e6, "MB-heap")
	b.ReportMetric(browsertest.Eval[float64](page, `document.querySelectorAll("#step-0 *").length`), "elements")
}

// longLog serves a build whose step has printed so many bytes, and returns
// where its log is.
func longLog(b *testing.B, size int64) string {
	b.Helper()
	ctx, stop := context.WithCancel(context.Background())
	db, err := sqlite.Open(ctx, filepath.Join(b.TempDir(), "weir.db"))
	if err != nil {
		b.Fatal(err)
	}
	if err := db.Migrate(ctx); err != nil {
		b.Fatal(err)
	}
	blobs, err := blob.NewDir(filepath.Join(b.TempDir(), "blobs"))
	if err != nil {
		b.Fatal(err)
	}
	f := farm.New(farm.Options{Store: db, Blobs: blobs})
	done := make(chan struct{})
	go func() { defer close(done); _ = f.Run(ctx) }()
	b.Cleanup(func() { stop(); <-done; _ = db.Close() })
	builders, err := db.EnsureBuilders(ctx, []weir.BuilderKey{{Project: "p", Job: "test", Platform: "linux/amd64"}})
	if err != nil {
		b.Fatal(err)
	}
	if _, _, err := db.CreateRun(ctx, store.NewRun{Cause: weir.CauseForce, Project: "p", Now: time.Now(),
		Builds: []store.NewBuild{{Builder: builders[0].ID, Pins: weir.Pins{"p": "1"}}}}); err != nil {
		b.Fatal(err)
	}
	w := weir.Worker{Name: "w", Platform: "linux/amd64", Slots: 1, Seen: time.Now()}
	if _, _, err := db.Hello(ctx, w, nil); err != nil {
		b.Fatal(err)
	}
	leased, err := f.Lease(ctx, w, protocol.Lease{Free: 1, Wait: time.Minute})
	if err != nil || len(leased.Attempts) != 1 {
		b.Fatalf("leased %+v, %v", leased, err)
	}
	at := leased.Attempts[0]
	zip, err := zstd.NewWriter(nil)
	if err != nil {
		b.Fatal(err)
	}
	defer zip.Close()
	steps := []weir.StepRecord{{Name: "test", State: weir.StepPassed, Started: time.Now(), Ended: time.Now()}}
	var offset, line int64
	for n := 0; offset < size; {
		var frames []weir.LogFrame
		for range 8 {
			var text []byte
			lines := 0
			for len(text) < weir.MaxFrame-200 {
				text = fmt.Appendf(text, "%9d  compiling module %d of the mill, which took %d ms\n", n, n%10_000, rand.IntN(1000))
				n, lines = n+1, lines+1
			}
			if offset+int64(len(text)) >= size {
				text, lines = append(text, "the very end\n"...), lines+1
			}
			frames = append(frames, weir.LogFrame{Offset: offset, FirstLine: line, Size: len(text), Lines: lines, At: time.Now(), Data: zip.EncodeAll(text, nil)})
			offset, line = offset+int64(len(text)), line+int64(lines)
			if offset >= size {
				break
			}
		}
		if _, err := f.Sync(ctx, at.Attempt, protocol.Sync{Token: at.Token, Steps: steps, Frames: frames}); err != nil {
			b.Fatal(err)
		}
	}
	if err := f.Finish(ctx, at.Attempt, protocol.Finish{Token: at.Token, Outcome: weir.Passed, Steps: steps}); err != nil {
		b.Fatal(err)
	}
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for start := time.Now(); ; <-look.C {
		if left, err := db.Sealable(ctx, 0, 1); err != nil || len(left) == 0 && err == nil {
			break
		}
		if time.Since(start) > 5*time.Minute {
			b.Fatal("the log was not sealed")
		}
	}
	h, err := server.New(server.Options{Farm: real{Farm: f}, Name: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	s := httptest.NewServer(h)
	b.Cleanup(s.Close)
	return fmt.Sprintf("%s/api/v1/builds/%d/attempts/%d/steps/0/log", s.URL, at.Attempt.Build, at.Attempt.Number)
}
