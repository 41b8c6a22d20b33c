package page

import (
	"fmt"
	"slices"
	"strings"
)

// maxSpark limits how many marks a row draws; the newest count.
const maxSpark = 60

// sparkWidth is the room of one mark in a row, in pixels.
const sparkWidth = 6

// sparkShapes are the outlines of marks in a row 16 pixels high: where they
// begin, and how they go on. What is fine lies low, what is bad stands high, and
// no two have the same outline, so that a row can be read without its colours.
var sparkShapes = map[string]struct {
	x, y float64
	rest string
}{
	KindPass:    {.5, 11, "h5v4h-5z"},
	KindFixed:   {.5, 15, "v-6l5-4v10z"},
	KindFail:    {.5, 1, "h5v14h-5z"},
	KindBroken:  {3, 1, "l2.7 14h-5.4z"},
	KindTimeout: {.5, 1, "h5v5h-5zm0 7h5v7h-5z"},
	KindInfra:   {3, 4, "l2.7 4-2.7 4-2.7-4z"},
	KindOff:     {.5, 7, "h5v2h-5z"},
	KindSkip:    {.5, 5, "l5 3-5 3z"},
	KindWait:    {2, 13, "h2v2h-2z"},
	KindRun:     {.5, 8, "h5v7h-5zm1.5 1.5v4h2v-4z"},
	KindNone:    {1, 14, "h4v1h-4z"},
	KindFlaky:   {.5, 1, "l5 3-5 3 5 4-5 4v-4l2-1-2-2z"},
	KindNew:     {2, 5, "h2v4h2v2h-2v4h-2v-4h-2v-2h2z"},
	KindGone:    {.5, 1, "h5v14h-5zm1.5 1.5v11h2v-11z"},
	KindPause:   {.5, 6, "h2v6h-2zm3 0h2v6h-2z"},
	KindRest:    {5.5, 6, "h-5v6h5v-2h-3v-2h3z"},
}

type sparkPath struct{ kind, d string }

// sparkView is a row of marks: one path a kind, so that a hundred builds cost
// little more than ten.
type sparkView struct {
	Width int
	Label string
	Paths []sparkPath
}

func newSpark(what string, marks []Mark) sparkView {
	marks = marks[max(0, len(marks)-maxSpark):]
	v := sparkView{Width: len(marks) * sparkWidth}
	if len(marks) == 0 {
		return v
	}
	words, counts := []string{}, map[string]int{}
	paths := map[string]*strings.Builder{}
	for i, m := range marks {
		if counts[m.Word]++; counts[m.Word] == 1 {
			words = append(words, m.Word)
		}
		shape, ok := sparkShapes[m.Kind]
		kind := m.Kind
		if !ok {
			shape, kind = sparkShapes[KindNone], KindNone
		}
		if paths[kind] == nil {
			paths[kind] = new(strings.Builder)
			v.Paths = append(v.Paths, sparkPath{kind: kind})
		}
		fmt.Fprintf(paths[kind], "M%g %g%s", float64(i*sparkWidth)+shape.x, shape.y, shape.rest)
	}
	for i := range v.Paths {
		v.Paths[i].d = paths[v.Paths[i].kind].String()
	}
	slices.SortFunc(words, func(a, b string) int {
		if counts[a] != counts[b] {
			return counts[b] - counts[a]
		}
		return strings.Compare(a, b)
	})
	for i, w := range words {
		words[i] = fmt.Sprintf("%d %s", counts[w], w)
	}
	v.Label = fmt.Sprintf("%d %s, oldest first: %s; the newest %s", len(marks), what, List(words, 5), marks[len(marks)-1].Word)
	if len(marks) == 1 {
		v.Label = fmt.Sprintf("1 %s: %s", strings.TrimSuffix(what, "s"), marks[0].Word)
	}
	return v
}
