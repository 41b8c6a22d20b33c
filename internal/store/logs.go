package store

import "github.com/weir-ci/weir"

// Check is Invalid if there can be no such segment.
func (g LogSegment) Check() error {
	switch {
	case g.Step < 0 || g.Step >= maxSteps:
		return weir.Errorf(weir.Invalid, "a segment is of step %d; an attempt has at most %d steps", g.Step, maxSteps)
	case g.Offset < 0 || g.Bytes < 1 || g.Bytes > maxLogSize || g.Offset > maxLogSize || g.FirstLine < 0 || g.Lines < 0 || g.Lines > g.Bytes:
		return weir.Errorf(weir.Invalid, "a segment of step %d has impossible lines or offset: %d lines, first %d, in %d bytes at %d",
			g.Step, g.Lines, g.FirstLine, g.Bytes, g.Offset)
	case (g.Digest == "") == (len(g.Data) == 0):
		return weir.Errorf(weir.Invalid, "a segment is either in a blob or in its row")
	case len(g.Data) > MaxInlineSegment:
		return weir.Errorf(weir.Invalid, "a segment of %d bytes does not go into a row; %d is the most", len(g.Data), MaxInlineSegment)
	}
	return nil
}
