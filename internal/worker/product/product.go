// Package product hands installed trees from the build that makes them to the
// builds that use them.
//
// A product is a tar file in zstd (Pack, Unpack). Programs often remember the
// absolute path they were installed at, so a product is unpacked exactly where
// it was built: its prefix is ROOT/KEY, where KEY is 20 hex digits that the
// server derives from what the product is, and ROOT is the same on all
// workers that share products.
//
// A Store keeps the unpacked trees of one machine. Several workers and
// attempts may use it at once:
//
//	PREFIX        the tree
//	PREFIX.lock   shared by the attempts that use the tree, exclusive for the one that makes or replaces it
//	PREFIX.json   the marker: which product lies there; its time is that of the last use
//
// A tree whose marker names the wanted digest is used as it is, unless it was
// altered since: steps run as the same user and may have written into it, and
// what one build leaves behind must not fail the next one. Trees not used for
// the longest time are removed once all of them together exceed a limit.
package product

import (
	"context"
	"io"
	"path/filepath"
	"regexp"

	"github.com/weir-ci/weir"
)

// Limits on a product. A packed one is at most protocol.MaxProduct bytes.
const (
	MaxEntries  = 2_000_000 // files, directories and links
	MaxUnpacked = 64 << 30  // bytes of all files together
	MaxPath     = 4 << 10   // bytes of one name, or of a link's target
)

// DefaultLimit is how much the trees of a store may hold together, in bytes.
const DefaultLimit = 10 << 30

// Fetch opens a packed product. The store checks what it reads against the
// digest, so that Fetch need not.
type Fetch func(ctx context.Context, d weir.Digest) (io.ReadCloser, error)

// Stats says how large a tree is.
type Stats struct {
	Entries int   // files, directories and links
	Bytes   int64 // of all files together
}

var keyForm = regexp.MustCompile(`^[0-9a-f]{20}$`)

// ValidKey reports whether s is a product key: 20 hex digits.
func ValidKey(s string) bool { return keyForm.MatchString(s) }

// checkPrefix accepts a path that a product may be unpacked at. Prefixes come
// from the server and lead to directories being replaced.
func checkPrefix(prefix string) error {
	if !filepath.IsAbs(prefix) || filepath.Clean(prefix) != prefix || len(prefix) > MaxPath ||
		!ValidKey(filepath.Base(prefix)) {
		return weir.Errorf(weir.Invalid, "%.200q is no place for a product", prefix).
			WithHint("a prefix is an absolute path that ends in a product key of 20 hex digits")
	}
	return nil
}
