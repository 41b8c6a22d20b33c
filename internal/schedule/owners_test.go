package schedule_test

import (
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/schedule"
)

// TestWhyOwners says what waits for the owners of workers: those that rest, and those
// that refuse the builder.
func TestWhyOwners(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	worker := func(name string, change func(*weir.Worker)) weir.Worker {
		w := weir.Worker{Name: name, Platform: "linux/amd64", Slots: 1, Seen: now}
		if change != nil {
			change(&w)
		}
		return w
	}
	ready := worker("ready", nil)
	busy := worker("busy", func(w *weir.Worker) { w.Running = 1 })
	away := worker("away", func(w *weir.Worker) { w.Seen = now.Add(-time.Hour) })
	paused := worker("paused", func(w *weir.Worker) { w.Paused = "for a while" })
	resting := func(name string, until time.Time) weir.Worker {
		return worker(name, func(w *weir.Worker) {
			w.Rest = weir.Rest{Rule: weir.RuleHours, Text: "builds begin at 19:00 of " + name, Until: until}
		})
	}
	refuses := func(worker string, rule weir.Rule, last time.Duration) weir.Refusal {
		return weir.Refusal{Worker: worker, Rule: rule, Text: "not at " + worker, Until: now.Add(last)}
	}
	tests := []struct {
		name    string
		refused []weir.Refusal
		workers []weir.Worker
		reason  schedule.WaitReason
		text    string
		until   time.Time
	}{
		{"the only one rests", nil, []weir.Worker{resting("night", now.Add(time.Hour))}, schedule.WaitWorkers,
			"waits for worker night, which is resting until 2030-01-02 04:04:05 UTC: builds begin at 19:00 of night", now.Add(time.Hour)},
		{"it rests, nobody knows for how long", nil, []weir.Worker{resting("night", time.Time{})}, schedule.WaitWorkers,
			"waits for worker night, which is resting: builds begin at 19:00 of night", time.Time{}},
		{"it should not rest any more", nil, []weir.Worker{resting("night", now.Add(-time.Hour))}, schedule.WaitWorkers,
			"waits for worker night, which is resting: builds begin at 19:00 of night", time.Time{}},
		{"it rests and says no more", nil, []weir.Worker{worker("mute", func(w *weir.Worker) { w.Rest.Rule = weir.RuleLoad })}, schedule.WaitWorkers,
			"waits for worker mute, which is resting", time.Time{}},
		{"some rest", nil, []weir.Worker{away, resting("dusk", time.Time{}), resting("night", now.Add(2*time.Hour)), resting("noon", now.Add(time.Hour))}, schedule.WaitWorkers,
			"waits for one of 4 workers, which are 1 away, 3 resting until 2030-01-02 04:04:05 UTC; worker noon: builds begin at 19:00 of noon", now.Add(time.Hour)},
		{"its owner does not want it", []weir.Refusal{refuses("ready", weir.RuleProjects, time.Hour)}, []weir.Worker{ready}, schedule.WaitRefused,
			"waits for a worker whose owner allows it: ready refuses it (projects: not at ready), and is asked again at 2030-01-02 04:04:05 UTC", now.Add(time.Hour)},
		{"nobody who fits wants it", []weir.Refusal{refuses("ready", weir.RuleProjects, 2*time.Hour), refuses("gone", weir.RuleProjects, time.Minute), refuses("away", weir.RuleCommands, time.Hour), refuses("busy", weir.RuleStrangers, 3*time.Hour)}, []weir.Worker{ready, away, busy}, schedule.WaitRefused,
			"waits for a worker whose owner allows it: all 3 workers that fit refuse it, such as away (commands: not at away), which is asked again at 2030-01-02 04:04:05 UTC", now.Add(time.Hour)},
		{"refused without a word", []weir.Refusal{{Worker: "ready", Rule: weir.RuleProjects, Until: now.Add(time.Hour)}}, []weir.Worker{ready}, schedule.WaitRefused,
			"waits for a worker whose owner allows it: ready refuses it (projects), and is asked again at 2030-01-02 04:04:05 UTC", now.Add(time.Hour)},
		{"refused with too many words", []weir.Refusal{{Worker: "ready", Rule: weir.RuleCommands, Text: "no\r\nsu\xffdo. " + strings.Repeat("é", 900) + "\u2028.", Until: now.Add(time.Hour)}}, []weir.Worker{ready}, schedule.WaitRefused,
			"waits for a worker whose owner allows it: ready refuses it (commands: no sudo. " + strings.Repeat("é", 151) + "…), and is asked again at 2030-01-02 04:04:05 UTC", now.Add(time.Hour)},
		{"it may be asked again", []weir.Refusal{refuses("ready", weir.RuleCommands, 0)}, []weir.Worker{ready}, schedule.WaitMoment,
			"waits for nothing: a worker takes it when it asks next", time.Time{}},
		{"another one may have it", []weir.Refusal{refuses("ready", weir.RuleProjects, time.Hour)}, []weir.Worker{ready, paused}, schedule.WaitWorkers,
			"waits for worker paused, which is paused", time.Time{}},
		{"another one is busy", []weir.Refusal{refuses("ready", weir.RuleProjects, time.Hour)}, []weir.Worker{ready, busy}, schedule.WaitBusy,
			"waits because worker busy is busy", time.Time{}},
	}
	for _, tt := range tests {
		b := schedule.Waiting{Refused: tt.refused, Candidate: schedule.Candidate{Build: 7, Queued: now.Add(-time.Hour),
			Builder: weir.Builder{BuilderKey: weir.BuilderKey{Project: "mill", Job: "test", Platform: "linux/amd64"}}}}
		got := schedule.Why(b, schedule.Fleet{Workers: tt.workers}, now)
		if want := (schedule.Wait{Reason: tt.reason, Text: tt.text, Until: tt.until}); got != want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, want)
		}
		if strings.ContainsAny(got.Text, "\n") || strings.HasSuffix(got.Text, ".") {
			t.Errorf("%s: %q is no sentence", tt.name, got.Text)
		}
	}
}
