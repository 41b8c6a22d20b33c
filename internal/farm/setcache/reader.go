package setcache

import (
	"context"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/blob"
	"github.com/weir-ci/weir/internal/results"
)

// Reader reads whole sets for those that look through them, and keeps those that
// were read lately. Make one with NewReader.
type Reader struct {
	blobs blob.Store
	cache Cache
}

// NewReader makes a reader.
func NewReader(blobs blob.Store) *Reader { return &Reader{blobs: blobs} }

// Of reads what the tests of a build reported; an empty set if they reported
// nothing. It must not be changed. NotFound if it is not kept any more.
func (r *Reader) Of(ctx context.Context, b weir.Build) (weir.ResultSet, error) {
	if b.Results == "" {
		return weir.ResultSet{}, nil
	}
	if set, ok := r.cache.Get(b.Results); ok {
		return set, nil
	}
	content, err := r.blobs.Open(ctx, b.Results)
	if err != nil {
		return weir.ResultSet{}, err
	}
	defer content.Close()
	set, err := results.Decode(content)
	if err != nil {
		return weir.ResultSet{}, err
	}
	if err := r.cache.Forget(ctx); err != nil {
		return set, err
	}
	r.cache.Put(b.Results, set)
	return set, nil
}
