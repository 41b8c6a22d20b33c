package sqlroster

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

func cleanKey(k weir.BuilderKey) weir.BuilderKey {
	return weir.BuilderKey{Project: sqltx.Clean(k.Project), Job: sqltx.Clean(k.Job), Cell: sqltx.Clean(k.Cell),
		Platform: weir.Platform(sqltx.Clean(string(k.Platform))), Branch: sqltx.Clean(k.Branch), Upstreams: sqltx.Clean(k.Upstreams)}
}

// KeyHash is what tells keys of builders apart in an index.
func KeyHash(k weir.BuilderKey) string {
	return sqltx.HashOf(k.Project, k.Job, k.Cell, string(k.Platform), k.Branch, k.Upstreams)
}

// EnsureBuilders finds or makes the builders with these keys, in order.
func (s Store) EnsureBuilders(ctx context.Context, keys []weir.BuilderKey) ([]weir.Builder, error) {
	hashes := make([]string, len(keys))
	byHash := map[string]weir.BuilderKey{}
	for i, k := range keys {
		k = cleanKey(k)
		hashes[i] = KeyHash(k)
		byHash[hashes[i]] = k
	}
	var found map[string]weir.BuilderID
	err := s.read(ctx, "look builders up", func(c conn) (err error) {
		found, err = c.findBuilders(byHash)
		return err
	})
	if err == nil && len(found) < len(byHash) {
		var all map[string]weir.BuilderID // not found: another try begins with what is there for certain
		err = s.write(ctx, "make builders", time.Time{}, func(t *tx) (err error) {
			if err := t.insertBuilders(byHash, found); err != nil {
				return err
			}
			all, err = t.findBuilders(byHash)
			return err
		})
		found = all
	}
	if err != nil {
		return nil, err
	}
	builders := make([]weir.Builder, len(keys))
	for i, h := range hashes {
		builders[i] = weir.Builder{ID: found[h], BuilderKey: byHash[h]}
	}
	return builders, nil
}

// findBuilders looks up which of the keys exist.
func (c conn) findBuilders(byHash map[string]weir.BuilderKey) (map[string]weir.BuilderID, error) {
	hashes := make([][]string, 0, len(byHash))
	for h := range byHash {
		hashes = append(hashes, []string{h})
	}
	data, err := sqltx.Encode(hashes)
	if err != nil {
		return nil, err
	}
	type pair struct {
		hash string
		id   weir.BuilderID
	}
	pairs, err := sqltx.Collect(c, func(r sqltx.Scanner) (p pair, err error) {
		err = r.Scan(&p.hash, &p.id)
		return p, err
	}, `SELECT b.key_hash, b.id FROM builders b JOIN `+c.Table(1, "q", "hash")+` ON q.hash = b.key_hash`, data)
	if err != nil {
		return nil, err
	}
	found := make(map[string]weir.BuilderID, len(pairs))
	for _, p := range pairs {
		found[p.hash] = p.id
	}
	return found, nil
}

// insertBuilders makes those that were not found, in an order that is the
// same for everybody, so that two servers do not wait for each other.
func (t *tx) insertBuilders(byHash map[string]weir.BuilderKey, found map[string]weir.BuilderID) error {
	var rows [][]any
	for h, k := range byHash {
		if found[h] == 0 {
			rows = append(rows, []any{h, k.Project, k.Job, k.Cell, string(k.Platform), k.Branch, k.Upstreams})
		}
	}
	slices.SortFunc(rows, func(a, b []any) int { return cmp.Compare(a[0].(string), b[0].(string)) })
	return t.InChunks(rows, func(data string) error {
		err := t.Put(`INSERT INTO builders (key_hash, project, job, cell, platform, branch, upstreams)
			SELECT q.hash, q.project, q.job, q.cell, q.platform, q.branch, q.upstreams
			FROM `+t.Table(1, "q", "hash", "project", "job", "cell", "platform", "branch", "upstreams")+`
			WHERE true ON CONFLICT (key_hash) DO NOTHING`, data)
		return err
	})
}
