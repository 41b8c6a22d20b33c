package screen

import (
	"maps"
	"slices"
)

// A test that is accused of failing in a certain way is good where it fails in another
// one. That is so if it fails as it did before, or as several machines see it. What one
// machine alone says may come from that machine, and hide anything: it says nothing until another
// one says it too.

// Saying is how a run failed.
type Saying struct {
	Worker    string
	Signature string // empty: as it is accused to, or not at all
}

// Strange lists the places of runs whose signature is not known from before, and that one machine
// alone has given, though others are ready that could be asked.
func Strange(runs []Saying, known []string, ready map[string]bool) (places []int) {
	on := map[string]map[string]bool{} // machines, by signature
	for _, r := range runs {
		if on[r.Signature] == nil {
			on[r.Signature] = map[string]bool{}
		}
		on[r.Signature][r.Worker] = true
	}
	for i, r := range runs {
		if r.Signature != "" && len(on[r.Signature]) == 1 && !slices.Contains(known, r.Signature) && Other(ready, r.Worker) != "" {
			places = append(places, i)
		}
	}
	return places
}

// Other is a worker that can be asked and is not a certain one; empty if there is none.
func Other(ready map[string]bool, than string) string {
	for _, w := range slices.Sorted(maps.Keys(ready)) {
		if ready[w] && w != than {
			return w
		}
	}
	return ""
}
