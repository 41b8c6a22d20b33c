package condition

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/parser"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe/near"
)

// operators of the language. Those that make texts longer or numbers larger, or
// lists of any length, are none.
func operators() []string {
	return []string{"and", "&&", "or", "||", "not", "!", "==", "!=", "<", "<=", ">", ">=",
		"in", "contains", "startsWith", "endsWith", "matches", "-", "+"}
}

// functions of the language.
func functions() []string { return []string{"glob", "len", "lower", "number", "upper"} }

// allow refuses what is not of the language.
func allow(text string, names []string, scope Scope) error {
	config := conf.CreateNew()
	config.MaxNodes = maxNodes
	tree, err := parser.ParseWithConfig(text, config)
	if err != nil {
		return explain(err)
	}
	g := guard{names: names, scope: scope, kinds: true}
	ast.Walk(&tree.Node, &g)
	g.kinds = false
	ast.Walk(&tree.Node, &g)
	if g.err == nil {
		return nil
	}
	return g.err
}

// guard visits each node of a condition; err is what is wrong first.
type guard struct {
	names []string
	scope Scope
	kinds bool // look only for what the language does not have at all
	err   *weir.Error
}

func (g *guard) refuse(n ast.Node, hint, format string, args ...any) {
	if g.err == nil {
		g.err = place(fmt.Sprintf(format, args...), n.Location().From+1)
		if hint != "" {
			g.err = g.err.WithHint("%s", hint)
		}
	}
}

// Visit is for ast.Walk.
func (g *guard) Visit(node *ast.Node) {
	if g.kinds {
		g.kind(*node)
		return
	}
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		g.name(n)
	case *ast.UnaryNode:
		g.operator(n, n.Operator)
	case *ast.BinaryNode:
		g.binary(n)
	case *ast.MemberNode:
		g.member(n)
	case *ast.CallNode:
		g.call(n)
	case *ast.BuiltinNode:
		if !slices.Contains(functions(), n.Name) {
			g.refuse(n, "known: "+strings.Join(functions(), ", "), "there is no function %s", n.Name)
		}
	}
}

func (g *guard) kind(node ast.Node) {
	switch n := node.(type) {
	case *ast.NilNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.StringNode, *ast.IdentifierNode,
		*ast.ConditionalNode, *ast.ArrayNode, *ast.ChainNode, *ast.UnaryNode, *ast.BinaryNode, *ast.MemberNode,
		*ast.CallNode, *ast.BuiltinNode:
	default:
		g.refuse(n, "use names, values, comparisons, and, or, not, in", "conditions cannot hold this")
	}
}

// name checks a name that stands for itself.
func (g *guard) name(n *ast.IdentifierNode) {
	if !slices.Contains(g.names, n.Value) && !slices.Contains(functions(), n.Value) {
		hint := "known: " + strings.Join(slices.Sorted(slices.Values(g.names)), ", ") + "; texts stand in quotes"
		if other := near.Name(n.Value, append(slices.Clone(g.names), functions()...)); other != "" && len(n.Value) > 2 {
			hint = fmt.Sprintf("did you mean %q? texts stand in quotes", other)
		}
		g.refuse(n, hint, "unknown name %s", n.Value)
	}
}

func (g *guard) operator(n ast.Node, operator string) {
	if !slices.Contains(operators(), operator) {
		g.refuse(n, "there is no arithmetic in conditions; let a step do it, and hand on the answer as an output", "unknown operator %s", operator)
	}
}

func (g *guard) binary(n *ast.BinaryNode) {
	if n.Operator == "+" || n.Operator == "-" {
		g.operator(n, n.Operator+" between two values")
		return
	}
	g.operator(n, n.Operator)
	if n.Operator != "matches" {
		return
	}
	pattern, ok := n.Right.(*ast.StringNode)
	if !ok {
		g.refuse(n.Right, "write the pattern itself, in quotes", "matches wants a regular expression behind it")
		return
	}
	if _, err := regexp.Compile(pattern.Value); err != nil {
		g.refuse(n.Right, "see the syntax of RE2", "matches wants a regular expression behind it")
	}
}

// call checks a call of one of our functions.
func (g *guard) call(n *ast.CallNode) {
	callee, ok := n.Callee.(*ast.IdentifierNode)
	if !ok || !slices.Contains(functions(), callee.Value) {
		g.refuse(n, "known: "+strings.Join(functions(), ", "), "there is no such function")
		return
	}
	if callee.Value != "glob" || len(n.Arguments) != 2 {
		return
	}
	if pattern, ok := n.Arguments[1].(*ast.StringNode); ok {
		for part := range strings.SplitSeq(pattern.Value, "/") {
			if _, err := path.Match(part, ""); err != nil {
				g.refuse(pattern, "[ starts a class of characters and needs a ]", "not a pattern")
			}
		}
	}
}

// member checks what is named below params, matrix and outputs.
func (g *guard) member(n *ast.MemberNode) {
	parent, ok := n.Node.(*ast.IdentifierNode)
	key, isText := n.Property.(*ast.StringNode)
	if !ok || !isText {
		return
	}
	for _, list := range []struct {
		name, kind string
		known      []string
	}{{"params", "parameter", g.scope.Params}, {"matrix", "axis", g.scope.Matrix}, {"outputs", "earlier step", g.scope.Steps}} {
		if parent.Value != list.name || list.known == nil || slices.Contains(list.known, key.Value) {
			continue
		}
		hint := "there is none"
		if other := near.Name(key.Value, list.known); other != "" {
			hint = fmt.Sprintf("did you mean %q?", other)
		} else if len(list.known) > 0 {
			hint = "known: " + strings.Join(list.known, ", ")
		}
		g.refuse(n.Property, hint, "there is no %s %q", list.kind, key.Value)
	}
}
