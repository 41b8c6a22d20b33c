// Command weirsim plays the searches of internal/bisect/bisectsim and prints
// their tables in Markdown, or writes them into a page between two markers.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"

	"github.com/weir-ci/weir/internal/bisect/bisectsim"
)

// The lines between which the page holds the tables.
const (
	begin = "<!-- sim: begin -->\n"
	end   = "<!-- sim: end -->\n"
)

func main() {
	doc := flag.String("doc", "", "write into this `page`, between its markers, instead of printing")
	effort := flag.Float64("effort", 1, "how many games to play, as a part of what the documentation rests on")
	flag.Parse()
	if err := run(*doc, *effort); err != nil {
		fmt.Fprintln(os.Stderr, "weirsim:", err)
		os.Exit(1)
	}
}

func run(doc string, effort float64) error {
	var out bytes.Buffer
	if err := bisectsim.Report(&out, bisectsim.Effort(effort)); err != nil {
		return err
	}
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
		return fmt.Errorf("%s has no lines %q and %q between which the tables could stand", doc, begin, end)
	}
	page = bytes.Join([][]byte{before, []byte(begin + "\n"), out.Bytes(), []byte(end), after}, nil)
	return os.WriteFile(doc, page, 0o644)
}
