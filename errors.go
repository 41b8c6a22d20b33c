package weir

import (
	"errors"
	"fmt"
)

// Code says what kind of thing went wrong, independent of wording. It decides
// the HTTP status and the exit code. An error without a code is Internal.
type Code string

// The closed set of error codes.
const (
	Invalid         Code = "invalid"         // the request or the file is wrong; trying again will not help
	NotFound        Code = "not_found"       // the named thing does not exist
	Conflict        Code = "conflict"        // the thing is not in a state that allows this
	Fenced          Code = "fenced"          // the attempt was given away: stop and drop it
	Unauthenticated Code = "unauthenticated" // no valid token or session
	Forbidden       Code = "forbidden"       // known, but not allowed
	TooLarge        Code = "too_large"       // over a stated limit
	Unavailable     Code = "unavailable"     // something outside did not answer; trying again may help
	Exhausted       Code = "exhausted"       // disk, memory or quota is used up
	Unsupported     Code = "unsupported"     // this version or platform cannot do it
	Internal        Code = "internal"        // a bug or an unknown failure; the cause is logged, not shown
)

// Codes lists every code, in the order of the constants.
func Codes() []Code {
	return []Code{Invalid, NotFound, Conflict, Fenced, Unauthenticated, Forbidden,
		TooLarge, Unavailable, Exhausted, Unsupported, Internal}
}

// Error is an error with two faces. Outside: Code, Message and Hint, which are
// safe to show to anybody and name the thing and the next step. Inside: Err,
// the cause, which is logged and never sent to a browser.
//
// Messages are lower case, name the thing and do not start with "failed to".
type Error struct {
	Code    Code
	Message string // what is wrong, with the thing's name in it
	Hint    string // what to do next, often a command; may be empty
	Err     error  // the cause; may be nil
}

// Errorf makes an Error. A %w in format becomes the cause and is part of the
// message, so wrap only causes that are safe to show; use WithCause otherwise.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), Err: errors.Unwrap(err)}
}

// WithHint returns a copy with the hint set.
func (e *Error) WithHint(format string, args ...any) *Error {
	c := *e
	c.Hint = fmt.Sprintf(format, args...)
	return &c
}

// WithCause returns a copy with the hidden cause set.
func (e *Error) WithCause(err error) *Error {
	c := *e
	c.Err = err
	return &c
}

// Error returns the message, and behind it the hint if there is one.
func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Message
	}
	return e.Message + " (" + e.Hint + ")"
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf finds the code of err: the outermost Error's in its chain, or
// Internal. CodeOf(nil) is "".
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Internal
}
