package git

import (
	"context"
	"net/url"
	"os"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source"
	"github.com/weir-ci/weir/internal/source/command"
)

// helper is a credential helper that says what our environment holds. The words
// themselves are in no argument, no file and no URL.
const helper = `!f() { test "$1" = get && printf 'username=%s\npassword=%s\n' "$WEIR_SOURCE_USER" "$WEIR_SOURCE_PASSWORD"; }; f`

// userEnv is the environment of a command that talks to src's remote: that of
// the user, with the credential that the source names. Git gets to see it for
// the server of the source alone, also if that sends git elsewhere, and also for
// submodules.
func (m *Mirrors) userEnv(ctx context.Context, src weir.Source) ([]string, error) {
	env := m.user[:len(m.user):len(m.user)]
	if !local(src.Location) {
		env = append(env, m.ssh()...)
	}
	credential, err := source.CredentialOf(ctx, src)
	if err != nil || credential.Password == "" {
		return env, err
	}
	u, err := url.Parse(src.Location)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" {
		return nil, weir.Errorf(weir.Invalid, "git takes no password for %s", src.Location).
			WithHint("take credentials out of the source and give the key to the ssh agent of the user that runs weir, or write an https location")
	}
	return append(env, "WEIR_SOURCE_USER="+credential.User, "WEIR_SOURCE_PASSWORD="+credential.Password, "GIT_CONFIG_COUNT=2",
		"GIT_CONFIG_KEY_0=credential.helper", "GIT_CONFIG_VALUE_0=", // those of the user are not asked
		"GIT_CONFIG_KEY_1=credential."+u.Scheme+"://"+u.Host+".helper", "GIT_CONFIG_VALUE_1="+helper), nil
}

// wordsEnv is the environment of a command that fetches what the files of a
// checkout name. That of strangers has no credentials at all, be they the source's
// or the user's, so that it finds what everybody can have.
func (m *Mirrors) wordsEnv(ctx context.Context, j *job) ([]string, error) {
	if !j.stranger {
		env, err := m.userEnv(ctx, j.src)
		if err == nil && !local(j.src.Location) {
			env = append(env, "GIT_ALLOW_PROTOCOL=git:http:https:ssh")
		}
		return env, err
	}
	env := append(m.shut[:len(m.shut):len(m.shut)], "GIT_ASKPASS=", "GIT_SSH_COMMAND=false", "SSH_AUTH_SOCK=",
		"HOME="+os.DevNull, "USERPROFILE="+os.DevNull) // where a .netrc may lie
	if !local(j.src.Location) {
		env = append(env, "GIT_ALLOW_PROTOCOL=git:http:https")
	}
	return env, nil
}

// sshEnv keeps ssh from asking, unless the user has words of their own for how
// git calls it.
func (m *Mirrors) sshEnv() []string {
	for _, v := range m.user {
		if strings.HasPrefix(v, "GIT_SSH=") || strings.HasPrefix(v, "GIT_SSH_COMMAND=") {
			return nil
		}
	}
	out, err := command.Output(context.Background(), m.cmd(m.user, m.dir, "config", "--get", "core.sshCommand"))
	if err == nil && len(out) > 0 {
		return nil
	}
	return []string{"GIT_SSH_COMMAND=ssh -o BatchMode=yes"}
}
