// Package mail sends notices by mail, to one SMTP server that the farm's admin
// names. It is the adapter of package notify for people with a mail address,
// and nothing more: what a mail says is decided there.
package mail

import (
	"context"
	"encoding/base64"
	"errors"
	"net"
	"os"
	"strconv"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/notify"
)

// TLS says how the connection to the server is encrypted.
type TLS string

// The ways to encrypt.
const (
	StartTLS TLS = "starttls" // from STARTTLS on, which the server must offer
	Implicit TLS = "tls"      // from the first byte
	Plain    TLS = "none"     // not at all
)

// Options say how to send.
type Options struct {
	Server string // HOST:PORT
	From   string // address of the sender
	TLS    TLS
	// User is who to log in as; empty: nobody. The password is the first line
	// of PasswordFile, which is read for each mail, so that it may change.
	User         string
	PasswordFile string
}

// Sender sends mail. It is safe for concurrent use.
type Sender struct {
	o    Options
	host string
	port int
	more []gomail.Option // for tests
}

// New makes a Sender. Its error is Invalid.
func New(o Options) (*Sender, error) {
	host, port, err := net.SplitHostPort(o.Server)
	number, portErr := strconv.Atoi(port)
	if err != nil || portErr != nil {
		return nil, weir.Errorf(weir.Invalid, "%.80q is not a mail server", o.Server).WithHint("write HOST:PORT")
	}
	return &Sender{o: o, host: host, port: number}, nil
}

// Send sends a notice to its To. Errors are Unavailable if trying again may
// help, Invalid if a person must do something; they hold no secrets.
func (s *Sender) Send(ctx context.Context, n notify.Notice) error {
	m := gomail.NewMsg()
	if err := m.From(s.o.From); err != nil {
		return weir.Errorf(weir.Invalid, "%.80q is not a mail address", s.o.From).WithCause(err)
	}
	if err := m.To(n.To); err != nil {
		return weir.Errorf(weir.Invalid, "%.80q is not a mail address", n.To).WithCause(err)
	}
	m.Subject(n.Subject())
	m.SetDate()
	m.SetMessageID()
	m.SetGenHeader("Auto-Submitted", "auto-generated") // so that nobody's absence note answers it
	m.SetBodyString(gomail.TypeTextPlain, n.Text())
	options, password, err := s.options()
	if err != nil {
		return err
	}
	c, err := gomail.NewClient(s.host, options...)
	if err == nil {
		err = c.DialAndSendWithContext(ctx, m)
	}
	if err != nil {
		return s.trouble(err, password)
	}
	return nil
}

func (s *Sender) options() (options []gomail.Option, password string, err error) {
	options = []gomail.Option{gomail.WithPort(s.port)}
	switch s.o.TLS {
	case Implicit:
		options = append(options, gomail.WithSSL())
	case Plain:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if s.o.User != "" {
		data, err := os.ReadFile(s.o.PasswordFile)
		if err != nil {
			return nil, "", weir.Errorf(weir.Invalid, "the password file for mail cannot be read").
				WithHint("see password_file in the farm file").WithCause(err)
		}
		password, _, _ = strings.Cut(string(data), "\n")
		password = strings.TrimRight(password, "\r")
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(s.o.User),
			gomail.WithPassword(password))
	}
	return append(options, s.more...), password, nil
}

// maxSaid limits, in bytes, what is passed on of what a server said.
const maxSaid = 300

// trouble says what is wrong, in the server's words but for the password, in
// case they hold it.
func (s *Sender) trouble(err error, password string) error {
	said := strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, err.Error())
	if password != "" {
		for _, secret := range []string{password, base64.StdEncoding.EncodeToString([]byte(password)),
			base64.StdEncoding.EncodeToString([]byte("\x00" + s.o.User + "\x00" + password))} {
			said = strings.ReplaceAll(said, secret, "***")
		}
	}
	said = strings.ToValidUTF8(said[:min(len(said), maxSaid)], "")
	code := weir.Unavailable
	var send *gomail.SendError
	if errors.As(err, &send) && !send.IsTemp() {
		code = weir.Invalid
	}
	return weir.Errorf(code, "the mail server %s does not take the mail: %s", s.o.Server, said).
		WithHint("see mail in the farm file: server, tls, user and password")
}
