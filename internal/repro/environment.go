package repro

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/worker/execute"
)

// tools are programs whose versions often explain a difference, and how they are
// asked for it.
var tools = map[string]string{"go": "version", "python3": "--version", "python": "--version", "node": "--version", "gcc": "--version",
	"clang": "--version", "cc": "--version", "make": "--version", "cmake": "--version", "cargo": "--version", "rustc": "--version",
	"java": "-version", "perl": "--version", "ruby": "--version", "git": "--version", "bash": "--version"}

// toolTime is how long a program may take to tell its version.
const toolTime = 2 * time.Second

var word = regexp.MustCompile(`[A-Za-z0-9_+./-]+`)

// Explain lists what differs, or may differ, between this machine and the one
// that ran a build on the farm. It runs the tools that the steps name, to ask for
// their versions. program is this program's version.
func Explain(ctx context.Context, r Recipe, host weir.Platform, program string) []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if r.Spec.Platform != host {
		add("platform: %s here, %s on the farm", host, r.Spec.Platform)
	}
	if r.Program != "" && r.Program != program {
		add("weir: %s here, %s on the farm's worker %s", program, r.Program, r.Worker)
	}
	if os.Geteuid() == 0 {
		add("the steps ran as root here; the farm does not say as whom they ran there")
	} else {
		add("the steps ran as uid %d here, not as root; the farm does not say as whom they ran there", os.Geteuid())
	}
	add("processors: %d here; the farm does not say how many there", runtime.NumCPU())
	if len(r.Spec.Job.Labels) > 0 {
		add("the farm runs this only on workers that offer %s", strings.Join(r.Spec.Job.Labels, ", "))
	}
	for _, name := range execute.DefaultPassEnv() {
		if _, ok := os.LookupEnv(name); ok {
			add("%s is set here, and passed on to the steps", name)
		}
	}
	for _, name := range named(r.Spec.Job.Steps) {
		if path, err := exec.LookPath(name); err != nil {
			add("%s: the steps name it, and it is not on the PATH here", name)
		} else if v := version(ctx, path, tools[name]); v != "" {
			add("%s: %s here", name, v)
		}
	}
	return out
}

// named lists the tools that steps name.
func named(steps []weir.Step) []string {
	var out []string
	for _, s := range steps {
		for _, w := range word.FindAllString(s.Run, -1) {
			if _, ok := tools[w]; ok && !slices.Contains(out, w) {
				out = append(out, w)
			}
		}
	}
	slices.Sort(out)
	return out
}

// version is the first line that a tool says about itself.
func version(ctx context.Context, path, flag string) string {
	ctx, cancel := context.WithTimeout(ctx, toolTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, flag) //nolint:gosec // one of a few programs, on the user's own PATH
	cmd.WaitDelay = toolTime
	said, err := cmd.CombinedOutput()
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(said)) {
		if line = strings.TrimSpace(line); line != "" {
			return firstLine(line)
		}
	}
	return ""
}
