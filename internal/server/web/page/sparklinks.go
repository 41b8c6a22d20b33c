package page

import "strconv"

// SparkLink makes a mark of a row something to follow.
type SparkLink struct {
	At    int // index of the mark
	URL   string
	Title string // what is there: "build 41: newly failing"
}

// sparkLinks keeps the links of the marks that a row draws, and places them.
func sparkLinks(marks []Mark, links []SparkLink) []placedLink {
	gone := max(0, len(marks)-maxSpark)
	var out []placedLink
	for _, l := range links {
		if i := l.At - gone; i >= 0 && l.At < len(marks) && l.URL != "" {
			out = append(out, placedLink{l, strconv.Itoa(i * sparkWidth)})
		}
	}
	return out
}

type placedLink struct {
	SparkLink
	x string
}
