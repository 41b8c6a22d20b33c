package mail

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"mime"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	gomail "github.com/wneessen/go-mail"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/notify"
)

// server is a real SMTP server that keeps what it gets.
type server struct {
	mu     sync.Mutex
	got    []string // TO and the message
	users  []string
	refuse error // of RCPT
	came   chan struct{}
}

const password = "correct horse"

func (s *server) NewSession(*smtp.Conn) (smtp.Session, error) { return &session{s: s}, nil }

type session struct {
	s  *server
	to string
}

func (*session) Reset()                               {}
func (*session) Logout() error                        { return nil }
func (*session) Mail(string, *smtp.MailOptions) error { return nil }
func (*session) AuthMechanisms() []string             { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, pass string) error {
		if pass != password {
			return &smtp.SMTPError{Code: 535, Message: "wrong: " + pass}
		}
		s.s.mu.Lock()
		defer s.s.mu.Unlock()
		s.s.users = append(s.s.users, user)
		return nil
	}), nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = to
	return s.s.refuse
}

func (s *session) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	s.s.mu.Lock()
	defer s.s.mu.Unlock()
	s.s.got = append(s.s.got, s.to, string(data))
	select {
	case s.s.came <- struct{}{}:
	default:
	}
	return err
}

// serve starts a server. With a certificate it offers STARTTLS, or speaks TLS at once.
func serve(t *testing.T, config *tls.Config, implicit bool) (*server, string) {
	t.Helper()
	backend := &server{came: make(chan struct{}, 8)}
	s := smtp.NewServer(backend)
	s.Domain, s.TLSConfig = "localhost", config
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if implicit {
		l = tls.NewListener(l, config)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(l)
	}()
	t.Cleanup(func() {
		_ = s.Close()
		<-done
	})
	return backend, l.Addr().String()
}

// certificate makes a certificate for this machine, and the pool that trusts it.
func certificate(t *testing.T) (*tls.Config, *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}},
		&tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}
}

func notice() notify.Notice {
	return notify.Away(weir.Worker{Name: "alices-laptop", Owner: "alice@example.org", Host: "laptop",
		Seen: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)}, "Flußauen", "https://weir.example.org", time.Now())
}

func TestSend(t *testing.T) {
	t.Parallel()
	own, trust := certificate(t)
	secret := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(secret, []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		tls      TLS
		config   *tls.Config
		implicit bool
		user     string
	}{
		"plain":               {Plain, nil, false, ""},
		"starttls":            {StartTLS, own, false, ""},
		"starttls and a user": {StartTLS, own, false, "weir"},
		"tls and a user":      {Implicit, own, true, "weir"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			backend, address := serve(t, c.config, c.implicit)
			o := Options{Server: address, From: "weir@example.org", TLS: c.tls}
			if c.user != "" {
				o.User, o.PasswordFile = c.user, secret
			}
			s, err := New(o)
			if err != nil {
				t.Fatal(err)
			}
			s.more = []gomail.Option{gomail.WithTLSConfig(trust.Clone())}
			if err := s.Send(t.Context(), notice()); err != nil {
				t.Fatal(err)
			}
			if len(backend.got) != 2 || backend.got[0] != "alice@example.org" || len(backend.users) != len(c.user)/4 {
				t.Fatalf("the server got %q from %q", backend.got, backend.users)
			}
			m, err := netmail.ReadMessage(strings.NewReader(backend.got[1]))
			if err != nil {
				t.Fatal(err)
			}
			for header, want := range map[string]string{"From": "<weir@example.org>", "To": "<alice@example.org>", "Auto-Submitted": "auto-generated"} {
				if got := m.Header.Get(header); got != want {
					t.Errorf("%s is %q", header, got)
				}
			}
			if m.Header.Get("Message-Id") == "" || m.Header.Get("Date") == "" || !strings.Contains(m.Header.Get("Subject"), "alices-laptop") {
				t.Errorf("the header is %v", m.Header)
			}
			body, err := io.ReadAll(m.Body)
			if err != nil || !strings.Contains(string(body), "since 2030-01-02 03:04 UTC") {
				t.Errorf("the body is %q, %v", body, err)
			}
		})
	}
}

// TestFlakyNews adds what is new of flaky tests to an outbox that two servers share:
// each owner gets one mail, with everything that tests are called in its body.
func TestFlakyNews(t *testing.T) {
	t.Parallel()
	backend, address := serve(t, nil, false)
	s, err := New(Options{Server: address, From: "weir@example.org", TLS: Plain})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	for i := range 2 {
		o, err := notify.NewOutbox(dir, s, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			for _, owner := range []string{"alice@example.org", "bob@example.org"} {
				body := "New flaky tests: 1\n  Größe\tBcc: all@example.org on app/test: both outcomes at 1 revision\n.\nend\n"
				if err := o.Add(notify.Flaky(owner, "app", "1 new flaky test", body, "Flußauen", "https://weir.example.org", time.Now())); err != nil {
					t.Fatal(err)
				}
			}
		}
		ended.Go(func() {
			if err := o.Run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	for range 2 {
		select {
		case <-backend.came:
		case <-time.After(3 * time.Minute):
			t.Error("waited in vain for a mail")
		}
	}
	cancel()
	ended.Wait()
	backend.mu.Lock()
	defer backend.mu.Unlock()
	if len(backend.got) != 4 || backend.got[0] != "alice@example.org" || backend.got[2] != "bob@example.org" {
		t.Fatalf("the server got %q", backend.got)
	}
	for i := 1; i < 4; i += 2 {
		m, err := netmail.ReadMessage(strings.NewReader(backend.got[i]))
		if err != nil {
			t.Fatal(err)
		}
		subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
		if err != nil || subject != "[Flußauen] app: 1 new flaky test" || m.Header.Get("Bcc") != "" || m.Header.Get("Auto-Submitted") != "auto-generated" {
			t.Errorf("the header is %v", m.Header)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
		text := strings.ReplaceAll(string(body), "\r\n", "\n")
		if err != nil || !strings.Contains(text, "  GrößeBcc: all@example.org on app/test: both outcomes at 1 revision\n.\nend\n") ||
			!strings.Contains(text, "https://weir.example.org/flaky?project=app") {
			t.Errorf("the body is %q, %v", text, err)
		}
	}
}

func TestTrouble(t *testing.T) {
	t.Parallel()
	own, trust := certificate(t)
	const wrong = "not the password"
	secret := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(secret, []byte(wrong), 0o600); err != nil {
		t.Fatal(err)
	}
	backend, address := serve(t, own, false)
	_, plain := serve(t, nil, false)
	send := func(ctx context.Context, o Options) error {
		o.From = "weir@example.org"
		s, err := New(o)
		if err != nil {
			return err
		}
		if o.TLS == StartTLS {
			s.more = []gomail.Option{gomail.WithTLSConfig(trust.Clone())}
		}
		return s.Send(ctx, notice())
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for name, err := range map[string]error{
		"a wrong password":       send(t.Context(), Options{Server: address, TLS: StartTLS, User: "weir", PasswordFile: secret}),
		"no password file":       send(t.Context(), Options{Server: address, TLS: StartTLS, User: "weir", PasswordFile: secret + "2"}),
		"nobody there":           send(t.Context(), Options{Server: "127.0.0.1:1", TLS: Plain}),
		"no encryption on offer": send(t.Context(), Options{Server: plain, TLS: StartTLS}),
		"an unknown certificate": func() error {
			s, _ := New(Options{Server: address, TLS: StartTLS, From: "weir@example.org"})
			return s.Send(t.Context(), notice())
		}(),
		"no time left":   send(over, Options{Server: address, TLS: StartTLS}),
		"a wrong server": send(t.Context(), Options{Server: "smtp.example.org"}),
	} {
		var e *weir.Error
		if !errors.As(err, &e) || strings.Contains(err.Error(), wrong) || e.Hint == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	backend.refuse = &smtp.SMTPError{Code: 550, Message: "no such mailbox"}
	if err := send(t.Context(), Options{Server: address, TLS: StartTLS}); weir.CodeOf(err) != weir.Invalid || !strings.Contains(err.Error(), "no such mailbox") {
		t.Errorf("a mail that is refused: %v", err)
	}
	backend.refuse = &smtp.SMTPError{Code: 450, Message: "later"}
	if err := send(t.Context(), Options{Server: address, TLS: StartTLS}); weir.CodeOf(err) != weir.Unavailable {
		t.Errorf("a mail that is put off: %v", err)
	}
	if len(backend.got) != 0 {
		t.Errorf("the server got %q", backend.got)
	}
}
