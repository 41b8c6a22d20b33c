package results

import (
	"io"
	"time"

	"github.com/weir-ci/weir"
)

// Reader reads one results file. Its error has code Invalid when the file is
// empty or of another format, and is the error of r when reading itself broke.
type Reader func(r io.Reader) (weir.ResultSet, error)

// Limits bounds what a reader takes from one file. The zero value of a field
// means the constant that the field's comment names.
type Limits struct {
	Input   int64 // bytes of the file that are read: MaxInput
	Results int   // tests that are kept: MaxResults
	Text    int   // bytes of messages and outputs that are kept: MaxText
}

// The limits on one set of results.
const (
	// MaxInput is how many bytes of a results file are read. What lies behind
	// is not looked at and a Truncated incident says so.
	MaxInput = 256 << 20
	// MaxResults is how many results one set holds.
	MaxResults = 2_000_000
	// MaxIncidents is how many incidents one set holds.
	MaxIncidents = 10_000
	// MaxText is how many bytes of messages and outputs one set holds. When
	// they are used up, further tests keep their status and lose their texts.
	MaxText = 64 << 20
	// MaxPassOutput is how many bytes of output a passing test keeps: enough
	// to compare with a failure, not enough to fill a disk.
	MaxPassOutput = 4 << 10
	// MaxDuration is the longest duration that is believed.
	MaxDuration = 30 * 24 * time.Hour
)

func (l Limits) filled() Limits {
	if l.Input <= 0 {
		l.Input = MaxInput
	}
	if l.Results <= 0 {
		l.Results = MaxResults
	}
	if l.Text <= 0 {
		l.Text = MaxText
	}
	return l
}
