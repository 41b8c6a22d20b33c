package weir

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// RunID identifies a run. Ids are given out by the store, start at 1 and grow.
type RunID int64

// BuildID identifies a build. Ids are given out by the store, start at 1 and grow.
type BuildID int64

// BuilderID identifies a builder. Ids are given out by the store, start at 1 and grow.
type BuilderID int64

// RegressionID identifies a regression. Ids are given out by the store, start at 1 and grow.
type RegressionID int64

// ProposalID identifies a proposal. Ids are given out by the store, start at 1 and grow.
type ProposalID int64

// AttemptID identifies one attempt: the build and the attempt's number within
// it, counted from 1. It is the fencing token's public half: a newer attempt
// of a build always has the higher number.
type AttemptID struct {
	Build  BuildID
	Number int
}

// String renders the id as BUILD.NUMBER, for example 41.2.
func (id AttemptID) String() string { return fmt.Sprintf("%d.%d", id.Build, id.Number) }

// MarshalText encodes the id as BUILD.NUMBER.
func (id AttemptID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText decodes BUILD.NUMBER.
func (id *AttemptID) UnmarshalText(text []byte) error {
	parsed, err := ParseAttemptID(string(text))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}

// ParseAttemptID reads BUILD.NUMBER; both parts must be positive and written
// as String writes them, so that an attempt has one name. Its error has code
// Invalid.
func ParseAttemptID(s string) (AttemptID, error) {
	build, number, ok := strings.Cut(s, ".")
	b, err1 := strconv.ParseInt(build, 10, 64)
	n, err2 := strconv.Atoi(number)
	id := AttemptID{Build: BuildID(b), Number: n}
	if !ok || err1 != nil || err2 != nil || b < 1 || n < 1 || id.String() != s {
		return AttemptID{}, Errorf(Invalid, "%.40q is not an attempt id", s).
			WithHint("an attempt id is BUILD.NUMBER, for example 41.2")
	}
	return id, nil
}

// Digest names a blob by its content: "sha256:" and 64 lower-case hex digits.
// The zero value means "no blob".
type Digest string

const digestPrefix = "sha256:"

// DigestOf computes the digest of data.
func DigestOf(data []byte) Digest {
	sum := sha256.Sum256(data)
	return DigestOfSum(sum[:])
}

// DigestOfSum makes a digest of a finished SHA-256 sum.
func DigestOfSum(sum []byte) Digest { return Digest(digestPrefix + hex.EncodeToString(sum)) }

// ParseDigest checks that s is a digest. Whatever comes from a worker or a
// URL passes through here before it becomes part of a file name.
// Its error has code Invalid.
func ParseDigest(s string) (Digest, error) {
	rest, ok := strings.CutPrefix(s, digestPrefix)
	if !ok || len(rest) != 2*sha256.Size || strings.Trim(rest, "0123456789abcdef") != "" {
		return "", Errorf(Invalid, "%.80q is not a digest", s).
			WithHint("a digest is sha256: and 64 lower-case hex digits")
	}
	return Digest(s), nil
}

// Hex returns the hex digits without the algorithm's name.
func (d Digest) Hex() string { return strings.TrimPrefix(string(d), digestPrefix) }

// Short returns the first 12 hex digits, for people.
func (d Digest) Short() string {
	h := d.Hex()
	return h[:min(12, len(h))]
}
