package hook_test

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/hook"
)

var update = flag.Bool("update", false, "write what was read beside the deliveries in testdata")

const secret = "it's a s3cret"

var now = time.Unix(1_790_000_000, 0)

// recorded is a delivery of testdata, without its signature.
type recorded struct {
	name   string
	header http.Header
	body   []byte
}

func deliveries(t testing.TB) []recorded {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "*.http"))
	if err != nil || len(files) == 0 {
		t.Fatal("no deliveries", err)
	}
	var out []recorded
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		head, body, ok := bytes.Cut(data, []byte("\n\n"))
		if !ok {
			t.Fatalf("%s has no body", file)
		}
		h, err := textproto.NewReader(bufio.NewReader(bytes.NewReader(append(head, "\n\n"...)))).ReadMIMEHeader()
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		out = append(out, recorded{strings.TrimSuffix(filepath.Base(file), ".http"), http.Header(h), body})
	}
	return out
}

func (r recorded) dialect() string { d, _, _ := strings.Cut(r.name, "-"); return d }

// sign signs a body as its forge does.
func sign(dialect string, h http.Header, body []byte, secret string) http.Header {
	h = h.Clone()
	sum := func(data, key []byte) []byte {
		mac := hmac.New(sha256.New, key)
		mac.Write(data)
		return mac.Sum(nil)
	}
	switch dialect {
	case hook.GitHub:
		h.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(sum(body, []byte(secret))))
	case hook.Bitbucket:
		h.Set("X-Hub-Signature", "sha256="+hex.EncodeToString(sum(body, []byte(secret))))
	case hook.Gitea, hook.Forgejo:
		payload := body
		if strings.Contains(h.Get("Content-Type"), "form") {
			f, _ := url.ParseQuery(string(body))
			payload = []byte(f.Get("payload"))
		}
		digits := hex.EncodeToString(sum(payload, []byte(secret)))
		h.Set("X-Gitea-Signature", digits)
		h.Set("X-Hub-Signature-256", "sha256="+digits)
		if dialect == hook.Forgejo {
			h.Set("X-Forgejo-Signature", digits)
		}
	case hook.GitLab:
		if h.Get("Webhook-Id") == "" {
			h.Set("X-Gitlab-Token", secret)
			break
		}
		key := []byte(secret)
		if text, ok := strings.CutPrefix(secret, "whsec_"); ok {
			key, _ = base64.StdEncoding.DecodeString(text)
		}
		mac := sum([]byte(h.Get("Webhook-Id")+"."+h.Get("Webhook-Timestamp")+"."+string(body)), key)
		h.Set("Webhook-Signature", "v1,AAAA v1,"+base64.StdEncoding.EncodeToString(mac))
	default:
		h.Set("Authorization", "Bearer "+secret)
	}
	return h
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for _, r := range deliveries(t) {
		if got := hook.Detect(r.header); got != r.dialect() {
			t.Errorf("%s: detected as %s", r.name, got)
		}
		d, err := hook.Read(r.dialect(), sign(r.dialect(), r.header, r.body, secret), r.body, secret, now)
		if err != nil {
			t.Errorf("%s: %v", r.name, err)
			continue
		}
		got, err := json.MarshalIndent(d, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, '\n')
		file := filepath.Join("testdata", r.name+".want")
		if *update {
			if err := os.WriteFile(file, got, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if want, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: got %s, want %s, %v", r.name, got, want, err)
		}
	}
}

// Whatever is wrong with a signature, nothing of the body is looked at: it is
// no JSON here, and that is not what the error says.
func TestNothingIsReadBeforeItsSignature(t *testing.T) {
	t.Parallel()
	body := []byte("{{{ not JSON")
	for _, r := range deliveries(t) {
		d := r.dialect()
		good := sign(d, r.header, body, secret)
		for name, h := range map[string]http.Header{"none": r.header, "wrong key": sign(d, r.header, body, "wrong"), "no key": sign(d, r.header, body, "")} {
			if _, err := hook.Read(d, h, body, secret, now); weir.CodeOf(err) != weir.Unauthenticated {
				t.Errorf("%s, %s: got %v", r.name, name, err)
			}
		}
		if _, err := hook.Read(d, sign(d, r.header, body, ""), body, "", now); weir.CodeOf(err) != weir.Unauthenticated {
			t.Errorf("%s: a farm without a secret took it: %v", r.name, err)
		}
		if d == hook.GitLab || d == hook.Generic || strings.Contains(r.header.Get("Content-Type"), "form") {
			continue // the secret itself does not tell about the body
		}
		if _, err := hook.Read(d, good, append(bytes.Clone(body), ' '), secret, now); weir.CodeOf(err) != weir.Unauthenticated {
			t.Errorf("%s: a changed body: got %v", r.name, err)
		}
		if !strings.Contains(r.name, "ping") && !strings.Contains(r.name, "status") && !strings.Contains(r.name, "create") {
			if _, err := hook.Read(d, good, body, secret, now); weir.CodeOf(err) != weir.Invalid {
				t.Errorf("%s: signed, but no JSON: got %v", r.name, err)
			}
		}
	}
}

// GitHub signs the body of a form, Gitea what is in it.
func TestForms(t *testing.T) {
	t.Parallel()
	json := []byte(`{"ref":"refs/heads/main","after":"` + strings.Repeat("a", 40) + `","repository":{"id":1,"clone_url":"https://h/a/b"}}`)
	body := []byte("payload=" + url.QueryEscape(string(json)))
	form := func(kv ...string) http.Header {
		h := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
		for i := 0; i < len(kv); i += 2 {
			h.Set(kv[i], kv[i+1])
		}
		return h
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	whole := hex.EncodeToString(mac.Sum(nil))
	d, err := hook.Read(hook.GitHub, form("X-Github-Event", "push", "X-Hub-Signature-256", "sha256="+whole), body, secret, now)
	if err != nil || d.Kind != hook.Push || d.Refs[0].Name != "main" {
		t.Errorf("got %+v, %v", d, err)
	}
	if _, err := hook.Read(hook.Gitea, form("X-Gitea-Event", "push", "X-Gitea-Signature", whole), body, secret, now); weir.CodeOf(err) != weir.Unauthenticated {
		t.Errorf("got %v", err)
	}
}

func TestGitLabSigning(t *testing.T) {
	t.Parallel()
	key := "whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))
	body := []byte(`{"object_kind":"push","ref":"refs/heads/main","after":"` + strings.Repeat("a", 40) + `","project":{"git_http_url":"https://h/a/b"}}`)
	for _, tc := range []struct {
		name, secret string
		age          time.Duration
		ok           bool
	}{{"fresh", key, 0, true}, {"plain", secret, time.Minute, true}, {"old", key, time.Hour, false}, {"from the future", key, -time.Hour, false}} {
		h := http.Header{}
		h.Set("X-Gitlab-Event", "Push Hook")
		h.Set("Webhook-Id", "msg_1")
		h.Set("Webhook-Timestamp", strconv.FormatInt(now.Add(-tc.age).Unix(), 10))
		h = sign(hook.GitLab, h, body, tc.secret)
		d, err := hook.Read(hook.GitLab, h, body, tc.secret, now)
		if (err == nil) != tc.ok || tc.ok && d.ID != "msg_1" {
			t.Errorf("%s: got %+v, %v", tc.name, d, err)
		}
		// Who has a signature cannot fall back to the token.
		h.Set("X-Gitlab-Token", tc.secret)
		h.Set("Webhook-Signature", "v1,AAAA")
		if _, err := hook.Read(hook.GitLab, h, body, tc.secret, now); weir.CodeOf(err) != weir.Unauthenticated {
			t.Errorf("%s: got %v", tc.name, err)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	read := func(dialect string, h http.Header, body []byte) error {
		_, err := hook.Read(dialect, sign(dialect, h, body, secret), body, secret, now)
		return err
	}
	push := http.Header{"X-Github-Event": {"push"}}
	if err := read(hook.GitHub, push, []byte(strings.Repeat("[", 1000))); weir.CodeOf(err) != weir.Invalid {
		t.Errorf("deep: got %v", err)
	}
	if err := read(hook.Generic, http.Header{}, make([]byte, hook.MaxBody+1)); weir.CodeOf(err) != weir.TooLarge {
		t.Errorf("large: got %v", err)
	}
	if err := read("cvs", http.Header{}, nil); weir.CodeOf(err) != weir.NotFound {
		t.Errorf("unknown: got %v", err)
	}
	if err := read(hook.Generic, http.Header{}, []byte("{}")); weir.CodeOf(err) != weir.Invalid {
		t.Errorf("empty: got %v", err)
	}
	var changes []string
	for i := range 200 {
		changes = append(changes, fmt.Sprintf(`{"ref":{"id":"refs/heads/b%d"},"toHash":"%s","type":"ADD"}`, i, strings.Repeat("a", 40)))
	}
	body := []byte(`{"repository":{"slug":"s","project":{"key":"P"}},"changes":[` + strings.Join(changes, ",") + `]}`)
	h := http.Header{"X-Event-Key": {"repo:refs_changed"}}
	d, err := hook.Read(hook.Bitbucket, sign(hook.Bitbucket, h, body, secret), body, secret, now)
	if err != nil || d.Kind != hook.Push || len(d.Refs) != 0 {
		t.Errorf("many refs: got %d, %v", len(d.Refs), err)
	}
}

func TestAbout(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		kind         weir.SourceKind
		location, at string
		want         bool
	}{
		{weir.Git, "https://github.com/Weir-Test/Hello", "https://github.com/weir-test/hello.git", true},
		{weir.Git, "git@github.com:weir-test/hello.git", "https://github.com/weir-test/hello", true},
		{weir.Git, "ssh://git@bitbucket.example.org:7999/proj/hello.git", "ssh://git@bitbucket.example.org:7999/proj/hello.git", true},
		{weir.Git, "https://bitbucket.example.org/scm/proj/hello.git", "path:///PROJ/hello", true},
		{weir.Git, "https://bitbucket.example.org/scm/proj/sayhello.git", "path:///PROJ/hello", false},
		{weir.Git, "https://github.com/weir-test/hello2", "https://github.com/weir-test/hello", false},
		{weir.Git, "https://github.com.evil.org/weir-test/hello", "https://github.com/weir-test/hello", false},
		{weir.Git, "/srv/git/hello.git", "file:///srv/git/hello.git", true},
		{weir.Git, "", "", false},
		{weir.Svn, "https://svn.example.org/repo/project", "https://svn.example.org/repo", true},
		{weir.Svn, "https://svn.example.org/repo2/project", "https://svn.example.org/repo", false},
		{weir.Git, "https://svn.example.org/repo/project", "https://svn.example.org/repo", false},
		{weir.NPM, "https://github.com/weir-test/hello", "https://github.com/weir-test/hello", false},
	} {
		d := hook.Delivery{Repositories: []string{hook.Normal(tc.at)}}
		if got := d.About(weir.Source{Kind: tc.kind, Location: tc.location}); got != tc.want {
			t.Errorf("%+v: got %t", tc, got)
		}
	}
	for _, bad := range []string{"x", "https://", "https://host", "a b:c", "://", ":x", strings.Repeat("x", 3000)} {
		if got := hook.Normal(bad); got != "" {
			t.Errorf("%q: got %q", bad, got)
		}
	}
}

// fuzz reads whatever there is, signed, as one dialect.
func fuzz(f *testing.F, dialect string) {
	for _, r := range deliveries(f) {
		if r.dialect() == dialect {
			f.Add(r.header.Get("X-Github-Event")+r.header.Get("X-Gitlab-Event")+r.header.Get("X-Event-Key"), r.header.Get("Content-Type"), r.body)
		}
	}
	f.Fuzz(func(t *testing.T, event, kind string, body []byte) {
		h := http.Header{"Content-Type": {kind}}
		for _, name := range []string{"X-Github-Event", "X-Gitea-Event", "X-Gitlab-Event", "X-Event-Key"} {
			h.Set(name, event)
		}
		d, err := hook.Read(dialect, sign(dialect, h, body, secret), body, secret, now)
		if err != nil {
			if c := weir.CodeOf(err); c != weir.Invalid && c != weir.Unauthenticated {
				t.Errorf("%v", err)
			}
			return
		}
		p := d.Proposal
		if d.Kind == hook.Pull && (p.Number == "" || p.State != weir.ProposalClosed && (p.Head == "" || p.AuthorID == "")) {
			t.Errorf("%+v", d)
		}
		for _, s := range []string{d.ID, d.Why, p.Title, p.Author, p.AuthorID, p.Base, p.Ref} {
			if strings.ContainsAny(s, "\n\x00\x1b") || len(s) > 1000 {
				t.Errorf("%q", s)
			}
		}
		for _, at := range d.Repositories {
			if !strings.Contains(at, "/") || strings.ContainsAny(at, " \n\x00") || len(at) > 3000 {
				t.Errorf("%q", at)
			}
		}
	})
}

func FuzzGitHub(f *testing.F)    { fuzz(f, hook.GitHub) }
func FuzzGitea(f *testing.F)     { fuzz(f, hook.Gitea) }
func FuzzGitLab(f *testing.F)    { fuzz(f, hook.GitLab) }
func FuzzBitbucket(f *testing.F) { fuzz(f, hook.Bitbucket) }
func FuzzGeneric(f *testing.F)   { fuzz(f, hook.Generic) }
