package page

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weir-ci/weir"
)

// Param is something that the address of a page may ask for. An empty value is as
// if it was not there, since forms send their empty fields. Make one with TextParam,
// NumberParam and so on.
type Param struct {
	Name string
	// Drawing: it says how something is drawn, not what; the twin need not know it.
	Drawing bool
	// Typed: a form is sent while somebody types it, so that it may not be whole yet.
	// The page then says what is missing.
	Typed bool
	// Wants says which values there are; empty: it is free text.
	Wants string
	fits  func(value string) bool
}

// TextParam is free text.
func TextParam(name string) Param { return Param{Name: name} }

// NumberParam is a number: the id of something, or a position. 0 is as if it was not
// there, or where something begins.
func NumberParam(name, what string) Param {
	return Param{Name: name, Wants: what + ", a number", fits: func(value string) bool {
		n, err := strconv.ParseInt(value, 10, 64)
		return err == nil && n >= 0 && !strings.HasPrefix(value, "+")
	}}
}

// WordParam is one of some words.
func WordParam[T ~string](name string, words ...T) Param {
	var list []string
	for _, w := range words {
		if w != "" {
			list = append(list, string(w))
		}
	}
	return Param{Name: name, Wants: strings.Join(list, ", "), fits: func(value string) bool { return slices.Contains(list, value) }}
}

// SwitchParam is yes or no.
func SwitchParam(name string) Param {
	return Param{Name: name, Wants: "1 or true, 0 or false", fits: func(value string) bool {
		_, err := strconv.ParseBool(value)
		return err == nil
	}}
}

// TimeParam is a moment.
func TimeParam(name string) Param {
	return ReadParam(name, "a moment such as 2026-03-02T15:04:05Z", func(value string) error {
		_, err := time.Parse(time.RFC3339Nano, value)
		return err
	})
}

// ReadParam is what can be read without an error; wants says what that is.
func ReadParam(name, wants string, read func(value string) error) Param {
	return Param{Name: name, Wants: wants, fits: func(value string) bool { return read(value) == nil }}
}

// Draws is the same parameter for what only says how something is drawn.
func (p Param) Draws() Param {
	p.Drawing = true
	return p
}

// WhileTyped is the same parameter for what a form sends while it is typed.
func (p Param) WhileTyped() Param {
	p.Typed = true
	return p
}

// On reads a SwitchParam.
func On(in url.Values, name string) bool {
	yes, err := strconv.ParseBool(in.Get(name))
	return err == nil && yes
}

// maxValue is how much of a wrong value a page repeats, in characters.
const maxValue = 60

// wrong finds the first parameter of a request that has a value which it cannot have.
// Instead is the address of the page without it.
func (r Route) wrong(req *http.Request) (instead string, err error) {
	if len(r.Params) == 0 || req.URL.RawQuery == "" {
		return "", nil
	}
	in := req.URL.Query()
	for _, p := range r.Params {
		value := in.Get(p.Name)
		if value == "" || p.fits == nil || p.fits(value) || p.Typed && contentOnly(req) {
			continue
		}
		in.Del(p.Name)
		u := url.URL{Path: req.URL.Path, RawPath: req.URL.RawPath, RawQuery: in.Encode()}
		return u.RequestURI(), weir.Errorf(weir.Invalid, "the parameter %s has a value that it cannot have: %s", p.Name, OneLine(value, maxValue)).
			WithHint("it knows: %s", p.Wants)
	}
	return "", nil
}
