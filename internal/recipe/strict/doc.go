// Package strict reads YAML for somebody who wants to hear of every mistake at
// once, each with its place.
//
// A Reader is made of one file. Document turns it into nodes, and refuses what is
// too large, too deep or grows without end through aliases. Fields, List, Text and
// their kin turn a node into a Go value: a node that does not hold what it should
// becomes a problem with a line, a column and a hint, the value is zero, and the
// reading goes on. Finish returns the problems in the order of the file.
//
//	r := strict.New("weir.yaml", data)
//	if root := r.Document(); root != nil {
//		f := r.Fields(root, "the file", strict.Keys{Known: []string{"name"}})
//		f.With("name", func(n *yaml.Node) { name = r.Title(n, "name") })
//	}
//	problems := r.Finish()
//
// It knows nothing of farms: which keys there are, and what their values mean, is
// the business of the packages that use it.
//
// Files may hold secrets in places where none belong. What looks like one is
// blotted out in every text of a problem, and Hide keeps a whole value out of them.
package strict
