// Package app puts the program together: from a configuration to a running
// server or worker. It is the only package that knows every part, and the only
// one that names a database.
//
// Server and Worker are types with Run, so that tests can have as many of them
// in one process as they like.
package app

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	netmail "net/mail"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/blob"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/farm/recent"
	"github.com/weir-ci/weir/internal/farm/recipes"
	"github.com/weir-ci/weir/internal/farm/setup"
	"github.com/weir-ci/weir/internal/farm/signin"
	"github.com/weir-ci/weir/internal/farm/views"
	"github.com/weir-ci/weir/internal/notify"
	"github.com/weir-ci/weir/internal/notify/mail"
	"github.com/weir-ci/weir/internal/recipe"
	"github.com/weir-ci/weir/internal/server"
	"github.com/weir-ci/weir/internal/server/web/page"
	"github.com/weir-ci/weir/internal/source"
	"github.com/weir-ci/weir/internal/source/archive"
	"github.com/weir-ci/weir/internal/source/git"
	"github.com/weir-ci/weir/internal/source/gomod"
	"github.com/weir-ci/weir/internal/source/hg"
	"github.com/weir-ci/weir/internal/source/npm"
	"github.com/weir-ci/weir/internal/source/pypi"
	"github.com/weir-ci/weir/internal/source/release"
	"github.com/weir-ci/weir/internal/source/svn"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/postgres"
	"github.com/weir-ci/weir/internal/store/sqlite"
	"github.com/weir-ci/weir/internal/worker/filelock"
)

// Version is the program's version. The build sets it.
var Version = "devel"

// HostPlatform is the platform of this machine.
func HostPlatform() weir.Platform { return weir.Platform(runtime.GOOS + "/" + runtime.GOARCH) }

// OpenStore opens and migrates the database of a farm: the one it names, or
// SQLite in its data directory, which is made if it is missing.
func OpenStore(ctx context.Context, f *recipe.Farm) (store.Store, error) {
	var db store.Store
	var err error
	if f.Database != "" {
		db, err = postgres.Open(ctx, f.Database)
	} else {
		if err := os.MkdirAll(f.Data, 0o700); err != nil {
			return nil, dataError(f.Data, err)
		}
		db, err = sqlite.Open(ctx, filepath.Join(f.Data, "weir.db"))
	}
	if err != nil {
		return nil, err
	}
	if err := db.Migrate(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func dataError(dir string, err error) error {
	code := weir.Invalid
	if errors.Is(err, syscall.ENOSPC) {
		code = weir.Exhausted
	}
	var path *os.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return weir.Errorf(code, "the data directory %s cannot be used: %w", dir, err).
		WithHint("choose another one with the key data of the farm file")
}

// sources puts together what reads sources, with its caches below dir.
func sources(dir string) *source.Sources {
	web := release.NewClient(release.Options{})
	return source.New(source.Adapters{
		weir.Git: git.New(filepath.Join(dir, "git"), nil),
		weir.Hg:  hg.New(filepath.Join(dir, "hg"), nil),
		weir.Svn: svn.New(filepath.Join(dir, "svn"), nil),
		weir.Go:  gomod.New(nil),

		weir.Archive: archive.New(web),
		weir.NPM:     npm.New(web, nil),
		weir.PyPI:    pypi.New(web, nil),
	}).Patient(source.Patience()...)
}

// ServerOptions is what a server is made of.
type ServerOptions struct {
	Farm *recipe.Farm
	// File is where Farm was read: it is read again when it changes, on SIGHUP, and
	// when an admin says so. Empty: never.
	File string
	Log  *slog.Logger // nil: nothing is logged
	// Lease is how long an attempt lives without a sync; 0: weir.LeaseTime.
	Lease time.Duration
	// Alone keeps other servers away from the data directory, also where they
	// could share the database, because something beside the server uses it.
	Alone bool
	// Store replaces the database that the farm names; the server closes it.
	Store store.Store
	Now   func() time.Time // the farm's clock; nil: the machine's
	Dev   bool             // with pages for those who work on the pages
}

// Server is a running server. Make one with NewServer.
type Server struct {
	farm     *farm.Farm
	keeper   *setup.Keeper  // of what the farm was told to do
	book     *recipes.Book  // of jobs in repositories
	signals  chan os.Signal // to read the farm file again; nil: there is none
	store    store.Store
	views    *views.Views // what pages read besides; nil if the database does not offer it
	http     *http.Server
	handler  *server.Handler
	listener net.Listener
	log      *slog.Logger
	url      string
	stop     context.CancelFunc // ends long polls and event streams
	lock     *filelock.Lock     // of the data directory; nil if others may use it
	outbox   *notify.Outbox     // nil if the farm sends no mail
	cut      context.CancelFunc // ends every request
}

// NewServer opens everything a server needs and starts to listen, so that
// what can be wrong is known before Run. Close it if Run is never called.
func NewServer(ctx context.Context, o ServerOptions) (*Server, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	listener, err := net.Listen("tcp", o.Farm.Listen)
	if err != nil {
		return nil, listenError(o.Farm.Listen, err)
	}
	s := &Server{listener: listener, log: o.Log, store: o.Store}
	if o.Alone || o.Farm.Database == "" {
		err = s.lockData(o.Farm.Data)
	}
	if err == nil {
		err = s.open(ctx, o)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Server) open(ctx context.Context, o ServerOptions) error {
	var err error
	f, board := o.Farm, new(setup.Board)
	if s.store == nil {
		if s.store, err = OpenStore(ctx, f); err != nil {
			return err
		}
	}
	blobs, err := blob.NewDir(filepath.Join(f.Data, "blobs"))
	if err != nil {
		return err
	}
	read := sources(filepath.Join(f.Data, "sources"))
	now := o.Now
	if now == nil {
		now = clock()
	}
	cases := recent.NewEpisodes(s.store)
	options := farm.Options{Store: s.store, Cases: cases, Blobs: blobs, Log: s.log, Host: HostPlatform(), Lease: leaseTime(o.Lease), Now: now, Setup: board,
		Sources: read, Recipes: s.recipes(read)}
	if f.Mail.SMTP != "" {
		if s.outbox, err = outbox(f, s.log); err != nil {
			return err
		}
		options.Notices, options.Away = s.outbox, f.Mail.Away
	}
	s.farm = farm.New(options)
	if err := s.configure(ctx, o, board); err != nil {
		return err
	}
	s.url = f.URL
	if s.url == "" {
		s.url = "http://" + reachable(s.listener.Addr())
	}
	stopping, stop := context.WithCancel(context.WithoutCancel(ctx))
	base, cut := context.WithCancel(context.WithoutCancel(ctx))
	s.stop, s.cut = stop, cut
	s.views = reading(s.store, views.Options{Blobs: blobs, Cases: cases, Setup: board.Status, Now: now, Log: s.log, Version: Version})
	handler, err := server.New(server.Options{Farm: served{s.farm, s.keeper}, Name: f.Name, Version: Version, Log: s.log, Stopping: stopping,
		Views: s.views, Proxies: f.TrustedProxies, Dev: o.Dev})
	if err != nil {
		return err
	}
	s.handler = handler
	s.http = &http.Server{
		Handler:           handler,
		BaseContext:       func(net.Listener) context.Context { return base },
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	return nil
}

// reading makes what pages read besides; nil if the database does not offer it.
func reading(db store.Store, o views.Options) *views.Views {
	var ok bool
	if o.Store, ok = db.(views.Store); !ok {
		return nil
	}
	return views.New(o)
}

// outbox is where notices for the owners of workers wait until they are mailed.
func outbox(f *recipe.Farm, log *slog.Logger) (*notify.Outbox, error) {
	sender, err := mail.New(mail.Options{Server: f.Mail.SMTP, From: f.Mail.From, TLS: mail.TLS(f.Mail.TLS),
		User: f.Mail.User, PasswordFile: f.Mail.PasswordFile})
	if err != nil {
		return nil, err
	}
	return notify.NewOutbox(filepath.Join(f.Data, "outbox"), sender, log)
}

// lockData makes sure that no other server uses a data directory.
func (s *Server) lockData(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return dataError(dir, err)
	}
	lock, err := filelock.Try(filepath.Join(dir, "server.lock"), filelock.Exclusive)
	if weir.CodeOf(err) == weir.Conflict {
		return weir.Errorf(weir.Conflict, "another weir server uses the data directory %s", dir).
			WithHint("stop it, or choose another directory with the key data of the farm file")
	}
	if err != nil {
		return dataError(dir, err)
	}
	s.lock = lock
	return nil
}

func listenError(address string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return weir.Errorf(weir.Conflict, "%s is in use by another program, perhaps another weir", address).
			WithHint("stop it, or choose another address with the key listen of the farm file")
	}
	return weir.Errorf(weir.Invalid, "cannot listen on %s", address).WithCause(err).
		WithHint("the key listen of the farm file is HOST:PORT, for example 127.0.0.1:8710")
}

// reachable is an address of the listener that this machine can dial.
func reachable(a net.Addr) string {
	if tcp, ok := a.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", strings.TrimPrefix(a.String(), "[::]:"))
	}
	return a.String()
}

// URL is the address of the pages.
func (s *Server) URL() string { return s.url }

// Address is where this machine reaches the server, whatever URL says.
func (s *Server) Address() string { return "http://" + reachable(s.listener.Addr()) }

// Pages lists the pages that the server has.
func (s *Server) Pages() []page.Route { return s.handler.Pages() }

// shutdownTime is how long requests may take to end when the server stops.
const shutdownTime = 10 * time.Second

// Run serves and does the farm's background work until ctx ends, and returns
// when everything has stopped and the database is closed. At the end requests
// that wait for something are answered at once, and others when they are done,
// for which they have shutdownTime.
func (s *Server) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.farm.Run(ctx) })
	g.Go(func() error { return s.keeper.Run(ctx, s.signals) })
	g.Go(func() error { return s.book.Run(ctx) })
	if s.views != nil {
		g.Go(func() error { return s.views.Audit.Run(ctx) })
	}
	if s.outbox != nil {
		g.Go(func() error { return s.outbox.Run(ctx) })
	}
	g.Go(func() error {
		if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		s.stop()
		deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
		defer cancel()
		if err := s.http.Shutdown(deadline); err != nil {
			s.cut()
			return s.http.Close()
		}
		return nil
	})
	return errors.Join(g.Wait(), s.Close())
}

// Close lets everything go that NewServer opened. Run calls it.
func (s *Server) Close() error {
	var errs []error
	if err := s.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		errs = append(errs, err)
	}
	if s.stop != nil {
		s.stop()
		s.cut()
	}
	if s.signals != nil {
		signal.Stop(s.signals)
	}
	if s.store != nil {
		errs = append(errs, s.store.Close())
		s.store = nil
	}
	if s.lock != nil {
		s.lock.Release()
		s.lock = nil
	}
	return errors.Join(errs...)
}

// NewToken makes a worker's token and returns its secret, which is kept
// nowhere. An earlier token of that name stops working if replace is set;
// otherwise the name must be free.
func NewToken(ctx context.Context, db store.Access, name string, replace bool) (secret string, err error) {
	if replace {
		if err := db.RevokeToken(ctx, name); err != nil && weir.CodeOf(err) != weir.NotFound {
			return "", err
		}
	}
	return AddToken(ctx, db, store.Token{Name: name, Scope: store.ScopeWorker})
}

// maxMail limits the length of a mail address, in bytes.
const maxMail = 254

// AddToken makes a token with the name, scope, rights, owner and end of t, and returns its
// secret, which is kept nowhere. Conflict if the name is taken.
func AddToken(ctx context.Context, db store.Access, t store.Token) (secret string, err error) {
	if !weir.ValidName(t.Name) {
		return "", weir.Errorf(weir.Invalid, "%.80q cannot name a token", t.Name).
			WithHint("use up to 64 letters, digits, dots, dashes and underscores")
	}
	if t.Owner != "" {
		if a, err := netmail.ParseAddress(t.Owner); err != nil || a.Address != t.Owner || len(t.Owner) > maxMail {
			return "", weir.Errorf(weir.Invalid, "%.80q is not a mail address", t.Owner).
				WithHint("write it like alice@example.org")
		}
	}
	secret = farm.NewSecret()
	t.Hash, t.Created = farm.HashToken(secret), time.Now()
	err = db.AddToken(ctx, t)
	if weir.CodeOf(err) == weir.Conflict {
		return "", weir.Errorf(weir.Conflict, "there is a token called %s already", t.Name).
			WithHint("choose another name, or revoke the old one with: weir token revoke %s", t.Name)
	}
	return secret, err
}

// SignInLink is an address that lets somebody sign in once, under a name; see
// signin.Door.Link.
func SignInLink(ctx context.Context, db store.Access, url, name string) (string, error) {
	code, err := signin.Door{Store: db, Now: time.Now}.Link(ctx, name)
	return url + "/signin?code=" + code, err
}

// Access is the server's list of tokens.
func (s *Server) Access() Tokens { return s.store }

// Tokens is the part of a database that keeps tokens, and what was done with them.
type Tokens interface {
	store.Access
	store.Audit
}
