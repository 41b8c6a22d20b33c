package results

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"

	"github.com/klauspost/compress/zstd"

	"github.com/weir-ci/weir"
)

// The canonical form is a zstd stream of JSON lines: a header, the results in
// the order of their tests, with coarse durations, the incidents. The counts in the header tell a
// cut blob from a whole one.
const (
	formatName    = "weir-results"
	formatVersion = 1
)

// The limits of the canonical form.
const (
	// MaxDecoded is how many bytes a blob may hold once decompressed.
	MaxDecoded = 512 << 20
	// MaxDecodedLine is how many bytes one of its lines may have: a result
	// at its limits, with every byte escaped, is shorter.
	MaxDecodedLine = 1 << 20
	// encoderWindow is how far back the compressor looks: results repeat soon.
	encoderWindow = 1 << 20
	// fewResults is how many are compressed with little effort: those of builds
	// that have steps and hardly a test.
	fewResults = 16
	// decoderMemory bounds what the decompressor itself holds.
	decoderMemory = 64 << 20
)

type header struct {
	Format    string `json:"format"`
	Version   int    `json:"version"`
	Results   int    `json:"results"`
	Incidents int    `json:"incidents"`
}

// Encode writes the canonical form of set, normalised. Its error has code
// Invalid when a status or kind is unknown or only the farm may use it,
// TooLarge when the set is over a limit, or is that of w.
func Encode(w io.Writer, set weir.ResultSet) error {
	if len(set.Results) > MaxResults || len(set.Incidents) > MaxIncidents {
		return weir.Errorf(weir.TooLarge, "%d results and %d incidents are too many", len(set.Results), len(set.Incidents)).
			WithHint("at most %d results and %d incidents fit a build", MaxResults, MaxIncidents)
	}
	for _, r := range set.Results {
		if err := checkStatus(r.Status); err != nil {
			return err
		}
	}
	for _, i := range set.Incidents {
		if err := checkKind(i.Kind); err != nil {
			return err
		}
	}
	set = Normalise(set)
	options := []zstd.EOption{zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(encoderWindow), zstd.WithLowerEncoderMem(true)}
	if len(set.Results)+len(set.Incidents) <= fewResults { // no use for large tables
		options = append(options, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(zstd.MinWindowSize))
	}
	z, err := zstd.NewWriter(w, options...)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriterSize(z, 64<<10)
	enc := json.NewEncoder(buffered)
	enc.SetEscapeHTML(false)
	err = enc.Encode(header{formatName, formatVersion, len(set.Results), len(set.Incidents)})
	for i := 0; i < len(set.Results) && err == nil; i++ {
		r := set.Results[i]
		r.Duration = Coarse(r.Duration)
		err = enc.Encode(&r)
	}
	for i := 0; i < len(set.Incidents) && err == nil; i++ {
		err = enc.Encode(&set.Incidents[i])
	}
	if err == nil {
		err = buffered.Flush()
	}
	// Closing also frees the encoder, so it is done whatever happened.
	return errors.Join(err, z.Close())
}

// Decode reads the canonical form, and normalises it if it is not normal, so
// what it returns obeys every limit whoever wrote the blob. Its error has code Invalid when the
// blob is not in the canonical form or holds an unknown status or kind,
// TooLarge when it is over a limit, and Unsupported when a newer version of
// Weir wrote it.
func Decode(r io.Reader) (weir.ResultSet, error) {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(decoderMemory), zstd.WithDecoderMaxWindow(decoderMemory/2))
	if err != nil {
		return weir.ResultSet{}, damaged(err)
	}
	defer z.Close()
	limited := &io.LimitedReader{R: z, N: MaxDecoded + 1}
	lines := bufio.NewScanner(limited)
	lines.Buffer(make([]byte, 0, 64<<10), MaxDecodedLine)
	set, err := decodeLines(lines)
	if limited.N <= 0 {
		return weir.ResultSet{}, weir.Errorf(weir.TooLarge, "the results are larger than %d MiB", MaxDecoded>>20)
	}
	if err != nil {
		return weir.ResultSet{}, err
	}
	return Normalise(set), nil
}

func decodeLines(lines *bufio.Scanner) (weir.ResultSet, error) {
	var set weir.ResultSet
	var h header
	if err := decodeLine(lines, &h); err != nil {
		return set, err
	}
	switch {
	case h.Format != formatName || h.Version < 1 || h.Results < 0 || h.Incidents < 0:
		return set, weir.Errorf(weir.Invalid, "the blob holds no results")
	case h.Version > formatVersion:
		return set, weir.Errorf(weir.Unsupported, "the results have format version %d, known is %d", h.Version, formatVersion).
			WithHint("upgrade this program")
	case h.Results > MaxResults || h.Incidents > MaxIncidents:
		return set, weir.Errorf(weir.TooLarge, "%d results and %d incidents are too many", h.Results, h.Incidents)
	}
	for range h.Results {
		var r weir.Result
		if err := decodeLine(lines, &r); err != nil {
			return set, err
		}
		if err := checkStatus(r.Status); err != nil {
			return set, err
		}
		r.Status = weir.Statuses()[slices.Index(weir.Statuses(), r.Status)] // not a string for each
		r.Duration = Coarse(r.Duration)
		// Cut now, so that what waits to be normalised is within limits too.
		r.Message = head(r.Message, weir.MaxResultMessage)
		r.Output = tail(r.Output, weir.MaxResultOutput)
		if n := len(set.Results); n > 0 && set.Results[n-1].Test.Suite == r.Test.Suite {
			r.Test.Suite = set.Results[n-1].Test.Suite // one string for all of them
		}
		if len(set.Results) == cap(set.Results) { // what is announced is believed after a part of it came
			set.Results = slices.Grow(set.Results, min(h.Results-len(set.Results), 16*len(set.Results)+1024))
		}
		set.Results = append(set.Results, r)
	}
	for range h.Incidents {
		var i weir.Incident
		if err := decodeLine(lines, &i); err != nil {
			return set, err
		}
		if err := checkKind(i.Kind); err != nil {
			return set, err
		}
		i.Message = head(i.Message, weir.MaxResultMessage)
		set.Incidents = append(set.Incidents, i)
	}
	if lines.Scan() || lines.Err() != nil {
		return set, weir.Errorf(weir.Invalid, "the results have more lines than they announce").WithCause(lines.Err())
	}
	return set, nil
}

func decodeLine(lines *bufio.Scanner, v any) error {
	if !lines.Scan() {
		return damaged(lines.Err())
	}
	line := bytes.TrimSpace(lines.Bytes())
	if len(line) == 0 || line[0] != '{' {
		return damaged(nil)
	}
	if err := json.Unmarshal(line, v); err != nil {
		return damaged(err)
	}
	return nil
}

func damaged(cause error) error {
	return weir.Errorf(weir.Invalid, "the results are damaged or cut short").WithCause(cause).
		WithHint("send them again")
}

func checkStatus(s weir.Status) error {
	if s == weir.Absent || !slices.Contains(weir.Statuses(), s) {
		return weir.Errorf(weir.Invalid, "%.40q is not the status of a test that reported", s)
	}
	return nil
}

func checkKind(k weir.IncidentKind) error {
	if !slices.Contains(weir.IncidentKinds(), k) {
		return weir.Errorf(weir.Invalid, "%.40q is not a kind of incident", k)
	}
	return nil
}
