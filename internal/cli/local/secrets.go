package local

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/cli/console"
	"github.com/weir-ci/weir/internal/cli/show"
	"github.com/weir-ci/weir/internal/recipe"
	"github.com/weir-ci/weir/internal/recipe/jobs"
)

// maxSecret limits the file of a secret, in bytes.
const maxSecret = 64 << 10

// readSecrets reads the secrets that the chosen builders name: from the files of
// the command line, or from where the farm file says.
func (f runFlags) readSecrets(farm *recipe.Farm, chosen []recipe.Plan) ([]weir.EnvVar, error) {
	var wanted []string
	for _, p := range chosen {
		wanted = append(wanted, p.Job.Secrets...)
		for _, s := range p.Job.Steps {
			wanted = append(wanted, s.Secrets...)
		}
		if c := p.Project.Source.Credentials; c != "" && f.dir == "" {
			wanted = append(wanted, c)
		}
	}
	for name := range f.secrets {
		if !slices.Contains(wanted, name) {
			return nil, console.Usage(fmt.Errorf("--secret %s: nothing that is run names it", show.Safe(name)))
		}
	}
	slices.Sort(wanted)
	var out []weir.EnvVar
	for _, name := range slices.Compact(wanted) {
		value, err := f.secret(farm, name)
		if err != nil {
			return nil, err
		}
		out = append(out, weir.EnvVar{Name: name, Value: value})
	}
	return out, nil
}

func (f runFlags) secret(farm *recipe.Farm, name string) (string, error) {
	from := farm.Secrets[name]
	if path := f.secrets[name]; path != "" {
		from = recipe.SecretFrom{File: path}
	}
	hint := fmt.Sprintf("give it in a file: --secret %s=FILE", name)
	switch {
	case from.File != "":
		file, err := os.Open(from.File)
		if err != nil {
			return "", weir.Errorf(weir.Invalid, "the file of the secret %s cannot be read", name).WithHint("%s", hint).WithCause(err)
		}
		defer file.Close()
		data, err := io.ReadAll(io.LimitReader(file, maxSecret+1))
		if err != nil || len(data) > maxSecret {
			return "", weir.Errorf(weir.Invalid, "the file of the secret %s cannot be read, or is longer than %d KiB", name, maxSecret>>10).
				WithCause(err)
		}
		return strings.TrimRight(string(data), "\r\n"), nil // as the farm reads it
	case from.Env != "":
		if value, ok := os.LookupEnv(from.Env); ok {
			return value, nil
		}
		return "", weir.Errorf(weir.Invalid, "the secret %s is to be in the variable %s, which is not set", name, from.Env).WithHint("%s", hint)
	}
	return "", weir.Errorf(weir.Invalid, "the recipe asks for the secret %s", name).WithHint("%s", hint)
}

// chooseParams checks what was chosen on the command line.
func chooseParams(chosen []recipe.Plan, given map[string]string) ([]weir.EnvVar, error) {
	var out []weir.EnvVar
	known := map[string]bool{}
	for _, plan := range chosen {
		for _, p := range plan.Job.Params {
			value, ok := given[p.Name]
			if !ok && p.Required {
				return nil, console.Usage(fmt.Errorf("job %s wants the parameter %s: --param %s=VALUE", plan.Key.Job, p.Name, p.Name))
			}
			if known[p.Name] = true; !ok {
				continue
			}
			if err := jobs.CheckParam(p, value); err != nil {
				return nil, console.Usage(fmt.Errorf("--param %s: %w", p.Name, err))
			}
			if v := (weir.EnvVar{Name: p.Name, Value: value}); !slices.Contains(out, v) {
				out = append(out, v)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !known[name] {
			return nil, console.Usage(fmt.Errorf("--param %s: no job that is run has such a parameter; there are: %s",
				show.Safe(name), short(slices.Sorted(maps.Keys(known)))))
		}
	}
	return out, nil
}

// paramsOf are those of the chosen parameters that a job has.
func paramsOf(j weir.Job, chosen []weir.EnvVar) []weir.EnvVar {
	var out []weir.EnvVar
	for _, v := range chosen {
		if slices.ContainsFunc(j.Params, func(p weir.Param) bool { return p.Name == v.Name }) {
			out = append(out, v)
		}
	}
	return out
}
