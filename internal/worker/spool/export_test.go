package spool

import "os"

// AttachWith attaches with something between the writer and the disk.
func AttachWith(dir string, o Options, wrap func(*os.File) interface {
	Write(p []byte) (int, error)
	Close() error
	Truncate(size int64) error
}) (*Writer, error) {
	return attach(dir, o, func(f *os.File) appendFile { return wrap(f) })
}

// Sealed makes a record with the right checksum, also of a wrong kind.
func Sealed(k byte, payload []byte) []byte {
	record, err := newRecord(kind(k), payload)
	if err != nil {
		return payload
	}
	return record
}
