// Package secrets reads the values of a farm's secrets from where its file says
// they are: a file of their own, or a variable of the server's environment.
// Values are read each time, so that a new one is in force at once; they are kept
// nowhere and stand in no error.
package secrets

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe"
)

// MaxValue limits a secret, in bytes.
const MaxValue = 64 << 10

// Find finds the value of a secret of a farm, without the end of its last line.
// NotFound if the farm has none of that name; Unavailable if the value is not
// where it should be; Invalid if it is empty or too large.
func Find(farm *recipe.Farm, name string) (string, error) {
	from, ok := farm.Secrets[name]
	if !ok {
		return "", weir.Errorf(weir.NotFound, "this farm has no secret %.80q", name).
			WithHint("say where it is in the farm file, under secrets")
	}
	value, err := read(name, from)
	if err != nil {
		return "", err
	}
	value = strings.TrimRight(value, "\r\n")
	switch {
	case value == "":
		return "", weir.Errorf(weir.Invalid, "the secret %s is empty", name)
	case len(value) > MaxValue:
		return "", weir.Errorf(weir.Invalid, "the secret %s is larger than %d KiB", name, MaxValue>>10)
	}
	return value, nil
}

func read(name string, from recipe.SecretFrom) (string, error) {
	if from.File == "" {
		value, ok := os.LookupEnv(from.Env)
		if !ok {
			return "", weir.Errorf(weir.Unavailable, "the secret %s is not there: the server's environment has no %s", name, from.Env)
		}
		return value, nil
	}
	f, err := os.Open(from.File)
	if err != nil {
		why := "cannot be opened"
		switch {
		case errors.Is(err, fs.ErrNotExist):
			why = "does not exist"
		case errors.Is(err, fs.ErrPermission):
			why = "may not be read by the server"
		}
		return "", weir.Errorf(weir.Unavailable, "the secret %s is not there: its file %s", name, why).WithCause(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxValue+2))
	if err != nil {
		return "", weir.Errorf(weir.Unavailable, "the file of the secret %s cannot be read", name).WithCause(err)
	}
	return string(data), nil
}
