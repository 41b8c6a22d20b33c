package execute

import (
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/weir-ci/weir"
)

// DefaultPassEnv names the variables of the worker that steps get if its owner
// does not say otherwise: how to reach the network, and how to fetch Go modules.
func DefaultPassEnv() []string {
	return []string{
		"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy", "ALL_PROXY",
		"SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE",
		"GOPROXY", "GONOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE", "GOINSECURE", "GOTOOLCHAIN", "GOFLAGS",
	}
}

// windowsEnv names variables without which programs on Windows do not start.
var windowsEnv = [...]string{"SystemRoot", "SystemDrive", "ComSpec", "PATHEXT", "ProgramFiles", "ProgramFiles(x86)",
	"ProgramData", "NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE", "OS"}

const fallbackPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

func (a *attempt) home() string { return filepath.Join(a.job.Dir, "home") }
func (a *attempt) tmp() string  { return filepath.Join(a.job.Dir, "tmp") }

// shared is where the caches lie that builds share. Strangers' builds share
// nothing: what one leaves there would become a part of others' programs.
func (a *attempt) shared() string {
	if a.job.Spec.Untrusted {
		return filepath.Join(a.job.Dir, "cache")
	}
	return a.r.CacheDir
}

// environment is what a step finds in its environment. It starts from nothing,
// so that a build does not depend on who started the worker, and later
// entries win: the worker's, the farm's, the job's, the step's, the secrets.
func (a *attempt) environment(step weir.Step, more []weir.EnvVar) map[string]string {
	own := lookup(a.r.Environ)
	env := map[string]string{
		"PATH": own["PATH"], "HOME": a.home(), "TMPDIR": a.tmp(), "LANG": "C.UTF-8",
		"USER": userName(own), "LOGNAME": userName(own),
		"GIT_TERMINAL_PROMPT": "0", // there is nobody to ask
		"GOMODCACHE":          filepath.Join(a.shared(), "go", "mod"),
		"GOCACHE":             filepath.Join(a.shared(), "go", "build"),
	}
	if env["PATH"] == "" && runtime.GOOS != "windows" {
		env["PATH"] = fallbackPath
	}
	if runtime.GOOS == "windows" {
		for _, name := range windowsEnv {
			if v, ok := own[name]; ok {
				env[name] = v
			}
		}
		env["TEMP"], env["TMP"], env["USERPROFILE"] = a.tmp(), a.tmp(), a.home()
	}
	pass := a.r.PassEnv
	if pass == nil {
		pass = DefaultPassEnv()
	}
	for _, name := range pass {
		if v, ok := own[name]; ok {
			env[name] = v
		}
	}
	a.describe(env)
	a.outputs.describe(env)
	for _, vars := range [][]weir.EnvVar{more, a.job.Spec.Job.Env, step.Env, a.secretsOf(step)} {
		for _, v := range vars {
			env[v.Name] = v.Value
		}
	}
	return env
}

// list makes of an environment what a process takes.
func list(env map[string]string) []string {
	list := make([]string, 0, len(env))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		// A NUL or an empty name would keep every step from starting.
		if name != "" && !strings.ContainsAny(name, "=\x00") && !strings.Contains(env[name], "\x00") {
			list = append(list, name+"="+env[name])
		}
	}
	return list
}

// describe adds what the farm tells about the build.
func (a *attempt) describe(env map[string]string) {
	spec := a.job.Spec
	cpus := orDefault(a.r.CPUs, runtime.NumCPU())
	for name, value := range map[string]string{
		"CI": "true", "WEIR": "true", "WEIR_BUILD": a.job.Build, "WEIR_PROJECT": spec.Project, "WEIR_JOB": spec.Job.Name,
		"WEIR_PLATFORM": string(spec.Platform), "WEIR_REVISION": spec.Revision, "WEIR_CPUS": strconv.Itoa(cpus),
		"WEIR_BRANCH": spec.Branch, "WEIR_CAUSE": string(spec.Cause), "WEIR_CELL": spec.Job.Cell,
	} {
		env[name] = value
	}
	for name, value := range a.params() {
		env[weir.ParamVar(name)] = value
	}
	if a.making != nil {
		env["WEIR_PREFIX"] = a.making.Prefix
	}
	var bins []string
	for _, in := range spec.Inputs {
		name := weir.UpstreamVar(in.Project)
		env[name+"_REVISION"] = in.Revision
		if hold := a.inputs[in.Project]; hold != nil {
			env[name] = hold.Prefix
			bins = append(bins, filepath.Join(hold.Prefix, "bin"))
		}
	}
	if path := env["PATH"]; len(bins) > 0 {
		if path != "" {
			bins = append(bins, path)
		}
		env["PATH"] = strings.Join(bins, string(os.PathListSeparator))
	}
}

// lookup makes a map of an environment; nil means the program's own.
func lookup(environ []string) map[string]string {
	if environ == nil {
		environ = os.Environ()
	}
	m := make(map[string]string, len(environ))
	for _, kv := range environ {
		if name, value, ok := strings.Cut(kv, "="); ok && name != "" {
			if runtime.GOOS == "windows" && strings.EqualFold(name, "PATH") {
				name = "PATH" // usually spelt Path
			}
			m[name] = value
		}
	}
	return m
}

func userName(own map[string]string) string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	if own["USER"] != "" {
		return own["USER"]
	}
	return "weir"
}
