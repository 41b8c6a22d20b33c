package browsertest_test

import (
	"context"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
)

// lend is a worker whose owner wants almost nothing there: it refuses whatever it is
// given, until it rests for the night, and says so to the end.
func (l *life) lend(ctx context.Context, name string, platform weir.Platform) error {
	policy := []string{"builds of these projects only: heronry", "no command of a step or a service but these: make, ./configure", "builds begin between 19:00 and 07:00"}
	if l.world.evil {
		for n := range 6 {
			policy = append(policy, attack(n))
		}
	}
	hello, err := l.farm.Hello(ctx, name, protocol.Hello{Version: protocol.Version, Platform: platform, Slots: 1, Program: "1.0.0", Host: name, Policy: policy})
	if err != nil {
		return l.lost(ctx, err)
	}
	rests := died().Add(-2 * time.Hour)
	w := weir.Worker{Name: name, Platform: platform, Slots: 1, Policy: policy}
	for seq := int64(1); l.now().Before(rests); seq++ {
		answer, err := l.farm.Lease(ctx, w, protocol.Lease{Epoch: hello.Epoch, Seq: seq, Free: 1, Wait: 15 * time.Second, Picky: true})
		if err != nil || ctx.Err() != nil {
			return l.lost(ctx, err)
		}
		refuse := protocol.Refuse{Epoch: hello.Epoch}
		for _, a := range answer.Attempts {
			refuse.Refusals = append(refuse.Refusals, l.refusal(a, policy))
		}
		if len(refuse.Refusals) == 0 {
			continue
		}
		if err := l.farm.Refuse(ctx, name, refuse); err != nil {
			return l.lost(ctx, err)
		}
	}
	rest := protocol.Rest{Epoch: hello.Epoch, Rest: weir.Rest{Rule: weir.RuleHours, Text: policy[2], Until: died().Add(3 * time.Hour)}}
	if l.world.evil {
		rest.Rest.Text = attack(5)
	}
	for beat := 10 * time.Minute; l.now().Before(died()); {
		if err := l.farm.Rest(ctx, name, rest); err != nil {
			return l.lost(ctx, err)
		}
		if died().Sub(l.now()) <= beat {
			beat = weir.WorkerSilence / 3
		}
		if !l.until(ctx, l.now().Add(beat)) {
			return nil
		}
	}
	return nil
}

// refusal says what the owner has against an assignment.
func (l *life) refusal(a protocol.Assignment, policy []string) protocol.Refusal {
	r := protocol.Refusal{Attempt: a.Attempt, Rule: weir.RuleProjects, Text: policy[0]}
	if a.Spec.Project == "ferry" || a.Spec.Project == "reed" {
		r.Rule, r.Text = weir.RuleCommands, "step 3 runs make check, and may run: make, ./configure"
	}
	if l.world.evil {
		r.Text = attack(int(a.Attempt.Build))
	}
	return r
}
