package sqlstore

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqlroster"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// askCandidates asks for queued builds that may be leased. It reads as little of
// each as it can: nothing else costs a lease as much.
func (c conn) askCandidates(ask store.LeaseAsk, limit int) sqltx.Asked {
	return c.Later(`SELECT b.id, b.builder_id, b.priority, b.queued, b.attempts, b.cause, b.labels FROM builds b
		WHERE b.platform = $1 AND b.state = 'queued' AND b.not_before <= $2 ORDER BY b.priority DESC, b.id LIMIT $3`,
		sqltx.Clean(string(ask.Platform)), sqltx.Micros(ask.Now), limit)
}

// candidates reads queued builds that were asked for.
func (c conn) candidates(k *sqlroster.Builders, queue sqltx.Asked) ([]store.Candidate, error) {
	var builders []weir.BuilderID
	var wishing []weir.BuildID
	var id, builder, priority, queued, attempts, cause, labels any // what drivers give, unchanged
	into := []any{&id, &builder, &priority, &queued, &attempts, &cause, &labels}
	offers, err := sqltx.Collect(queue, func(row sqltx.Scanner) (o store.Candidate, err error) {
		if err := row.Scan(into...); err != nil {
			return o, err
		}
		o = store.Candidate{Build: weir.BuildID(number(id)), Cause: weir.Cause(text(cause)), Priority: int(number(priority)),
			Queued: sqltx.TimeOf(number(queued)), Attempts: int(number(attempts))}
		list, wishes := strings.CutSuffix(text(labels), wishMark)
		if wishes {
			wishing = append(wishing, o.Build)
		}
		if list != "null" && list != "[]" {
			err = json.Unmarshal([]byte(list), &o.Labels)
		}
		builders = append(builders, weir.BuilderID(number(builder)))
		return o, err
	}, "")
	if err != nil || len(offers) == 0 {
		return nil, err
	}
	found, err := k.Of(c.Conn, builders)
	for i := range offers {
		offers[i].Builder = found[builders[i]]
	}
	if err == nil && len(wishing) > 0 {
		err = c.wishes(offers, wishing)
	}
	return offers, err
}

// wishMark ends the labels of a build that wishes for a worker. There are few
// such builds, so candidates are read without asking each of them.
const wishMark = "\n"

// wishes fills in the workers that some of the candidates wish for.
func (c conn) wishes(offers []store.Candidate, wishing []weir.BuildID) error {
	among, arg := sqltx.Among(c.Conn, 1, wishing)
	found, err := sqltx.Collect(c, func(row sqltx.Scanner) (o store.Candidate, err error) {
		err = row.Scan(&o.Build, &o.Prefer, &o.Avoid)
		return o, err
	}, `SELECT b.id, b.prefer, b.avoid FROM builds b WHERE b.id `+among, arg)
	for _, w := range found {
		i := slices.IndexFunc(offers, func(o store.Candidate) bool { return o.Build == w.Build })
		offers[i].Prefer, offers[i].Avoid = w.Prefer, w.Avoid
	}
	return err
}

func number(column any) int64 {
	n, _ := column.(int64) // as the schema has it
	return n
}

func text(column any) string {
	s, _ := column.(string) // as the schema has it
	return s
}
