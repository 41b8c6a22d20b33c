package signature

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/weir-ci/weir/internal/results"
)

// Limits on what is looked at, so that hostile texts cost little, in bytes.
const (
	// maxMessage is how much of a message is read, from its beginning.
	maxMessage = 16 << 10
	// maxOutput is how much of an output is read, up to its end.
	maxOutput = 64 << 10
	// maxLine is how much of one line is read.
	maxLine = 512
	// maxLines is how many lines of each text are read.
	maxLines = 2000
)

const (
	// MaxLine is the longest Line and the longest Frame, in bytes.
	MaxLine = 300
	// KeyLength is the length of a Key that is not empty.
	KeyLength = 16
)

// Signature is what a failure says, without what changes from run to run.
type Signature struct {
	// Key is equal for failures that say the same: KeyLength hex digits. It is
	// empty if the failure says nothing.
	Key string
	// Line is the masked line that says what is wrong, for people; at most MaxLine bytes.
	Line string
	// Frame is the masked place where it happened; empty if none is named. At
	// most MaxLine bytes.
	Frame string
}

// Of finds the signature of a failure from its message and what the test
// printed. It is the zero Signature if neither says what is wrong.
func Of(message, output string) Signature {
	said := split(results.Clip(message, maxMessage))
	line, frame := headline(said)
	var printed []string
	if line == "" || frame == "" {
		printed = split(tail(output, maxOutput))
	}
	if line == "" {
		line, frame = headline(printed)
	}
	if at := place(said); at != "" {
		frame = at
	} else if at := place(printed); at != "" && frame == "" {
		frame = at
	}
	s := Signature{Line: Mask(line), Frame: Mask(frame)}
	if s.Line == "" {
		return Signature{}
	}
	sum := sha256.Sum256([]byte(s.Line + "\n" + s.Frame))
	s.Key = hex.EncodeToString(sum[:])[:KeyLength]
	return s
}

// split makes lines of a text, without what colours them and without their ends.
// Messages that a worker has sent are clean already, others need not be.
func split(text string) []string {
	var lines []string
	for line := range strings.Lines(results.CleanText(text)) {
		if len(lines) == maxLines {
			break
		}
		lines = append(lines, strings.TrimRight(results.Clip(line, maxLine), " \t\n"))
	}
	return lines
}

// tail keeps whole lines from the end of s, at most limit bytes.
func tail(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	s = s[len(s)-limit:]
	_, rest, _ := strings.Cut(s, "\n")
	return rest
}
