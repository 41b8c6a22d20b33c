// Package notes reads what the steps of a build write into files for others: for
// the steps behind them, for people, and for the farm.
//
//	$WEIR_OUTPUT   NAME=VALUE lines: what later steps get to know
//	$WEIR_METRICS  NAME VALUE [UNIT] lines, or JSON objects: what was measured
//	$WEIR_SUMMARY  Markdown: what people should see first
//
// Every step gets files of its own, which need not be written. A step is not
// trusted: in the place of a file there may be a link, a pipe, a device or the
// whole of /dev/zero, and in the file there may be anything. Nothing of that
// fails a build. What cannot be used is passed over, with a sentence for the log.
//
// An output of more than one line has the form of a here document:
//
//	NAME<<END
//	first line
//	second line
//	END
package notes

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"

	"github.com/weir-ci/weir"
)

// Limits, in bytes unless said otherwise.
const (
	MaxOutput    = 64 << 10 // of $WEIR_OUTPUT of one step
	MaxMetrics   = 1 << 20  // of $WEIR_METRICS of one step
	MaxName      = 100      // of an output's name
	MaxUnit      = 50       // of a metric's unit
	maxComplaint = 10       // sentences for the log from one file
)

// The files' variables and names.
const (
	OutputVar  = "WEIR_OUTPUT"
	MetricsVar = "WEIR_METRICS"
	SummaryVar = "WEIR_SUMMARY"

	outputFile  = "output"
	metricsFile = "metrics"
	summaryFile = "summary"
)

// Files are those of one step.
type Files struct{ dir, name string }

// New makes room for the files of a step in a new directory below dir, with a
// name that no earlier step could know.
func New(dir string) (Files, error) {
	made, err := os.MkdirTemp(dir, "notes-*")
	if err != nil {
		return Files{}, err
	}
	return Files{dir: dir, name: filepath.Base(made)}, nil
}

// Vars says where the step finds its files.
func (f Files) Vars() []weir.EnvVar {
	at := func(name string) string { return filepath.Join(f.dir, f.name, name) }
	return []weir.EnvVar{{Name: OutputVar, Value: at(outputFile)}, {Name: MetricsVar, Value: at(metricsFile)},
		{Name: SummaryVar, Value: at(summaryFile)}}
}

// Notes are what a step wrote.
type Notes struct {
	Outputs []weir.EnvVar // in the order of the file; of equal names the last one only
	Metrics []weir.Metric // like them
	Summary string        // at most weir.MaxSummary bytes
	// Complaints are sentences about what could not be used. They may quote the file.
	Complaints []string
}

// Read reads the files once the step has ended. It cannot be made to hang, to
// read what lies elsewhere, or to use more memory than the limits.
func (f Files) Read() Notes {
	var n Notes
	root, err := os.OpenRoot(f.dir)
	if err != nil {
		return n
	}
	defer root.Close()
	if data, ok := n.file(root, f.name, outputFile, OutputVar, MaxOutput); ok {
		n.Outputs = parseOutputs(data, n.complain(OutputVar))
	}
	if data, ok := n.file(root, f.name, metricsFile, MetricsVar, MaxMetrics); ok {
		n.Metrics = parseMetrics(data, n.complain(MetricsVar))
	}
	if data, ok := n.file(root, f.name, summaryFile, SummaryVar, weir.MaxSummary); ok {
		n.Summary = strings.TrimRight(strings.ReplaceAll(strings.ToValidUTF8(string(data), "\uFFFD"), "\x00", "\uFFFD"), "\n")
		n.Summary = clip(n.Summary, weir.MaxSummary)
	}
	return n
}

// complain makes a function that notes what is wrong with a file, but not for ever.
func (n *Notes) complain(variable string) func(format string, args ...any) {
	count := 0
	return func(format string, args ...any) {
		switch count++; {
		case count < maxComplaint:
			n.Complaints = append(n.Complaints, "$"+variable+": "+fmt.Sprintf(format, args...))
		case count == maxComplaint:
			n.Complaints = append(n.Complaints, "$"+variable+": more of the like is not told")
		}
	}
}

// file reads a file of limited size; ok is false if there is none that can be
// used. Of one that is too long the beginning is used, up to a line's end.
func (n *Notes) file(root *os.Root, dir, name, variable string, limit int) (data []byte, ok bool) {
	complain := n.complain(variable)
	path := dir + "/" + name
	info, err := root.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, false
	case err != nil || !info.Mode().IsRegular():
		complain("it is not a file any more and is passed over")
		return nil, false
	}
	// A pipe may take the file's place now; opening that must not wait.
	f, err := root.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		complain("it cannot be opened")
		return nil, false
	}
	defer f.Close()
	if now, err := f.Stat(); err != nil || !os.SameFile(now, info) {
		complain("it is not a file any more and is passed over")
		return nil, false
	}
	data, err = io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err != nil {
		complain("it cannot be read")
		return nil, false
	}
	if len(data) > limit {
		data = data[:limit]
		data = data[:bytes.LastIndexByte(data, '\n')+1]
		complain("it has more than %d bytes; what is beyond them is left out", limit)
	}
	return data, true
}

// ValidName reports whether an output may have this name.
func ValidName(name string) bool {
	for i, c := range []byte(name) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != "" && len(name) <= MaxName
}

// lines cuts a file, whatever system's line ends it has.
func lines(data []byte) []string {
	text := strings.TrimPrefix(string(data), "\uFEFF") // as PowerShell begins files
	text = strings.TrimSuffix(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

func parseOutputs(data []byte, complain func(string, ...any)) []weir.EnvVar {
	var out []weir.EnvVar
	all := lines(data)
	for i := 0; i < len(all); i++ {
		line := all[i]
		if strings.TrimSpace(line) == "" {
			continue
		}
		number := i + 1
		cut := strings.IndexAny(line, "=<")
		if cut < 0 || line[cut] == '<' && !strings.HasPrefix(line[cut:], "<<") {
			complain("line %d is neither NAME=VALUE nor NAME<<END", number)
			continue
		}
		name, value := line[:cut], line[cut+1:]
		if line[cut] == '<' {
			end := strings.TrimSpace(line[cut+2:])
			last := i + 1
			for last < len(all) && (all[last] != end || end == "") {
				last++
			}
			if last >= len(all) {
				complain("line %d begins a value, and no line that ends it follows", number)
				continue
			}
			value = strings.Join(all[i+1:last], "\n")
			i = last
		}
		switch {
		case !ValidName(name):
			complain("line %d: %.40q is no name: letters, digits and _ are, at most %d", number, name, MaxName)
		case !utf8.ValidString(value) || strings.Contains(value, "\x00"):
			complain("line %d: the value of %s is not text", number, name)
		default:
			out = put(out, weir.EnvVar{Name: name, Value: value}, func(v weir.EnvVar) string { return v.Name })
		}
	}
	return out
}

// put appends a value, in place of an earlier one of the same name.
func put[T any](list []T, v T, name func(T) string) []T {
	for i := range list {
		if name(list[i]) == name(v) {
			list[i] = v
			return list
		}
	}
	return append(list, v)
}

func parseMetrics(data []byte, complain func(string, ...any)) []weir.Metric {
	var out []weir.Metric
	at := map[string]int{}
	for i, line := range lines(data) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		m, err := parseMetric(line)
		if err != nil {
			complain("line %d: %v", i+1, err)
			continue
		}
		if k, ok := at[m.Name]; ok {
			out[k] = m
			continue
		}
		if len(out) == weir.MaxMetrics {
			complain("line %d: a build has at most %d metrics; the rest is left out", i+1, weir.MaxMetrics)
			break
		}
		at[m.Name] = len(out)
		out = append(out, m)
	}
	return out
}

// parseMetric reads NAME VALUE [UNIT], or an object of JSON with such members.
func parseMetric(line string) (weir.Metric, error) {
	var m weir.Metric
	if strings.HasPrefix(line, "{") {
		var object struct {
			Name  string   `json:"name"`
			Value *float64 `json:"value"`
			Unit  string   `json:"unit"`
		}
		if json.Unmarshal([]byte(line), &object) != nil || object.Value == nil {
			return m, errors.New(`it is no JSON object with "name", a number "value", and perhaps "unit"`)
		}
		m = weir.Metric{Name: object.Name, Value: *object.Value, Unit: object.Unit}
	} else {
		words := strings.Fields(line)
		if len(words) < 2 || len(words) > 3 {
			return m, errors.New("it is not NAME VALUE [UNIT]")
		}
		value, err := strconv.ParseFloat(words[1], 64)
		if err != nil {
			return m, fmt.Errorf("%.40q is not a number", words[1])
		}
		m = weir.Metric{Name: words[0], Value: value}
		if len(words) == 3 {
			m.Unit = words[2]
		}
	}
	switch {
	case math.IsNaN(m.Value) || math.IsInf(m.Value, 0):
		return m, errors.New("the value is not a finite number")
	case !plain(m.Name, weir.MaxMetricName) || m.Name == "":
		return m, fmt.Errorf("%.40q is no name of a metric: at most %d bytes of visible text are", m.Name, weir.MaxMetricName)
	case !plain(m.Unit, MaxUnit):
		return m, fmt.Errorf("%.40q is no unit: at most %d bytes of visible text are", m.Unit, MaxUnit)
	}
	return m, nil
}

// plain reports whether s is visible text of limited length.
func plain(s string, limit int) bool {
	return len(s) <= limit && utf8.ValidString(s) &&
		!strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// Merge joins the metrics of a step to those of earlier ones, and says how many
// were left out because a build has too many.
func Merge(all, more []weir.Metric) (merged []weir.Metric, left int) {
	for _, m := range more {
		if n := len(all); n < weir.MaxMetrics || hasMetric(all, m.Name) {
			all = put(all, m, func(m weir.Metric) string { return m.Name })
		} else {
			left++
		}
	}
	return all, left
}

func hasMetric(all []weir.Metric, name string) bool {
	for _, m := range all {
		if m.Name == name {
			return true
		}
	}
	return false
}

// Append joins the summary of a step to those of earlier ones; cut says that not
// all of it fits into weir.MaxSummary.
func Append(all, more string) (joined string, cut bool) {
	switch {
	case more == "":
		return all, false
	case all != "":
		more = all + "\n\n" + more
	}
	return clip(more, weir.MaxSummary), len(more) > weir.MaxSummary
}

// clip cuts s at a character's end.
func clip(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}
