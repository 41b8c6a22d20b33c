package execute

import (
	"slices"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/mask"
)

// guard sees to it that the secrets of the build are kept out of everything that
// it says, and that all are there that its steps name.
func (a *attempt) guard() (weir.Reason, bool) {
	var err error
	hidden := a.job.Secrets
	if value, ok := a.secret(a.job.Spec.Source.Credentials); ok { // USER:PASSWORD
		if _, password, ok := strings.Cut(strings.TrimSpace(value), ":"); ok && len(password) >= mask.MinSecret {
			hidden = append(hidden[:len(hidden):len(hidden)], weir.EnvVar{Name: a.job.Spec.Source.Credentials, Value: password})
		}
	}
	if a.mask, err = mask.New(hidden); err != nil {
		return reason(weir.ReasonSecret, "%v", err), false
	}
	if a.job.Spec.Untrusted { // the steps get none, and have to live with that
		return weir.Reason{}, true
	}
	names := a.job.Spec.Job.Secrets
	for _, step := range a.job.Spec.Job.Steps {
		names = append(names[:len(names):len(names)], step.Secrets...)
	}
	for _, name := range names {
		if _, ok := a.secret(name); !ok {
			return reason(weir.ReasonSecret, "the secret %.100s did not come with the build", name), false
		}
	}
	return weir.Reason{}, true
}

// secret finds the value of a secret.
func (a *attempt) secret(name string) (string, bool) {
	i := slices.IndexFunc(a.job.Secrets, func(v weir.EnvVar) bool { return v.Name == name })
	if i < 0 {
		return "", false
	}
	return a.job.Secrets[i].Value, true
}

// secretsOf are those that a step finds in its environment.
func (a *attempt) secretsOf(step weir.Step) []weir.EnvVar {
	if a.job.Spec.Untrusted {
		return nil
	}
	var vars []weir.EnvVar
	for _, names := range [][]string{a.job.Spec.Job.Secrets, step.Secrets} {
		for _, name := range names {
			if value, ok := a.secret(name); ok {
				vars = append(vars, weir.EnvVar{Name: name, Value: value})
			}
		}
	}
	return vars
}

// maskSet keeps secrets out of test results.
func (a *attempt) maskSet(set *weir.ResultSet) {
	if a.mask == nil {
		return
	}
	for i := range set.Results {
		r := &set.Results[i]
		for _, text := range []*string{&r.Test.Suite, &r.Test.Name, &r.Raw, &r.Message, &r.Output} {
			*text = a.mask.String(*text)
		}
	}
	for i := range set.Incidents {
		in := &set.Incidents[i]
		in.Suite, in.Test, in.Message = a.mask.String(in.Suite), a.mask.String(in.Test), a.mask.String(in.Message)
	}
}
