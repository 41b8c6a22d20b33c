package api

import (
	"fmt"
	"strconv"
)

// What operations are about, for the record of who did what. Where the path says
// it, only the reason that was given is told. Nothing of a request's body gets in
// but names and reasons.

// About is for rest.Subject.
func (in *forceIn) About() (on, note string) { return "project " + in.Body.Project, in.Body.Reason }

// About is for rest.Subject.
func (in *tryIn) About() (on, note string) { return "project " + in.Body.Project, in.Body.Reason }

// About is for rest.Subject.
func (in *changeIn) About() (on, note string) { return "project " + in.Body.Project, in.Body.Branch }

// About is for rest.Subject.
func (in *cancelIn) About() (on, note string) { return "", in.Body.Reason }

// About is for rest.Subject.
func (in *pauseIn) About() (on, note string) { return "", in.Body.Reason }

// About is for rest.Subject.
func (in *rerunIn) About() (on, note string) { return "", in.Body.Reason }

// About is for rest.Subject.
func (in *saidIn) About() (on, note string) { return "", in.Body.Why }

// About is for rest.Subject.
func (in *acknowledgeIn) About() (on, note string) { return "", in.Body.Why }

// About is for rest.Subject.
func (in *mergeIn) About() (on, note string) {
	return "", fmt.Sprintf("into regression %d. %s", in.Body.Into, in.Body.Why)
}

// About is for rest.Subject.
func (in *splitIn) About() (on, note string) {
	return "", strconv.Itoa(len(in.Body.Victims)) + " tests. " + in.Body.Why
}

// About is for rest.Subject.
func (in *bisectIn) About() (on, note string) {
	if in.Body.Fix != 0 {
		return "regression " + strconv.FormatInt(in.Body.Fix, 10), in.Body.Why
	}
	return "project " + in.Body.Project, in.Body.Why
}

// About is for rest.Subject.
func (in *decideIn) About() (on, note string) { return "", "head " + in.Body.Head }

// About is for rest.Subject.
func (in *assignIn) About() (on, note string) { return "", "to " + in.Body.To + ". " + in.Body.Why }
