package doctest

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/weir-ci/weir/internal/cli"
	"github.com/weir-ci/weir/internal/cli/console"
)

// manual is what a verb's help says.
type manual struct {
	path  string          // "weir token add"
	verbs []string        // below it
	flags map[string]bool // with dashes -> takes a value
	takes bool            // words of its own, beside its verbs
}

var (
	verbLine = regexp.MustCompile(`^  ([a-z]+)\s`)
	flagLine = regexp.MustCompile(`^ {2,6}(?:(-[a-zA-Z]), )?(--[a-z-]+)(?: ([a-zA-Z]+))?(?:\s|$)`)
)

// readManual asks the program itself.
func readManual(t *testing.T, path []string) manual {
	t.Helper()
	var out, problems bytes.Buffer
	if code := cli.Main(append(slices.Clone(path), "--help"), strings.NewReader(""), &out, &problems); code != console.ExitOK {
		t.Fatalf("weir %s --help: exit code %d: %s", strings.Join(path, " "), code, problems.String())
	}
	m := manual{path: strings.Join(append([]string{"weir"}, path...), " "), flags: map[string]bool{}}
	section := ""
	for line := range strings.Lines(out.String()) {
		line = strings.TrimRight(line, "\n")
		if line != "" && line[0] != ' ' {
			section = strings.TrimSuffix(line, ":")
			continue
		}
		switch section {
		case "Usage":
			m.takes = m.takes || strings.HasPrefix(line, "  "+m.path+" [") && strings.HasSuffix(line, "] [flags]")
		case "Available Commands":
			if match := verbLine.FindStringSubmatch(line); match != nil {
				m.verbs = append(m.verbs, match[1])
			}
		case "Flags", "Global Flags":
			if match := flagLine.FindStringSubmatch(line); match != nil {
				m.flags[match[2]] = match[3] != ""
				if match[1] != "" {
					m.flags[match[1]] = match[3] != ""
				}
			}
		}
	}
	return m
}

// checkCommand says what is wrong with the words behind "weir".
func checkCommand(t *testing.T, words []string) (problem string) {
	t.Helper()
	var path []string
	m := readManual(t, nil)
	for i := 0; i < len(words); i++ {
		word := words[i]
		switch name, _, hasValue := strings.Cut(word, "="); {
		case word == "--help" || word == "-h":
		case strings.HasPrefix(word, "-"):
			takes, ok := m.flags[name]
			if !ok {
				return m.path + " has no flag " + name
			}
			if takes && !hasValue {
				i++
			}
		case slices.Contains(m.verbs, word):
			path = append(path, word)
			m = readManual(t, path)
		case len(m.verbs) > 0 && !m.takes:
			return m.path + " has no verb " + word
		}
	}
	return ""
}

var assignment = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*=`)

// commandOf finds the words behind weir in a shell's command, if it runs weir.
func commandOf(command string) ([]string, bool) {
	words := strings.Fields(command)
	for len(words) > 0 && (assignment.MatchString(words[0]) || words[0] == "sudo" || words[0] == "exec") {
		words = words[1:]
	}
	if len(words) == 0 || words[0] != "weir" && words[0] != "./weir" && words[0] != "bin/weir" && words[0] != "./bin/weir" {
		return nil, false
	}
	return words[1:], true
}

var (
	separator = regexp.MustCompile(`\|\|?|&&?|;|#.*|\d?>.*`)
	inline    = regexp.MustCompile("`(weir [^`]+)`")
)

// commands lists the command lines of a page that run weir.
func (p page) commands() map[string][]string {
	out := map[string][]string{}
	add := func(line string) {
		for _, command := range separator.Split(strings.ReplaceAll(line, "2>&1", ""), -1) {
			if words, ok := commandOf(command); ok {
				out[line] = words
			}
		}
	}
	for _, b := range p.blocks {
		for line := range strings.Lines(b.text) {
			line = strings.TrimSpace(line)
			switch b.info {
			case "console":
				if command, ok := strings.CutPrefix(line, "$ "); ok {
					add(command)
				}
			case "sh":
				add(line)
			case "ini":
				if command, ok := strings.CutPrefix(line, "ExecStart="); ok {
					add(strings.Replace(command, "/usr/local/bin/", "", 1))
				}
			}
		}
	}
	if !strings.HasPrefix(p.name, "docs/decisions/") {
		for _, m := range inline.FindAllStringSubmatch(p.text, -1) {
			add(m[1])
		}
	}
	return out
}

func TestCommands(t *testing.T) {
	t.Parallel()
	tested := 0
	for _, p := range pages(t) {
		for line, words := range p.commands() {
			tested++
			// Words in capitals stand for something else.
			if len(words) > 0 && words[0] == strings.ToUpper(words[0]) && !strings.HasPrefix(words[0], "-") {
				continue
			}
			if problem := checkCommand(t, words); problem != "" {
				t.Errorf("%s: %s: %s", p.name, line, problem)
			}
		}
	}
	if tested < 20 {
		t.Errorf("only %d command lines", tested)
	}
}

// TestCheckCommand makes sure that the check itself finds what is wrong.
func TestCheckCommand(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"token add NAME":              "",
		"token -f weir.yaml list":     "",
		"run a/b --pin a=1 --dir=. x": "",
		"tokens add NAME":             "weir has no verb tokens",
		"token frob":                  "weir token has no verb frob",
		"regressions 3":               "",
		"regressions dismiss 3":       "",
		"check --strict":              "weir check has no flag --strict",
	} {
		if got := checkCommand(t, strings.Fields(line)); got != want {
			t.Errorf("weir %s: %q, want %q", line, got, want)
		}
	}
}
