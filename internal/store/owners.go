package store

import (
	"context"
	"slices"
	"time"

	"github.com/weir-ci/weir"
)

// Owners keeps what the owners of workers allow there, as far as the workers say.
type Owners interface {
	// Refuse ends attempts that a worker was given and its owner does not want there,
	// with the reason refused, and queues their builds again at once; that does not count
	// towards weir.MaxAttempts, nor against the worker. For each it notes that the worker is not
	// asked for the builder again before the rule's time is over. What is not the
	// worker's own, or has ended, is passed over. So is what it asked for although it
	// refused the builder already, as one that is not picky, and a build that it has refused
	// weir.MaxAttempts times: its next lease gives that back, and nobody goes round in circles
	// at once. For others a refused build has waited all the time. Conflict unless epoch is that
	// of its newest hello; Invalid as CheckRefused says.
	Refuse(ctx context.Context, worker string, epoch int64, refused []Refused, now time.Time) error
	// Rest notes why a worker takes nothing, or with the zero one that it does again,
	// and that it was heard of. Conflict unless epoch is that of its newest hello;
	// Invalid as CheckRest says. It tells EventWorker if the rest is another one.
	Rest(ctx context.Context, worker string, epoch int64, rest weir.Rest, now time.Time) error
	// Refusals lists what a worker refused in the last RefusalsKept, the newest first,
	// at most limit; RefusalsOf which workers are not asked for a builder at present.
	Refusals(ctx context.Context, worker string, now time.Time, limit int) ([]weir.Refusal, error)
	RefusalsOf(ctx context.Context, builder weir.BuilderID, now time.Time) ([]weir.Refusal, error)
}

// Refused is an attempt that the worker's owner does not want there.
type Refused struct {
	Attempt weir.AttemptID
	Rule    weir.Rule
	Text    string
}

// RefusalsKept is for how long it is known what a worker refused, after it last did.
const RefusalsKept = 90 * 24 * time.Hour

// MaxRefused is how many attempts one Refuse may name.
const MaxRefused = 256

// CheckRefused is Invalid if no worker can refuse that: too much at once, or under a
// rule that is not one about builds.
func CheckRefused(refused []Refused) error {
	if len(refused) > MaxRefused {
		return weir.Errorf(weir.Invalid, "%d builds are refused at once; %d are the most", len(refused), MaxRefused)
	}
	for _, r := range refused {
		if !slices.Contains(weir.Rules(), r.Rule) || r.Rule.Lasts() == 0 {
			return weir.Errorf(weir.Invalid, "attempt %s is refused under %.40q, which is no rule about builds", r.Attempt, string(r.Rule))
		}
	}
	return nil
}

// CheckRest is Invalid if no worker rests under that rule: it is not one about the machine.
func CheckRest(rest weir.Rest) error {
	if rest.Rule != "" && (!slices.Contains(weir.Rules(), rest.Rule) || rest.Rule.Lasts() != 0) {
		return weir.Errorf(weir.Invalid, "a worker rests under %.40q, which is no rule about machines", string(rest.Rule))
	}
	return nil
}
