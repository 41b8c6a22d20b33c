package store

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/weir-ci/weir"
)

// Audit keeps who changed what, and from where.
type Audit interface {
	// RecordAct notes what somebody did or was refused.
	RecordAct(ctx context.Context, a Act) error
	// Acts lists what was done, newest first.
	Acts(ctx context.Context, f ActFilter) ([]Act, error)
	// PruneActs removes acts older than a time, at most limit, and says how many.
	PruneActs(ctx context.Context, before time.Time, limit int) (int, error)
}

// Act is something that a person, or a program with a token, did to a farm.
type Act struct {
	ID   int64     `json:"id"` // set by the store; grows
	At   time.Time `json:"at"`
	Who  string    `json:"who"`             // name of the person or the token; empty: not known
	Via  Via       `json:"via"`             // how it came
	From string    `json:"from,omitempty"`  // address of the client, without port; empty: this machine's command line
	Verb string    `json:"verb"`            // "cancel", "force", "token.add": the id of the operation
	On   string    `json:"on,omitempty"`    // what it was done to: "build 41", "worker heron"
	Note string    `json:"note,omitempty"`  // the reason that was given; at most 200 bytes
	Code string    `json:"error,omitempty"` // why it was refused or did not work; empty: it was done
}

// Via says how an act came to the farm.
type Via string

// The closed set of ways.
const (
	ViaPage    Via = "page"    // a form on a page
	ViaAPI     Via = "api"     // the REST API, with a token
	ViaCommand Via = "command" // the command line, on the server's own database
	ViaHook    Via = "hook"    // a webhook
)

// ActFilter narrows a list of acts.
type ActFilter struct {
	Who    string // empty: anybody
	On     string // empty: anything
	Verb   string // empty: all
	Before int64  // ids below this one; 0: all
	Limit  int    // 0: 100; at most 1,000
}

// Limits on the texts of an act, in bytes; what is longer is cut.
const (
	MaxActName = 64  // of who, from where, which verb, and the code
	MaxActNote = 200 // of what it was done to, and the note
)

// Check is Invalid if an act has no verb, or came in no way there is.
func (a Act) Check() error {
	switch a.Via {
	case ViaPage, ViaAPI, ViaCommand, ViaHook:
	default:
		return weir.Errorf(weir.Invalid, "%.40q is not a way in which things are done", string(a.Via))
	}
	if a.Verb == "" {
		return weir.Errorf(weir.Invalid, "an act of %.64q does not say what was done", a.Who)
	}
	return nil
}

// Bounded is the act with texts no longer than they may be.
func (a Act) Bounded() Act {
	for _, text := range []struct {
		s    *string
		most int
	}{{&a.Who, MaxActName}, {&a.From, MaxActName}, {&a.Verb, MaxActName}, {&a.Code, MaxActName}, {&a.On, MaxActNote}, {&a.Note, MaxActNote}} {
		*text.s = cut(*text.s, text.most)
	}
	return a
}

// cut ends a text that is too long, between characters.
func cut(s string, most int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}
