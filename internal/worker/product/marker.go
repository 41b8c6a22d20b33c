package product

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/weir-ci/weir"
)

// marker says which product lies at a prefix.
type marker struct {
	Digest      weir.Digest `json:"digest"`
	Bytes       int64       `json:"bytes"` // unpacked
	Entries     int         `json:"entries"`
	Fingerprint string      `json:"fingerprint"`
}

const (
	markerSuffix = ".json"
	lockSuffix   = ".lock"
	tempSuffix   = ".new"
	maxMarker    = 4 << 10 // bytes
)

func readMarker(prefix string) (marker, bool) {
	var m marker
	info, err := os.Lstat(prefix + markerSuffix)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxMarker {
		return m, false
	}
	data, err := os.ReadFile(prefix + markerSuffix)
	if err != nil || json.Unmarshal(data, &m) != nil {
		return m, false
	}
	return m, true
}

// writeMarker replaces the marker as a whole, so that a crash leaves the old
// one or none.
func writeMarker(prefix string, m marker) error {
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	temp := prefix + markerSuffix + tempSuffix
	if err := os.WriteFile(temp, data, 0o644); err != nil { //nolint:gosec // other users' workers may read it
		return err
	}
	return os.Rename(temp, prefix+markerSuffix)
}

// fingerprint sums up names, kinds, sizes and times of a tree, which change
// with nearly everything that a step could do to it, and cost far less to read
// than the contents. Compiled Python files are left out: interpreters write
// them whenever they like.
func fingerprint(dir string) (string, Stats, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", Stats{}, err
	}
	defer root.Close()
	var stats Stats
	sum := sha256.New()
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && d.Name() == "__pycache__" {
			return filepath.SkipDir
		}
		stats.Entries++
		info, err := d.Info()
		if err != nil {
			return err
		}
		if d.IsDir() {
			// Its time would change with the directory left out above.
			fmt.Fprintf(sum, "%q dir\n", name)
			return nil
		}
		stats.Bytes += info.Size()
		fmt.Fprintf(sum, "%q %v %d %d\n", name, info.Mode(), info.Size(), info.ModTime().UnixNano())
		return nil
	})
	return hex.EncodeToString(sum.Sum(nil)), stats, err
}
