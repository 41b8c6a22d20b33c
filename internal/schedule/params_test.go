package schedule_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/schedule"
)

func TestChoose(t *testing.T) {
	t.Parallel()
	jobs := []weir.Job{{Name: "build"}, {Name: "deploy", Params: []weir.Param{
		{Name: "target", Type: weir.ParamChoice, Choices: []string{"staging", "production"}, Required: true, Help: "where to"},
		{Name: "replicas", Type: weir.ParamNumber, Default: "2"}, {Name: "dry", Type: weir.ParamBool, Default: "false"}, {Name: "note"}}}}
	for _, c := range []struct {
		chosen string // NAME=VALUE, separated by ;
		code   weir.Code
		says   string
	}{
		{chosen: "target=staging"},
		{chosen: "target=production;replicas=-3.5;dry=true;note=all of it = now"},
		{chosen: "target=staging;replicas="},
		{chosen: "", code: weir.Invalid, says: "job deploy needs the parameter target"},
		{chosen: "target=moon", code: weir.Invalid, says: "none of the choices"},
		{chosen: "target=", code: weir.Invalid, says: "is empty"},
		{chosen: "target=staging;replicas=many", code: weir.Invalid, says: "no number"},
		{chosen: "target=staging;replicas=NaN", code: weir.Invalid, says: "no number"},
		{chosen: "target=staging;dry=yes", code: weir.Invalid, says: "neither true nor false"},
		{chosen: "target=staging;note=a\nb", code: weir.Invalid, says: "not one line"},
		{chosen: "target=staging;note=" + strings.Repeat("x", weir.MaxParam+1), code: weir.Invalid, says: "too long"},
		{chosen: "target=staging;target=production", code: weir.Invalid, says: "given twice"},
		{chosen: "target=staging;colour=red", code: weir.NotFound, says: `no parameter "colour"`},
	} {
		var chosen []weir.EnvVar
		for part := range strings.SplitSeq(c.chosen, ";") {
			if name, value, ok := strings.Cut(part, "="); ok {
				chosen = append(chosen, weir.EnvVar{Name: name, Value: value})
			}
		}
		got, err := schedule.Choose(jobs, chosen)
		if weir.CodeOf(err) != c.code || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%.60q: %v", c.chosen, err)
		}
		if err == nil && (len(got) != len(chosen) || !slices.IsSortedFunc(got, func(a, b weir.EnvVar) int { return strings.Compare(a.Name, b.Name) })) {
			t.Errorf("%q became %v", c.chosen, got)
		}
	}
	if _, err := schedule.Choose(jobs[:1], []weir.EnvVar{{Name: "x"}}); weir.CodeOf(err) != weir.NotFound {
		t.Errorf("no job has parameters: %v", err)
	}
}
