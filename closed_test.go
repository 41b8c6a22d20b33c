package weir_test

import (
	"go/ast"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
)

// listed says what the list function of each closed set returns.
func listed() map[string][]string {
	return map[string][]string{
		"Aim":             texts(weir.Aims()),
		"Blame":           append(texts(weir.Blames()), string(weir.BlameNone)),
		"Cause":           texts(weir.Causes()),
		"Clean":           texts(weir.Cleans()),
		"Code":            texts(weir.Codes()),
		"IncidentKind":    texts(weir.IncidentKinds()),
		"LockScope":       texts(weir.LockScopes()),
		"Outcome":         texts(weir.Outcomes()),
		"ParamType":       texts(weir.ParamTypes()),
		"ProposalState":   texts(weir.ProposalStates()),
		"Pulls":           texts(weir.PullPolicies()),
		"ReasonCode":      texts(weir.ReasonCodes()),
		"RecipeFrom":      texts(weir.RecipeOrigins()),
		"RegressionState": texts(weir.RegressionStates()),
		"ResultFormat":    texts(weir.ResultFormats()),
		"Rule":            texts(weir.Rules()),
		"Shell":           append(texts(weir.Shells()), string(weir.ShellDefault)),
		"SourceKind":      texts(weir.SourceKinds()),
		"State":           texts(weir.States()),
		"Status":          texts(weir.Statuses()),
		"StepState":       texts(weir.StepStates()),
		"Superseded":      texts(weir.SupersededPolicies()),
		"TransitionKind":  texts(weir.TransitionKinds()),
		"Verdict":         texts(weir.Verdicts()),
		"When":            texts(weir.Whens()),
		"WorkerState":     texts(weir.WorkerStates()),
	}
}

// unlisted names the closed sets that nobody needs to walk through.
var unlisted = []string{"EventKind", "Judgement", "Observed"}

// TestClosedSetsAreListedCompletely reads the package's source: a constant
// that is missing from its type's list would be missing from every page,
// table and check that walks through the list.
func TestClosedSetsAreListedCompletely(t *testing.T) {
	t.Parallel()
	declared := constants(t)
	lists := listed()
	for name, values := range declared {
		list, ok := lists[name]
		switch {
		case slices.Contains(unlisted, name):
			continue
		case !ok:
			t.Errorf("%s has %d constants and no list function that this test knows: add one and name it in listed", name, len(values))
			continue
		}
		for _, v := range values {
			if !slices.Contains(list, v) {
				t.Errorf("%s: the constant %q is not in its list function: add it there", name, v)
			}
		}
		if distinct := slices.Compact(slices.Sorted(slices.Values(list))); len(distinct) != len(list) || len(list) != len(values) {
			t.Errorf("%s: listed are %q, declared %q", name, list, values)
		}
	}
	for _, name := range append(slices.Collect(maps.Keys(lists)), unlisted...) {
		if len(declared[name]) == 0 {
			t.Errorf("%s has no constants any more: remove it from this test", name)
		}
	}
}

// constants finds the values of all typed string constants of the root
// package, by type.
func constants(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	names, err := fs.Glob(os.DirFS("."), "*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		for _, d := range parse(t, name).syntax.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST {
				continue
			}
			for _, spec := range g.Specs {
				v := spec.(*ast.ValueSpec) //nolint:errcheck,forcetypeassert // all specs of a const are
				typ, ok := v.Type.(*ast.Ident)
				if !ok || len(v.Values) != 1 {
					continue
				}
				lit, ok := v.Values[0].(*ast.BasicLit)
				if !ok || lit.Kind != token.STRING {
					continue
				}
				text, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				out[typ.Name] = append(out[typ.Name], text)
			}
		}
	}
	return out
}
