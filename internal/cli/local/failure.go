package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/term"

	"github.com/weir-ci/weir/internal/cli/show"
	"github.com/weir-ci/weir/internal/worker/execute"
)

// failed opens a shell where a step failed, if somebody is there, and says how
// to open one later if nobody is.
func (r *localRun) failed(in io.Reader) func(context.Context, execute.Failure) {
	return func(ctx context.Context, f execute.Failure) {
		file, ok := in.(*os.File)
		if !ok || !term.IsTerminal(int(file.Fd())) {
			r.leaveShell(f)
			return
		}
		fmt.Fprintf(r.out, "step %s: %s\nThis is a shell in %s, with its environment. Leave it with exit.\n",
			show.Safe(f.Step.Name), show.Safe(f.Note), f.Dir)
		cmd := exec.CommandContext(ctx, interactiveShell())
		cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = f.Dir, file, os.Stdout, os.Stderr
		cmd.Env = append(append([]string{}, f.Env...), "TERM="+os.Getenv("TERM"), "PS1=weir: "+f.Step.Name+" $ ")
		if err := cmd.Run(); err != nil {
			if exit := new(exec.ExitError); !errors.As(err, &exit) {
				fmt.Fprintf(r.out, "no shell could be opened: %v\n", err)
			}
		}
	}
}

func interactiveShell() string {
	if runtime.GOOS == "windows" {
		return "cmd"
	}
	if path, err := exec.LookPath("bash"); err == nil {
		return path
	}
	return "/bin/sh"
}

// leaveShell keeps the checkout and a script that opens a shell in it.
func (r *localRun) leaveShell(f execute.Failure) {
	if runtime.GOOS == "windows" {
		fmt.Fprintf(r.out, "the checkout is kept in %s\n", f.Dir)
		r.keep = true
		return
	}
	var b strings.Builder
	b.WriteString("#!/bin/sh\n# Opens a shell where the step failed, with its environment.\ncd " + quote(f.Dir) + " || exit\nexec env -i")
	for _, kv := range f.Env {
		b.WriteString(" \\\n  " + quote(kv))
	}
	b.WriteString(" \\\n  TERM=\"$TERM\" " + quote(interactiveShell()) + " \"$@\"\n")
	path := filepath.Join(r.scratch, "shell")
	if err := os.WriteFile(path, []byte(b.String()), fs.FileMode(0o700)); err != nil {
		fmt.Fprintf(r.out, "the shell cannot be prepared: %v\n", err)
		return
	}
	r.keep = true
	fmt.Fprintf(r.out, "nobody is at a terminal; the checkout is kept: for a shell in it, with the step's environment, run\n  sh %s\nand remove %s when you are done\n",
		quote(path), quote(r.scratch))
}

// quote makes one word of s for the shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
