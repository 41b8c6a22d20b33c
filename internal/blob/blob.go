// Package blob keeps bytes by their digest: products, result sets, sealed logs.
package blob

import (
	"context"
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
