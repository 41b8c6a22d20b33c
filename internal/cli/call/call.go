// Package call is weir api: any operation of the REST API, for shells and scripts.
package call

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/cli/console"
	clean "github.com/weir-ci/weir/internal/cli/show"
	"github.com/weir-ci/weir/internal/server/rest/openapi"
)

// maxInput limits the body of a request, in bytes.
const maxInput = 1 << 20

type flags struct {
	method, input, tokenFile string
	all, list                bool
	server                   func() string
}

// Command is weir api.
func Command() *cobra.Command {
	c := &cobra.Command{
		Use:   "api PATH [KEY=VALUE]...",
		Short: "ask the REST API of a farm for anything",
		Long: `Send a request to the REST API of a farm and print what it answers: JSON, indented
if a person reads it. PATH is that of an operation without /api/v1/; weir api --list
lists them all, and the page /help/api of a farm explains them.

KEY=VALUE pairs are parameters of what is read, and fields of the JSON that is sent
if something is changed; KEY:=JSON gives a field that is no text. With --method POST,
PUT or DELETE something is changed, which needs a token: WEIR_ADMIN_TOKEN or
--token-file, see weir token --help.

The exit code is 0 if the farm did what was asked, 1 if it did not, 3 if it does not
answer, 4 if the token does not allow it.`,
		Example: "  weir api builds project=twisted limit=5\n  weir api builds --all | jq '.[].outcome'\n" +
			"  weir api --method POST runs project=twisted count:=3\n  weir api --list",
		Args: func(c *cobra.Command, args []string) error {
			if list, err := c.Flags().GetBool("list"); err == nil && list {
				return cobra.NoArgs(c, args)
			}
			return cobra.MinimumNArgs(1)(c, args)
		},
	}
	f := flags{server: console.ServerFlag(c)}
	c.Flags().StringVarP(&f.method, "method", "X", "", "GET, POST, PUT or DELETE (default: GET, with --input POST)")
	c.Flags().StringVar(&f.input, "input", "", "file with the JSON to send; - is the standard input")
	c.Flags().StringVar(&f.tokenFile, "token-file", "", "file that holds a token (default: $WEIR_ADMIN_TOKEN)")
	c.Flags().BoolVar(&f.all, "all", false, "read a list to its end, however many parts it comes in")
	c.Flags().BoolVar(&f.list, "list", false, "list what can be asked")
	c.RunE = func(c *cobra.Command, args []string) error { return f.run(c, args) }
	return c
}

func (f *flags) run(c *cobra.Command, args []string) error {
	token, err := console.ReadToken("WEIR_ADMIN_TOKEN", f.tokenFile)
	if err != nil {
		return err
	}
	farm, err := client.New(f.server(), nil)
	if err != nil {
		return err
	}
	if token != "" {
		farm = farm.WithToken(token)
	}
	if f.list {
		return list(c.Context(), farm, c.OutOrStdout())
	}
	q, err := f.question(c.InOrStdin(), args)
	if err != nil {
		return err
	}
	if f.all {
		return everything(c.Context(), farm, q, c.OutOrStdout())
	}
	answer, err := farm.Call(c.Context(), q.method, q.path, q.body)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	return show(c.OutOrStdout(), answer)
}

// question is what is asked.
type question struct {
	method, path string
	body         []byte // nil: none
}

// question makes the request out of the command line.
func (f *flags) question(in io.Reader, args []string) (question, error) {
	q := question{method: strings.ToUpper(f.method), path: args[0]}
	if q.method == "" {
		q.method = http.MethodGet
		if f.input != "" {
			q.method = http.MethodPost
		}
	}
	switch q.method {
	case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete:
	default:
		return q, console.UsageHint(fmt.Errorf("%.20q is not a method of this API", f.method), "use GET, POST, PUT or DELETE")
	}
	fields, err := fieldsOf(args[1:])
	if err != nil {
		return q, err
	}
	if q.method == http.MethodGet {
		if f.input != "" {
			return q, console.UsageHint(fmt.Errorf("a request that reads takes no input"), "leave --input out, or add --method POST")
		}
		q.path, err = withQuery(q.path, fields)
		return q, err
	}
	if f.all {
		return q, console.UsageHint(fmt.Errorf("only what is read can be read to its end"), "leave --all out")
	}
	q.body, err = f.content(in, fields)
	return q, err
}

// field is a KEY=VALUE or KEY:=JSON pair.
type field struct {
	key   string
	text  string
	value json.RawMessage
}

func fieldsOf(args []string) ([]field, error) {
	var list []field
	for _, arg := range args {
		key, text, ok := strings.Cut(arg, "=")
		if !ok || strings.TrimSuffix(key, ":") == "" {
			return nil, console.UsageHint(fmt.Errorf("%.80q is not a KEY=VALUE pair", arg), "write it like project=twisted, or count:=3")
		}
		one := field{key: key, text: text}
		if name, ok := strings.CutSuffix(key, ":"); ok {
			if !json.Valid([]byte(text)) {
				return nil, console.UsageHint(fmt.Errorf("what is given for %s is not JSON: %.80q", name, text), "text goes behind a simple =, as in "+name+"=text")
			}
			one.key, one.value = name, json.RawMessage(text)
		} else {
			quoted, err := json.Marshal(text)
			if err != nil {
				return nil, err
			}
			one.value = quoted
		}
		list = append(list, one)
	}
	return list, nil
}

func withQuery(path string, fields []field) (string, error) {
	u, err := url.Parse(path)
	if err != nil {
		return "", console.UsageHint(fmt.Errorf("%.200q is not the path of an operation", path), "weir api --list lists them")
	}
	query := u.Query()
	for _, f := range fields {
		query.Add(f.key, f.text)
	}
	u.RawQuery = query.Encode()
	return u.String(), nil
}

// content is the JSON to send; nil: none.
func (f *flags) content(in io.Reader, fields []field) ([]byte, error) {
	switch {
	case f.input == "" && len(fields) == 0:
		return []byte("{}"), nil
	case f.input != "" && len(fields) > 0:
		return nil, console.UsageHint(fmt.Errorf("--input and KEY=VALUE pairs exclude each other"), "put all of it into the file")
	case f.input == "":
		object := map[string]json.RawMessage{}
		for _, one := range fields {
			if _, twice := object[one.key]; twice {
				return nil, console.Usage(fmt.Errorf("%s is given twice", one.key))
			}
			object[one.key] = one.value
		}
		return json.Marshal(object)
	}
	if f.input != "-" {
		file, err := os.Open(f.input)
		if err != nil {
			return nil, weir.Errorf(weir.Invalid, "the input cannot be read: %w", err)
		}
		defer file.Close()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, maxInput+1))
	if err != nil {
		return nil, weir.Errorf(weir.Invalid, "the input cannot be read: %w", err)
	}
	if len(text) > maxInput {
		return nil, weir.Errorf(weir.TooLarge, "the input is larger than %d bytes", maxInput)
	}
	if !json.Valid(text) {
		return nil, weir.Errorf(weir.Invalid, "the input is not JSON")
	}
	return text, nil
}

// show prints an answer.
func show(w io.Writer, answer *client.Answer) error {
	person := terminal(w)
	if answer.Type != openapi.JSONType {
		if person {
			return weir.Errorf(weir.Invalid, "the answer is %.60q and not meant for a terminal", answer.Type).
				WithHint("send it to a file, with > FILE")
		}
		_, err := io.Copy(w, answer.Body)
		return err
	}
	if !person {
		_, err := io.Copy(w, answer.Body)
		return err
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, client.MaxAnswer))
	if err != nil {
		return err
	}
	return pretty(w, text)
}

func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// pretty prints JSON for people, with what a terminal would obey or turn around
// written as JSON can write it.
func pretty(w io.Writer, text []byte) error {
	var out bytes.Buffer
	if err := json.Indent(&out, text, "", "  "); err != nil {
		return weir.Errorf(weir.Unsupported, "the answer is not JSON").WithCause(err)
	}
	var safe strings.Builder
	for _, c := range out.String() {
		if c != '\n' && (c < ' ' || c >= 0x7f && c < 0xa0 || c >= 0x200b && c <= 0x200f || c >= 0x2028 && c <= 0x202e || c >= 0x2060 && c <= 0x206f || c == 0xfeff) {
			fmt.Fprintf(&safe, `\u%04x`, c)
			continue
		}
		safe.WriteRune(c)
	}
	_, err := fmt.Fprintln(w, strings.TrimRight(safe.String(), "\n"))
	return err
}

// maxParts limits how many parts of a list are read.
const maxParts = 100_000

// everything reads a list to its end and prints it as one.
func everything(ctx context.Context, farm *client.Client, q question, w io.Writer) error {
	n := 0
	for range maxParts {
		answer, err := farm.Call(ctx, q.method, q.path, nil)
		if err != nil {
			return err
		}
		var items []json.RawMessage
		err = json.NewDecoder(io.LimitReader(answer.Body, client.MaxAnswer)).Decode(&items)
		answer.Body.Close()
		if err != nil {
			return weir.Errorf(weir.Invalid, "%s is not a list, so it has no end to read to", q.path).WithHint("leave --all out")
		}
		for _, item := range items {
			sep := ",\n"
			if n == 0 {
				sep = "["
			}
			n++
			if _, err := fmt.Fprintf(w, "%s%s", sep, item); err != nil {
				return err
			}
		}
		if answer.Next == "" {
			break
		}
		q.path = answer.Next
	}
	end := "]\n"
	if n == 0 {
		end = "[]\n"
	}
	_, err := io.WriteString(w, end)
	return err
}

// list prints what can be asked.
func list(ctx context.Context, farm *client.Client, w io.Writer) error {
	answer, err := farm.Call(ctx, http.MethodGet, "/api/openapi.json", nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, client.MaxAnswer))
	if err != nil {
		return err
	}
	doc, err := openapi.Parse(text)
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, call := range doc.Calls() {
		fmt.Fprintf(t, "%s\t%s\t%s\n", clean.Safe(call.Method), clean.Safe(strings.TrimPrefix(call.Path, "/api/v1/")), clean.Safe(call.Summary))
	}
	return t.Flush()
}
