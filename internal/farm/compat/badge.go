package compat

import (
	"fmt"
	"strings"
	"time"
)

// Badge is an answer in the few words of a badge in a README.
type Badge struct {
	Label   string  `json:"label"`
	Message string  `json:"message"`
	Answer  Verdict `json:"answer"`
	// At is when the build ended on which the answer rests: of several builds that say
	// yes the oldest one, else the newest one that says no.
	At time.Time `json:"at,omitzero"`
	// Old says that the answer is older than BadgeLimit: it is not drawn as one.
	Old bool `json:"old,omitempty"`
}

// Limits of badges.
const (
	maxLabel = 60 // characters of a text
	// BadgeFresh is how old an answer may be without the badge saying so, BadgeLimit
	// how old it may be to count. docs/compatibility.md names both.
	BadgeFresh = 7 * 24 * time.Hour
	BadgeLimit = 90 * 24 * time.Hour
)

func newBadge(a Answer, now time.Time) Badge {
	b := Badge{Label: "weir", Message: string(Unknown), Answer: a.Answer}
	var parts []string
	if a.Upstream != "" {
		parts = append(parts, strings.TrimSpace(a.Upstream+" "+a.Version))
	}
	if a.Platform != "" {
		parts = append(parts, a.Platform)
	}
	if len(parts) > 0 {
		b.Label = clip(strings.Join(parts, " · "))
	}
	switch a.Answer {
	case Yes:
		b.Message = "passing"
	case No:
		b.Message = "failing"
		if len(a.Evidence) > 0 {
			if n := a.Evidence[0].Build.Counts.Bad(); n > 0 {
				b.Message = fmt.Sprintf("%d failing", n)
			}
		}
	}
	b.At = rests(a)
	if age := now.Sub(b.At); !b.At.IsZero() && age >= BadgeFresh {
		b.Message += ", " + ago(age)
		b.Old = age >= BadgeLimit
	}
	return b
}

// rests is when the build ended that an answer rests on; zero: on none.
func rests(a Answer) (at time.Time) {
	for _, e := range a.Evidence {
		end := e.Build.Finished
		switch {
		case e.Answer != a.Answer || end.IsZero() || a.Answer == Unknown:
		case at.IsZero(), a.Answer == Yes && end.Before(at), a.Answer == No && end.After(at):
			at = end
		}
	}
	return at
}

// ago is an age of a week or more in words.
func ago(d time.Duration) string {
	days := int(d.Hours() / 24)
	switch {
	case days < 14:
		return fmt.Sprintf("%d days ago", days)
	case days < 60:
		return fmt.Sprintf("%d weeks ago", days/7)
	case days < 2*365:
		return fmt.Sprintf("%d months ago", days/30)
	}
	return fmt.Sprintf("%d years ago", days/365)
}

func clip(s string) string {
	if r := []rune(s); len(r) > maxLabel {
		return string(r[:maxLabel-1]) + "…"
	}
	return s
}
