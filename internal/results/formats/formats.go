// Package formats knows the reader of every format of test results. It stands
// apart from package results because the readers import that one.
package formats

import (
	"io"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/results"
	"github.com/weir-ci/weir/internal/results/gotest"
	"github.com/weir-ci/weir/internal/results/junit"
	"github.com/weir-ci/weir/internal/results/tap"
)

// Reader finds the reader of a format. Its error has code Unsupported when
// there is none.
func Reader(format weir.ResultFormat) (results.Reader, error) {
	switch format {
	case weir.JUnit:
		return junit.Read, nil
	case weir.TAP:
		return tap.Read, nil
	case weir.GoTest:
		return gotest.Read, nil
	}
	return nil, weir.Errorf(weir.Unsupported, "%.40q is not a format of test results", format).
		WithHint("known formats: %v", weir.ResultFormats())
}

// Read reads one results file. The errors are those of Reader and of
// results.Reader.
func Read(format weir.ResultFormat, r io.Reader) (weir.ResultSet, error) {
	read, err := Reader(format)
	if err != nil {
		return weir.ResultSet{}, err
	}
	return read(r)
}
