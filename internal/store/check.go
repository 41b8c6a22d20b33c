package store

import (
	"math"
	"slices"

	"github.com/weir-ci/weir"
)

// Limits on what one attempt may report.
const (
	maxSteps     = 1000                 // steps of an attempt
	maxFrames    = 1000                 // log frames in one message
	maxFrameData = weir.MaxFrame + 4096 // bytes of a frame, compressed; zstd adds little to what it cannot shrink
	maxLogSize   = 1 << 60              // bytes of a log, so that sums of offsets cannot overflow
)

// MaxDirectory is how much is kept of the directory that an attempt ran in, in bytes.
const MaxDirectory = 200

// Check is Invalid if the run can be no run, whatever the database holds.
func (r NewRun) Check() error {
	if !slices.Contains(weir.Causes(), r.Cause) {
		return weir.Errorf(weir.Invalid, "%.40q is not a cause of a run", string(r.Cause))
	}
	if err := r.Occasion.Check(); err != nil {
		return err
	}
	if len(r.Params) > maxParams {
		return weir.Errorf(weir.Invalid, "%d parameters; %d are the most", len(r.Params), maxParams)
	}
	for i, nb := range r.Builds {
		if err := nb.checkAfter(i); err != nil {
			return err
		}
		for _, n := range nb.Needs {
			if n < 0 || n >= i {
				return weir.Errorf(weir.Invalid, "build %d of the run needs build %d, which is not before it", i, n)
			}
		}
		if nb.Cause != "" && !slices.Contains(weir.Causes(), nb.Cause) {
			return weir.Errorf(weir.Invalid, "%.40q is not a cause of a build", string(nb.Cause))
		}
		switch nb.Share {
		case ShareNone, SharePending, ShareAny, "":
		default:
			return weir.Errorf(weir.Invalid, "%.40q is not a way to share builds", string(nb.Share))
		}
	}
	return nil
}

// Check is Invalid if the report is not one that an attempt can make.
func (s Sync) Check() error {
	if err := checkSteps(s.Steps); err != nil {
		return err
	}
	return checkLog(s.Attempt, s.Frames, s.Sealed)
}

// Check is Invalid if no attempt can end like this.
func (f Finish) Check() error {
	if !slices.Contains(weir.Outcomes(), f.Outcome) {
		return weir.Errorf(weir.Invalid, "attempt %s ended with the outcome %.40q, which does not exist", f.Attempt, string(f.Outcome))
	}
	for _, n := range []*float64{f.Surroundings.Load, f.Surroundings.Clock} {
		if n != nil && (math.IsNaN(*n) || math.IsInf(*n, 0)) {
			return weir.Errorf(weir.Invalid, "attempt %s says that the load or the clock of its machine was %g", f.Attempt, *n)
		}
	}
	if err := checkSteps(f.Steps); err != nil {
		return err
	}
	if err := f.checkYields(); err != nil {
		return err
	}
	return checkLog(f.Attempt, f.Frames, f.Sealed)
}

func checkSteps(steps []weir.StepRecord) error {
	for _, s := range steps {
		if s.Index < 0 || s.Index >= maxSteps {
			return weir.Errorf(weir.Invalid, "step %d is out of range; an attempt has at most %d steps", s.Index, maxSteps)
		}
		if !slices.Contains(weir.StepStates(), s.State) {
			return weir.Errorf(weir.Invalid, "step %d has the state %.40q, which does not exist", s.Index, string(s.State))
		}
	}
	return nil
}

func checkLog(id weir.AttemptID, frames []weir.LogFrame, segments []LogSegment) error {
	for i, g := range segments {
		if g.Attempt != id || slices.ContainsFunc(segments[:i], func(h LogSegment) bool { return h.Step == g.Step }) {
			return weir.Errorf(weir.Invalid, "a segment of attempt %s, step %d, comes with a message of attempt %s", g.Attempt, g.Step, id)
		}
		if err := g.Check(); err != nil {
			return err
		}
	}
	return checkFrames(frames)
}

func checkFrames(frames []weir.LogFrame) error {
	if len(frames) > maxFrames {
		return weir.Errorf(weir.Invalid, "%d log frames at once; %d is the most", len(frames), maxFrames)
	}
	for _, f := range frames {
		switch {
		case f.Step < 0 || f.Step >= maxSteps:
			return weir.Errorf(weir.Invalid, "a log frame is of step %d; an attempt has at most %d steps", f.Step, maxSteps)
		case f.Size < 1 || f.Size > weir.MaxFrame:
			return weir.Errorf(weir.Invalid, "a log frame of step %d has %d bytes; 1 to %d are allowed", f.Step, f.Size, weir.MaxFrame)
		case f.Lines < 0 || f.Lines > f.Size || f.FirstLine < 0 || f.Offset < 0 || f.FirstLine > f.Offset || f.Offset > maxLogSize:
			return weir.Errorf(weir.Invalid, "a log frame of step %d has impossible lines or offset: %d lines, first %d, in %d bytes at %d",
				f.Step, f.Lines, f.FirstLine, f.Size, f.Offset)
		case len(f.Data) > maxFrameData:
			return weir.Errorf(weir.Invalid, "a log frame of step %d has %d bytes of data; %d is the most", f.Step, len(f.Data), maxFrameData)
		}
	}
	return nil
}
