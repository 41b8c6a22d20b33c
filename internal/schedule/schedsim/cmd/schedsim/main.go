// Command schedsim plays a farm's month with internal/schedule/schedsim and prints what
// it was like in Markdown, or writes it into a page between two markers.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"github.com/weir-ci/weir/internal/schedule/schedsim"
)

// The lines between which the page holds the figures.
const (
	begin = "<!-- schedsim: begin -->\n"
	end   = "<!-- schedsim: end -->\n"
)

// garbage is how much memory may be wasted for speed, in percent.
const garbage = 400

func main() {
	doc := flag.String("doc", "", "write into this `page`, between its markers, instead of printing")
	days := flag.Int("days", 30, "how many days to play")
	seed := flag.Uint64("seed", 1, "which farm to play")
	flag.Parse()
	debug.SetGCPercent(garbage)
	if err := run(*doc, *days, *seed); err != nil {
		fmt.Fprintln(os.Stderr, "schedsim:", err)
		os.Exit(1)
	}
}

func run(doc string, days int, seed uint64) error {
	if days < 3 {
		return fmt.Errorf("%d days are too few: the first two are not counted", days)
	}
	var out bytes.Buffer
	began := time.Now()
	scale := schedsim.Thirty()
	scale.Days = days
	t := schedsim.Play(scale, seed)
	if err := schedsim.Report(&out, t); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "played in %.0f s; %d choices of a build, %.0f µs each\n",
		time.Since(began).Seconds(), t.Picks, float64(t.Picking.Microseconds())/float64(max(t.Picks, 1)))
	if doc == "" {
		_, err := os.Stdout.Write(out.Bytes())
		return err
	}
	page, err := os.ReadFile(doc)
	if err != nil {
		return err
	}
	before, rest, ok := bytes.Cut(page, []byte(begin))
	_, after, ok2 := bytes.Cut(rest, []byte(end))
	if !ok || !ok2 {
		return fmt.Errorf("%s has no lines %q and %q between which the figures could stand", doc, begin, end)
	}
	page = bytes.Join([][]byte{before, []byte(begin + "\n"), out.Bytes(), []byte("\n" + end), after}, nil)
	return os.WriteFile(doc, page, 0o644)
}
