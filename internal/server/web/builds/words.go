package builds

import (
	"fmt"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// reasonWords says what a reason means where it came without a text.
var reasonWords = map[weir.ReasonCode]string{
	weir.ReasonTests: "tests failed", weir.ReasonStep: "a step failed, and no test says why",
	weir.ReasonNoResults: "the tests left no readable results", weir.ReasonCheckout: "the revision cannot be checked out",
	weir.ReasonPrepare: "a step failed before any test ran", weir.ReasonUpstreamBuild: "the product it needs could not be built",
	weir.ReasonTimeout: "it took longer than it may", weir.ReasonQuiet: "it printed nothing for too long",
	weir.ReasonUndelivered: "it never reached the worker", weir.ReasonRefused: "the owner of the worker does not want it there",
	weir.ReasonLost: "the worker was lost", weir.ReasonWorker: "the worker could not do its part",
	weir.ReasonDiskFull: "the worker's disk is full", weir.ReasonSourceDown: "the source did not answer",
	weir.ReasonNeeds: "a job that it needs did not end as it should", weir.ReasonSecret: "a secret that it asks for cannot be had",
	weir.ReasonService: "a service did not become ready", weir.ReasonProductMissing: "the product could not be fetched", weir.ReasonRequested: "somebody cancelled it",
	weir.ReasonSuperseded: "a newer revision took its place", weir.ReasonNothing: "there was nothing to do",
}

func reasonText(b weir.Build) string {
	if text := page.OneLine(b.Reason.Text, weir.MaxReason); text != "" {
		return text
	}
	return reasonWords[b.Reason.Code]
}

// attemptText says why an attempt ended.
func attemptText(a weir.Attempt) string {
	text := reasonText(weir.Build{Reason: a.Reason})
	if a.Reason.Code != weir.ReasonRefused {
		return text
	}
	by := "refused by the owner of " + page.OneLine(a.Worker, page.MaxName)
	if a.Reason.Text == "" {
		return by
	}
	return by + ": " + text
}

func judgementText(b weir.Build, first bool) string {
	switch b.Judgement {
	case weir.Unjudged:
		if b.State == weir.Finished {
			return "not compared with earlier builds yet"
		}
	case weir.Doubted:
		return "something is newly bad; the same build runs again before anybody is told"
	case weir.Settled:
		if first {
			return "first build, nothing to compare with"
		}
		if b.Changes.Worse() == 0 && b.Changes.Masked > 0 {
			return fmt.Sprintf("hides failures: tests that were bad did not run (%s), which mends nothing", page.Thousands(int64(b.Changes.Masked)))
		}
		if b.Outcome != weir.Passed && b.Changes.Worse() == 0 {
			return "as bad as before: nothing in it is new"
		}
	case weir.Unusable:
		return "says nothing about its revisions"
	case weir.Answering:
		return "answers a question and does not move the baseline"
	}
	return ""
}

// waitText says why a build waits, or why its outcome is what it is.
func waitText(d farm.BuildDetail) string {
	if d.Waits != nil {
		return page.OneLine(d.Waits.Text, page.MaxSubject)
	}
	return reasonText(d.Build)
}
