// Package blob keeps bytes by their digest: products, result sets, sealed logs.
package blob

import (
	"context"
	"crypto/sha256"
	"io"

	"github.com/weir-ci/weir"
)

// Store keeps blobs. Blobs never change, so putting one twice is harmless.
type Store interface {
	// Put reads content to its end and keeps it under want. It is Invalid if
	// the content has another digest, TooLarge if it is longer than limit
	// bytes, Exhausted if the disk is full; nothing is kept then.
	Put(ctx context.Context, want weir.Digest, content io.Reader, limit int64) error
	// Open reads a blob; NotFound if there is none.
	Open(ctx context.Context, d weir.Digest) (Content, error)
	// Stat tells a blob's size in bytes; NotFound if there is none.
	Stat(ctx context.Context, d weir.Digest) (int64, error)
	// Remove deletes a blob; it is no error if there is none.
	Remove(ctx context.Context, d weir.Digest) error
}

// Content is an open blob.
type Content interface {
	io.ReadSeekCloser
	// Size is its length in bytes.
	Size() int64
}

// Add keeps content that is in memory, so that its digest is not in doubt, and
// returns the digest. A store that can name a blob after it has written it reads
// the content once; for others it is read twice.
func Add(ctx context.Context, s Store, content func() io.Reader, size int64) (weir.Digest, error) {
	if a, ok := s.(adder); ok {
		return a.add(ctx, content(), size)
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, content()); err != nil {
		return "", weir.Errorf(weir.Internal, "the content of a blob cannot be read").WithCause(err)
	}
	d := weir.DigestOfSum(hash.Sum(nil))
	return d, s.Put(ctx, d, content(), size)
}

type adder interface {
	add(ctx context.Context, content io.Reader, limit int64) (weir.Digest, error)
}
