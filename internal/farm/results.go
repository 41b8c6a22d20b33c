package farm

import (
	"bytes"
	"context"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/setcache"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/results"
)

// resultSet reads a result set, from memory if it was read lately.
func (f *Farm) resultSet(ctx context.Context, d weir.Digest) (weir.ResultSet, error) {
	if set, ok := f.sets.Get(d); ok {
		return set, nil
	}
	content, err := f.blobs.Open(ctx, d)
	if err != nil {
		return weir.ResultSet{}, err
	}
	defer content.Close()
	set, err := results.Decode(content)
	if err != nil {
		return weir.ResultSet{}, err
	}
	f.sets.Put(d, set)
	return set, nil
}

// finishedCounts reads the results of an attempt that ends, and counts them.
// Those that come with the message are kept first, unless they are what was just
// read or kept: the results of short builds are nearly always the same few.
// Others are not kept in memory: there may be millions.
func (f *Farm) finishedCounts(ctx context.Context, fin protocol.Finish) (weir.Counts, error) {
	if len(fin.Set) > protocol.MaxInlineSet || len(fin.Set) > 0 && weir.DigestOf(fin.Set) != fin.Results {
		return weir.Counts{}, weir.Errorf(weir.Invalid, "the results that came along are not %s, or more than %d bytes",
			fin.Results.Short(), protocol.MaxInlineSet)
	}
	if set, ok := f.sets.Get(fin.Results); ok {
		return set.Count(), nil
	}
	if len(fin.Set) == 0 {
		return f.checkedCounts(ctx, fin.Results)
	}
	set, err := results.Decode(bytes.NewReader(fin.Set))
	if err != nil {
		return weir.Counts{}, err
	}
	if err := f.PutBlob(ctx, fin.Results, bytes.NewReader(fin.Set)); err != nil {
		return weir.Counts{}, err
	}
	f.sets.Put(fin.Results, set)
	return set.Count(), nil
}

// checkedCounts reads a set to its end and counts its results.
func (f *Farm) checkedCounts(ctx context.Context, d weir.Digest) (weir.Counts, error) {
	content, err := f.blobs.Open(ctx, d)
	if err != nil {
		return weir.Counts{}, err
	}
	defer content.Close()
	counts, normal, err := results.Check(content)
	if err != nil || normal {
		return counts, err
	}
	set, err := f.resultSet(ctx, d)
	return set.Count(), err
}

// resultPart reads what a page shows of a set, from memory if it was read lately.
func (f *Farm) resultPart(ctx context.Context, k setcache.PartKey) (setcache.Part, error) {
	if part, ok := f.parts.Get(k); ok {
		return part, nil
	}
	content, err := f.blobs.Open(ctx, k.Set)
	if err != nil {
		return setcache.Part{}, err
	}
	defer content.Close()
	read := results.ExtractBad
	if k.All {
		read = results.ExtractAll
	}
	x, err := read(content, k.Limit)
	part := setcache.Part{ResultSet: weir.ResultSet{Results: x.Results, Incidents: x.Incidents}, Omitted: x.Omitted}
	if err == nil {
		f.parts.Put(k, part)
	}
	return part, err
}
