package source

import (
	"context"
	"strings"
	"unicode"

	"github.com/weir-ci/weir"
)

// Secrets finds the value of a secret by its name. On the server it knows the
// farm's; on a worker those that came with the assignment. NotFound: there is none.
type Secrets func(name string) (string, error)

type secretsKey struct{}

// WithSecrets returns a context in which the ports of this package find the
// secrets that sources name as their credentials. Secrets belong to a call and
// not to an adapter: a worker gets them with each assignment, and must not use
// those of one project for another.
func WithSecrets(ctx context.Context, secrets Secrets) context.Context {
	return context.WithValue(ctx, secretsKey{}, secrets)
}

// Credential is what a source is read with.
type Credential struct {
	User     string // never empty if there is a password
	Password string
}

// tokenUser is the user's name for a token that comes without one: forges take
// any, and some insist on this one.
const tokenUser = "x-access-token"

// maxSecret limits a credential, in bytes.
const maxSecret = 8 << 10

// CredentialOf finds the credential of src among the secrets of ctx: it is zero
// if the source names none. Its text must go to the tool through its environment
// or its standard input, never its arguments, and only to src's own host.
func CredentialOf(ctx context.Context, src weir.Source) (Credential, error) {
	name := src.Credentials
	if name == "" {
		return Credential{}, nil
	}
	secrets, _ := ctx.Value(secretsKey{}).(Secrets)
	if secrets == nil {
		return Credential{}, weir.Errorf(weir.Invalid, "the secret %.80q, with which %s is read, is not known here", name, src.Location).
			WithHint("where no farm gives out secrets, take credentials out of the source and let the tool find its own")
	}
	value, err := secrets(name)
	if err != nil {
		return Credential{}, weir.Errorf(weir.Invalid, "the secret %.80q, with which %s is read, cannot be had", name, src.Location).
			WithHint("see that the farm has a secret of that name and that the project may use it").WithCause(err)
	}
	value = strings.TrimRight(value, "\r\n")
	if value == "" || len(value) > maxSecret || strings.ContainsFunc(value, unicode.IsControl) {
		return Credential{}, weir.Errorf(weir.Invalid, "the secret %.80q is no credential", name).
			WithHint("it has to be one line, USER:PASSWORD or a token")
	}
	user, password, ok := strings.Cut(value, ":")
	if !ok {
		return Credential{User: tokenUser, Password: value}, nil
	}
	if user == "" || strings.HasPrefix(user, "-") {
		return Credential{}, weir.Errorf(weir.Invalid, "the secret %.80q has no user's name before its colon", name).
			WithHint("it has to be one line, USER:PASSWORD or a token")
	}
	return Credential{User: user, Password: password}, nil
}
