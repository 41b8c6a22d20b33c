package sqlite

import (
	"errors"

	driver "modernc.org/sqlite"

	"github.com/weir-ci/weir/internal/store/sqltx"
)

// The primary result codes that are told apart, as SQLite documents them.
const (
	codePermission   = 3
	codeBusy         = 5
	codeLocked       = 6
	codeReadOnly     = 8
	codeCorrupt      = 11
	codeFull         = 13
	codeCannotOpen   = 14
	codeNotADatabase = 26
)

// primary finds the primary result code of an error of SQLite, or 0.
func primary(err error) int {
	var e *driver.Error
	if !errors.As(err, &e) {
		return 0
	}
	return e.Code() & 0xff
}

func dialect() sqltx.Dialect {
	return sqltx.Dialect{
		Name:     "SQLite",
		Elements: `json_each(%s)`,
		Each:     ` CROSS JOIN %[1]s %[2]s ON %[3]s `,
		Item:     `json_extract(value, '$[%d]')`,
		ItemInt:  `json_extract(value, '$[%d]')`,
		Together: true,
		Bytes:    `SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()`,
		Classify: classify,
	}
}

func classify(err error) sqltx.Failure {
	switch primary(err) {
	case codeBusy, codeLocked:
		return sqltx.TryAgain
	case codeFull:
		return sqltx.Full
	}
	return sqltx.Unknown
}
