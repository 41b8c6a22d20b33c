package condition

import (
	"errors"
	"path"
	"strconv"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"

	"github.com/weir-ci/weir"
)

// Limits on a condition.
const (
	MaxText      = 2 << 10 // bytes
	maxNodes     = 300     // names, values and operators
	memoryBudget = 10_000  // values that a run of the library may allocate
)

// Scope is what a recipe says can be named below params, matrix and outputs.
// A nil list allows every name.
type Scope struct {
	Params []string // parameters of the job
	Matrix []string // axes of the job
	Steps  []string // steps that come before
}

// CheckJob says what is wrong with a job's condition; nil if nothing is. The
// error has the code weir.Invalid, and names the character of the condition, from 1.
func CheckJob(text string, scope Scope) error {
	_, err := compile(text, jobEnv{}, JobNames(), scope)
	return err
}

// CheckStep is CheckJob for a step's condition.
func CheckStep(text string, scope Scope) error {
	_, err := compile(text, stepEnv{}, append(JobNames(), StepNames()...), scope)
	return err
}

// Job evaluates a job's condition. An empty one is true. The error has the code
// weir.Invalid: the condition is none, or stumbles over the facts.
func Job(text string, facts JobFacts) (bool, error) {
	c, err := CompileJob(text)
	if err != nil {
		return false, err
	}
	return c.Holds(facts)
}

// Compiled is the condition of a job, ready to be evaluated many times. It may be
// used at the same time.
type Compiled struct{ program *vm.Program }

// CompileJob compiles the condition of a job; an empty one always holds. Invalid if
// it is none.
func CompileJob(text string) (Compiled, error) {
	if strings.TrimSpace(text) == "" {
		return Compiled{}, nil
	}
	program, err := compile(text, jobEnv{}, JobNames(), Scope{})
	return Compiled{program}, err
}

// Holds evaluates the condition. Invalid if that goes wrong.
func (c Compiled) Holds(facts JobFacts) (bool, error) {
	if c.program == nil {
		return true, nil
	}
	return run(c.program, facts.env())
}

// Step evaluates a step's condition, as Job does a job's.
func Step(text string, facts StepFacts) (bool, error) {
	if strings.TrimSpace(text) == "" {
		return true, nil
	}
	program, err := compile(text, stepEnv{}, append(JobNames(), StepNames()...), Scope{})
	if err != nil {
		return false, err
	}
	return run(program, facts.env())
}

// compile checks a condition and makes a program of it. The library is foreign
// code under hostile input: should it panic, that is a condition it cannot read.
func compile(text string, env any, names []string, scope Scope) (program *vm.Program, err error) {
	defer func() {
		if p := recover(); p != nil {
			program, err = nil, weir.Errorf(weir.Invalid, "the condition cannot be read")
		}
	}()
	if len(text) > MaxText {
		return nil, weir.Errorf(weir.Invalid, "the condition is longer than %d bytes", MaxText).
			WithHint("decide it in a script, and hand on the answer as an output")
	}
	if strings.TrimSpace(text) == "" {
		return nil, weir.Errorf(weir.Invalid, "the condition is empty").WithHint("remove it, or write true")
	}
	if err := allow(text, names, scope); err != nil {
		return nil, err
	}
	program, err = expr.Compile(text, expr.Env(env), expr.AsBool(), expr.MaxNodes(maxNodes),
		expr.DisableAllBuiltins(), expr.EnableBuiltin("len"), expr.EnableBuiltin("lower"), expr.EnableBuiltin("upper"),
		expr.Function("glob", glob, new(func(string, string) bool)),
		expr.Function("number", number, new(func(string) float64)))
	if err != nil {
		return nil, explain(err)
	}
	return program, nil
}

func run(program *vm.Program, env any) (ok bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			ok, err = false, weir.Errorf(weir.Invalid, "the condition cannot be evaluated")
		}
	}()
	machine := vm.VM{MemoryBudget: memoryBudget}
	out, err := machine.Run(program, env)
	if err != nil {
		return false, explain(err)
	}
	ok, isBool := out.(bool)
	if !isBool {
		return false, weir.Errorf(weir.Invalid, "the condition is neither true nor false")
	}
	return ok, nil
}

// explain makes one line of the library's error.
func explain(err error) error {
	message, at := err.Error(), 0
	var e *file.Error
	if errors.As(err, &e) {
		message, at = e.Message, e.From+1
	}
	message, _, _ = strings.Cut(strings.TrimSpace(message), "\n")
	switch {
	case strings.HasPrefix(message, "expected bool"):
		return weir.Errorf(weir.Invalid, "the condition is neither true nor false").
			WithHint("compare it with something: == \"...\"")
	case strings.HasPrefix(message, "unexpected token Operator(\"=\")"), strings.Contains(message, "unrecognized character"):
		return place(message, at).WithHint(`equal is written ==, and texts stand in quotes: branch == "main"`)
	}
	return place(message, at)
}

// place says where in a condition something is wrong; at counts from 1.
func place(message string, at int) *weir.Error {
	if at < 1 {
		return weir.Errorf(weir.Invalid, "the condition is wrong: %s", message)
	}
	return weir.Errorf(weir.Invalid, "the condition is wrong at character %d: %s", at, message)
}

// number is a function of the language: the number that a text is.
func number(params ...any) (any, error) {
	text, ok := params[0].(string)
	if !ok {
		return 0.0, errors.New("number wants a text")
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil {
		return 0.0, errors.New("number was given a text that is none")
	}
	return n, nil
}

// glob is a function of the language: whether a text, such as a branch, fits a
// pattern as path.Match has them, in which ** stands for any depth.
func glob(params ...any) (any, error) {
	text, ok := params[0].(string)
	pattern, isText := params[1].(string)
	if !ok || !isText {
		return false, errors.New("glob wants two texts")
	}
	parts, segments := strings.Split(pattern, "/"), strings.Split(text, "/")
	// fits[i] says whether the first i segments fit the parts so far.
	fits := make([]bool, len(segments)+1)
	fits[0] = true
	for _, part := range parts {
		next := make([]bool, len(fits))
		for i, before := range fits {
			switch {
			case part == "**":
				next[i] = before || i > 0 && next[i-1]
			case before && i < len(segments):
				ok, err := path.Match(part, segments[i])
				if err != nil {
					return false, errors.New("glob was given a pattern with a [ that is not closed")
				}
				next[i+1] = ok
			}
		}
		fits = next
	}
	return fits[len(segments)], nil
}
