package policy

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/weir-ci/weir"
)

// command is an entry of the key commands.
type command struct {
	shell weir.Shell // empty: the default, sh or bash
	text  string
}

// allows reports whether the entry allows something: it is the very same text, or
// what it is with a * in it.
func (c command) allows(e execution) bool {
	switch e.shell {
	case weir.ShellDefault, weir.ShellSh, weir.ShellBash:
		if c.shell != "" && c.shell != e.shell {
			return false
		}
	default:
		if c.shell != e.shell {
			return false
		}
	}
	return c.text == e.text || wild(c.text, e.text, plain)
}

// plain reports whether a * in a command may stand for a character: whether no
// shell takes it for anything but a part of a word, or the space between two. What is
// not listed is not plain, and so no other shell or system changes what a * is.
func plain(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte(plainSigns, c) >= 0
}

// plainSigns are the plain characters beside letters and digits.
const plainSigns = " ._-+=,:/@"

// execution is something that a build would run.
type execution struct {
	where string // for people
	shell weir.Shell
	text  string
}

// String is how it would stand in the file.
func (e execution) String() string {
	text := fmt.Sprintf("%.300q", e.text)
	switch e.shell {
	case weir.ShellDefault, weir.ShellSh, weir.ShellBash:
		return text
	}
	return text + " in " + string(e.shell)
}

// trim removes what all shells pass over around a command. Other spaces, such as one
// that does not break lines, are parts of words to them.
func trim(text string) string { return strings.Trim(text, " \t\n") }

// executed lists all that a build hands to a shell or starts: the commands and
// scripts of its steps, its services, and what asks whether those are ready.
func executed(spec weir.Spec) []execution {
	var out []execution
	add := func(where string, shell weir.Shell, text string) {
		if text = trim(text); text != "" {
			out = append(out, execution{where, shell, text})
		}
	}
	own := spec.Job.Shell
	for _, s := range spec.Job.Services {
		where := fmt.Sprintf("service %.80q", s.Name)
		add(where, own, s.Run)
		add(where+", to see whether it is ready,", own, s.Ready)
	}
	for _, s := range spec.Job.Steps {
		shell := s.Shell
		if shell == weir.ShellDefault {
			shell = own
		}
		where := fmt.Sprintf("step %.80q", s.Name)
		add(where, shell, s.Run)
		if s.Script != "" {
			add(where, weir.ShellDefault, scriptLine(shell, s.Script))
		}
	}
	return out
}

// scriptLine is the command line that does what a step with a script does. A path
// that is no plain word is put in quotes, so that no * stands for it.
func scriptLine(shell weir.Shell, script string) string {
	script = "./" + strings.TrimPrefix(script, "./")
	if strings.ContainsFunc(script, func(r rune) bool { return r == ' ' || r > unicode.MaxASCII || !plain(byte(r)) }) {
		script = "'" + script + "'"
	}
	if shell == weir.ShellDefault {
		return script
	}
	return string(shell) + " " + script
}
