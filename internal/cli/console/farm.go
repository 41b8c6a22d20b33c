package console

import (
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/cli/show"
	"github.com/weir-ci/weir/internal/recipe"
)

// FarmFile is the path of the farm file: the argument, or weir.yaml here.
func FarmFile(args []string) string {
	if len(args) > 0 {
		return args[0]
	}
	return recipe.FileName
}

// LoadFarm reads the farm file: the argument, or weir.yaml here. Warnings go
// to stderr; problems are the error.
func LoadFarm(c *cobra.Command, args []string) (*recipe.Farm, error) {
	path := FarmFile(args)
	farm, problems, err := recipe.Load(path)
	if err != nil {
		if len(problems) > 0 {
			return nil, ShowProblems(c.ErrOrStderr(), path, problems)
		}
		return nil, err
	}
	if len(problems) > 0 {
		fmt.Fprint(c.ErrOrStderr(), problems.Format())
	}
	return farm, nil
}

// ShowProblems prints what is wrong with a farm file and ends the verb.
func ShowProblems(w io.Writer, path string, problems recipe.Problems) error {
	fmt.Fprint(w, problems.Format())
	fmt.Fprintf(w, "\n%s has %s\n", path, show.Plural(len(problems), "problem", "problems"))
	return ErrBadNews
}

// ServerFlag adds --server and returns how to find the farm's address: the
// flag, WEIR_SERVER, the farm file here, or the default.
func ServerFlag(c *cobra.Command) func() string {
	flag := c.Flags().String("server", "", "address of the farm (default: $WEIR_SERVER, or what weir.yaml here says)")
	return func() string {
		if *flag != "" {
			return *flag
		}
		if env := os.Getenv("WEIR_SERVER"); env != "" {
			return env
		}
		farm, _, err := recipe.Load(recipe.FileName)
		if err != nil {
			farm = addresses(recipe.FileName)
		}
		if farm.URL != "" {
			return farm.URL
		}
		return LocalURL(farm.Listen)
	}
}

var addressLine = regexp.MustCompile(`(?m)^(listen|url):[ \t]*["']?([^\s"'#]+)`)

// addresses finds out where a farm is whose file has mistakes: it may well run,
// with what the file said before.
func addresses(path string) *recipe.Farm {
	farm := &recipe.Farm{Listen: recipe.DefaultListen}
	f, err := os.Open(path)
	if err != nil {
		return farm
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, recipe.MaxFile))
	if err != nil {
		return farm
	}
	for _, m := range addressLine.FindAllSubmatch(data, -1) {
		if string(m[1]) == "url" {
			farm.URL = string(m[2])
		} else {
			farm.Listen = string(m[2])
		}
	}
	return farm
}

// LocalURL is the address under which this machine reaches a server that
// listens at an address.
func LocalURL(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "http://" + listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// AdminFlags adds what a verb needs that changes something, and returns how to
// make its client.
func AdminFlags(c *cobra.Command) func() (*client.Client, error) {
	return AdminClient(c, ServerFlag(c))
}

// AdminClient is AdminFlags for a verb that wants to know the server itself.
func AdminClient(c *cobra.Command, server func() string) func() (*client.Client, error) {
	file := c.Flags().String("token-file", "", "file that holds a token with the right for it (default: $WEIR_ADMIN_TOKEN)")
	return func() (*client.Client, error) {
		token, err := ReadToken("WEIR_ADMIN_TOKEN", *file)
		if err != nil {
			return nil, err
		}
		if token == "" {
			return nil, weir.Errorf(weir.Unauthenticated, "this needs a token with the right for it").
				WithHint("make one on the server with: weir token add NAME --right RIGHT, or --admin for all rights; then set WEIR_ADMIN_TOKEN or --token-file")
		}
		farm, err := client.New(server(), nil)
		if err != nil {
			return nil, err
		}
		return farm.WithToken(token), nil
	}
}

// ReadToken reads a token from a file, or from the environment. It is empty if
// there is none.
func ReadToken(variable, file string) (string, error) {
	token := os.Getenv(variable)
	if file != "" {
		data, err := os.ReadFile(file)
		if err != nil {
			return "", weir.Errorf(weir.Invalid, "the token file cannot be read: %w", err)
		}
		token = strings.TrimSpace(string(data))
	}
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", weir.Errorf(weir.Unauthenticated, "what was given as the token is none: it has spaces, line ends or other odd characters").
			WithHint("a token is one word, as weir token add NAME prints it on its standard output")
	}
	return token, nil
}

// ParseID reads the number of a build, a run or a regression.
func ParseID(s, what string) (int64, error) {
	digits := s
	if what == "regression" { // weir repro has to tell the two apart, and others may copy its r3
		digits = strings.TrimPrefix(s, "r")
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 1 {
		hint := "weir status lists the newest ones"
		if what == "regression" {
			hint = "weir regressions lists them"
		}
		return 0, UsageError{fmt.Errorf("%.40q is not the number of a %s", s, what), hint}
	}
	return n, nil
}

// Numbers lists builds, shortly.
func Numbers(ids []weir.BuildID) string {
	const most = 8
	if len(ids) == 0 {
		return ""
	}
	var parts []string
	for i, id := range ids {
		if i == most {
			return fmt.Sprintf(", %s ... %d", strings.Join(parts, " "), ids[len(ids)-1])
		}
		parts = append(parts, fmt.Sprint(id))
	}
	return ", " + strings.Join(parts, " ")
}

// ReasonText is a reason behind an outcome.
func ReasonText(r weir.Reason) string {
	if r.Text == "" {
		return ""
	}
	return ": " + show.Safe(r.Text)
}

// HostPlatform is the platform of this machine.
func HostPlatform() weir.Platform { return weir.Platform(runtime.GOOS + "/" + runtime.GOARCH) }
