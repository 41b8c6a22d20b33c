// Package generate writes the files that builds of the benchmarks print and
// report. They are the same each time, and alike to real ones in what matters:
// length of lines, names and how well they compress.
package generate

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
)

// LineBytes is how long a line of the generated logs is on average, with
// its newline: 1.25 million lines are 100 MB.
const LineBytes = 80

// Log writes what a long build might print: compiler calls, test
// progress, warnings and hex, so that it compresses as such logs do, by a
// factor of two to three. It is the same for everybody and each time.
func Log(path string, lines int) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	rng := rand.New(rand.NewPCG(1, 2))
	words := []string{"parser", "socket", "buffer", "thread", "window", "matrix", "string", "vector", "object", "stream", "symbol", "module"}
	word := func() string { return words[rng.IntN(len(words))] }
	line := make([]byte, 0, 2*LineBytes)
	extra := 0 // bytes by which lines so far were longer or shorter than planned
	for i := range lines {
		line = line[:0]
		switch rng.IntN(4) {
		case 0:
			line = fmt.Appendf(line, "[%6d/%d] CC %s/%s_%s.o -O2 -D%s=%d -I%s", i, lines, word(), word(), word(), word(), rng.IntN(1000), word())
		case 1:
			line = fmt.Appendf(line, "test_%s_%s (tests.%s.Test%d) ... ok (%d.%03ds)", word(), word(), word(), rng.IntN(500), rng.IntN(3), rng.IntN(1000))
		case 2:
			line = fmt.Appendf(line, "%s/%s.c:%d:%d: warning: unused %s '%s_%d'", word(), word(), rng.IntN(5000), rng.IntN(120), word(), word(), rng.IntN(100))
		default:
			line = fmt.Appendf(line, "%s: object %016x at offset %08x", word(), rng.Uint64(), rng.Uint32())
		}
		want := LineBytes - 1 - extra
		for len(line) < want-8 {
			line = fmt.Appendf(line, " %07x", rng.IntN(1<<28))
		}
		extra = len(line) - want
		if _, err := w.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}

// JUnit writes a results file in which all tests pass.
func JUnit(path string, tests int) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	fmt.Fprintf(w, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite name=\"all\" tests=\"%d\" failures=\"0\">\n", tests)
	for i := range tests {
		fmt.Fprintf(w, "<testcase classname=\"tests.module%03d.Case%d\" name=\"test_behaviour_number_%d\" time=\"0.%03d\"/>\n", i/100, i/10, i, i*7%1000)
	}
	fmt.Fprint(w, "</testsuite>\n</testsuites>\n")
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}
