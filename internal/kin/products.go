package kin

import (
	"fmt"
	"strings"

	"github.com/weir-ci/weir"
)

// Input is a product that the builds of a builder use.
type Input struct {
	Of   []string              // projects that it is made of
	Made map[string]weir.Build // builds of it by Pins.Key: unfinished ones, and those whose outcome says something
}

// Products finds which of the positions 0 ... last of a path can be had for a
// run, because all products are made or being made, and which have the very same
// products: positions of one class do, nil if there are no two. Projects that
// are plain hand down their revision only, so that has to be the same too.
func Products(last int, pinsAt func(position int) weir.Pins, inputs []Input, plain map[string]bool) (built, same []int) {
	if len(inputs) == 0 {
		return nil, nil
	}
	classes := map[string]int{}
	same = make([]int, last+1)
	equal := false
	for p := range same {
		same[p] = p
		pins := pinsAt(p)
		var class strings.Builder
		had, told := true, true
		for _, in := range inputs {
			b, ok := in.Made[pins.Only(in.Of).Key()]
			told = told && b.Product.Digest != ""
			had = had && ok && (!b.State.Final() || b.Product.Digest != "")
			fmt.Fprint(&class, b.Product.Digest, " ")
		}
		if had {
			built = append(built, p)
		}
		if !told {
			continue
		}
		for name := range pins {
			if !plain[name] {
				delete(pins, name)
			}
		}
		class.WriteString(pins.Key())
		if first, seen := classes[class.String()]; seen {
			same[p], equal = first, true
		} else {
			classes[class.String()] = p
		}
	}
	if !equal {
		same = nil
	}
	return built, same
}
