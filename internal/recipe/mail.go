package recipe

import (
	"net"
	"net/mail"
	"slices"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/weir-ci/weir/internal/recipe/strict"
)

// Mail is how the farm sends mail. The zero value sends none.
type Mail struct {
	SMTP string // HOST:PORT of the server that takes it
	From string // address of the sender
	TLS  MailTLS
	// User is who to log in as; empty: nobody. The password is the first line
	// of PasswordFile.
	User         string
	PasswordFile string
	// Away is how long a worker is away before its owner is told.
	Away time.Duration
	// Digest is how often the owners of a project are told what is new of its
	// flaky tests, at most.
	Digest time.Duration
}

// MailTLS says how the connection to a mail server is encrypted.
type MailTLS string

// The ways to encrypt.
const (
	StartTLS MailTLS = "starttls" // from the server's STARTTLS on, which it must offer
	TLS      MailTLS = "tls"      // from the first byte, usually port 465
	NoTLS    MailTLS = "none"     // not at all: for a server on the same machine
)

// DefaultAway is how long a worker is away before its owner is told, if the
// file does not say otherwise.
const DefaultAway = 15 * time.Minute

// DefaultDigest is how often the owners of projects are told, if the file does
// not say otherwise.
const DefaultDigest = 7 * 24 * time.Hour

// Limits on when an owner is told.
const (
	minAway = 2 * time.Minute // a worker counts as away after one
	maxAway = 30 * 24 * time.Hour

	minDigest = time.Hour
	maxDigest = 90 * 24 * time.Hour
)

const (
	maxOwners  = 16  // of one project
	maxAddress = 254 // bytes of a mail address
)

// MailKeys lists what the key mail may hold.
func MailKeys() strict.Keys {
	return strict.Keys{Known: []string{"smtp", "from", "tls", "user", "password_file", "away", "digest"}}
}

func (r reader) mail(n *yaml.Node) Mail {
	m := Mail{TLS: StartTLS, Away: DefaultAway, Digest: DefaultDigest}
	known := MailKeys().Known
	if one := strict.Target(n); one.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(one.Content); i += 2 {
			if !slices.Contains(known, one.Content[i].Value) {
				r.Hide(one.Content[i+1]) // somebody may have written the password itself
			}
		}
	}
	f := r.Fields(n, "mail", MailKeys())
	for _, needed := range []string{"smtp", "from"} {
		if _, ok := f[needed]; !ok && strict.Target(n).Kind == yaml.MappingNode {
			r.Problem(n, "mail has no %s", needed).Hint("write mail: {smtp: smtp.example.org:587, from: weir@example.org}")
		}
	}
	f.With("smtp", func(n *yaml.Node) {
		s, ok := r.Prose(n, "mail.smtp")
		host, port, err := net.SplitHostPort(s)
		number, portErr := strconv.Atoi(port)
		if ok && (err != nil || portErr != nil || host == "" || number < 1 || number > 65535) {
			r.Problem(strict.Target(n), "mail.smtp is not a server: %s", strict.Show(s)).Hint("write HOST:PORT, for example smtp.example.org:587")
		}
		m.SMTP = s
	})
	f.With("from", func(n *yaml.Node) {
		m.From = r.address(n, "mail.from", "weir@example.org")
	})
	f.With("tls", func(n *yaml.Node) {
		s, ok := r.Text(n, "mail.tls")
		switch m.TLS = MailTLS(s); m.TLS {
		case StartTLS, TLS, NoTLS:
		default:
			if ok {
				r.Problem(strict.Target(n), "mail.tls is %s", strict.Show(s)).Hint("write starttls, tls or none")
			}
		}
	})
	f.With("user", func(n *yaml.Node) { m.User, _ = r.Text(n, "mail.user") })
	f.With("password_file", func(n *yaml.Node) { m.PasswordFile = r.LocalPath(n, "mail.password_file") })
	f.With("away", func(n *yaml.Node) { m.Away = r.Duration(n, "mail.away", minAway, maxAway) })
	f.With("digest", func(n *yaml.Node) { m.Digest = r.Duration(n, "mail.digest", minDigest, maxDigest) })
	user, hasUser := f["user"]
	password, hasPassword := f["password_file"]
	switch {
	case hasUser && !hasPassword:
		r.Problem(user.Key, "mail has a user, but no password_file").Hint("put the password into a file of its own, and name it here")
	case hasPassword && !hasUser:
		r.Problem(password.Key, "mail has a password_file, but no user").Hint("say who logs in: user: NAME")
	case hasUser && m.TLS == NoTLS:
		r.Problem(user.Key, "mail would send the password without encryption").Hint("write tls: starttls, or leave user out")
	}
	return m
}

// address reads a mail address, which has to be bare; empty if it is none.
func (r reader) address(n *yaml.Node, what, example string) string {
	s, ok := r.Prose(n, what)
	if !ok {
		return ""
	}
	if a, err := mail.ParseAddress(s); err != nil || a.Address != s || len(s) > maxAddress {
		r.Problem(strict.Target(n), "%s is not a mail address: %s", what, strict.Show(s)).Hint("write it like %s", example)
		return ""
	}
	return s
}

// owners reads the mail addresses of a project's owners.
func (r reader) owners(n *yaml.Node, what string) []string {
	var out []string
	r.List(n, "owners of "+what, func(_ int, n *yaml.Node) {
		a := r.address(n, "an owner of "+what, "alice@example.org")
		switch {
		case a == "":
		case slices.Contains(out, a):
			r.Problem(n, "%s names the owner %s twice", what, strict.Show(a))
		case len(out) == maxOwners:
			r.Problem(n, "%s has more than %d owners", what, maxOwners)
		default:
			out = append(out, a)
		}
	})
	return out
}
