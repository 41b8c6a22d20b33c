package results

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/weir-ci/weir"
)

// Extract is the part of a result set that somebody looks at.
type Extract struct {
	Results   []weir.Result
	Incidents []weir.Incident
	// Omitted is how many of the results asked for are over the limit.
	Omitted int
}

// Looked at first are bad results, then those that were mixed, then what was
// skipped, then the rest; in a class they keep their order.
const (
	classBad = iota
	classMixed
	classSkipped
	classRest
	classes
)

// ExtractBad reads the bad and the mixed results of a blob in the canonical
// form, at most limit of them, and ExtractAll all of them, in that order. Both
// need room for what they return only, and little time for the rest. The
// errors are those of Decode.
func ExtractBad(r io.Reader, limit int) (Extract, error) { return extract(r, limit, classSkipped) }

// ExtractAll is like ExtractBad, but lists good results behind the bad ones.
func ExtractAll(r io.Reader, limit int) (Extract, error) { return extract(r, limit, classes) }

// extract keeps results of the classes below the one given.
func extract(r io.Reader, limit, below int) (x Extract, err error) {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(decoderMemory), zstd.WithDecoderMaxWindow(decoderMemory/2))
	if err != nil {
		return x, damaged(err)
	}
	defer z.Close()
	lines := bufio.NewScanner(io.LimitReader(z, MaxDecoded))
	lines.Buffer(make([]byte, 0, 64<<10), MaxDecodedLine)
	var h header
	if err := decodeLine(lines, &h); err != nil {
		return x, err
	}
	if err := h.check(); err != nil {
		return x, err
	}
	var kept [classes][]weir.Result
	wanted := 0
	for range h.Results {
		if !lines.Scan() {
			return x, damaged(lines.Err())
		}
		class, err := classOf(lines.Bytes())
		if err != nil {
			return x, err
		}
		if class >= below {
			continue
		}
		wanted++
		if len(kept[class]) == limit {
			continue
		}
		var one weir.Result
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			return x, damaged(err)
		}
		one.Message, one.Output = Clip(one.Message, weir.MaxResultMessage), tail(one.Output, weir.MaxResultOutput)
		kept[class] = append(kept[class], one)
	}
	for range h.Incidents {
		var i weir.Incident
		if err := decodeLine(lines, &i); err != nil {
			return x, err
		}
		i.Message = Clip(i.Message, weir.MaxResultMessage)
		x.Incidents = append(x.Incidents, i)
	}
	for _, list := range kept {
		x.Results = append(x.Results, list[:min(len(list), limit-len(x.Results))]...)
	}
	x.Omitted = wanted - len(x.Results)
	return x, nil
}

// The beginnings and ends of what a line says about its test. Within a JSON
// text a quote has a backslash before it, so none of this is part of a name.
var (
	statusKey = []byte(`,"status":"`)
	mixedKey  = []byte(`,"mixed":true`)
)

// classOf finds the class of a line's result without reading more of the line
// than that takes.
func classOf(line []byte) (class int, err error) {
	_, rest, _ := bytes.Cut(line, statusKey)
	text, _, _ := bytes.Cut(rest, []byte{'"'})
	status := weir.Status(text)
	if err := checkStatus(status); err != nil {
		return 0, err
	}
	switch {
	case status.Bad():
		return classBad, nil
	case bytes.Contains(line, mixedKey):
		return classMixed, nil
	case status == weir.Skip:
		return classSkipped, nil
	}
	return classRest, nil
}

// check is Invalid, Unsupported or TooLarge if nothing can be read behind a header.
func (h header) check() error {
	switch {
	case h.Format != formatName || h.Version < 1 || h.Results < 0 || h.Incidents < 0:
		return weir.Errorf(weir.Invalid, "the blob holds no results")
	case h.Version > formatVersion:
		return weir.Errorf(weir.Unsupported, "the results have format version %d, known is %d", h.Version, formatVersion).
			WithHint("upgrade this program")
	case h.Results > MaxResults || h.Incidents > MaxIncidents:
		return weir.Errorf(weir.TooLarge, "%d results and %d incidents are too many", h.Results, h.Incidents)
	}
	return nil
}
