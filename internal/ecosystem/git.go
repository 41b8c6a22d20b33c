package ecosystem

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/weir-ci/weir"
)

const branchRef = "refs/heads/main"

// gitConfig keeps every object: what is not pushed yet has no branch, and a
// clean-up would take it for garbage.
const gitConfig = "[core]\n\trepositoryformatversion = 0\n\tbare = true\n[gc]\n\tauto = 0\n"

var idForm = regexp.MustCompile(`^[0-9a-f]{40}$`)

// importHistory makes a bare repository with all commits, whose branch ends
// with commit number tip, and fills in the ids of the commits.
func importHistory(repo string, commits []Commit, tip int) error {
	if err := initBare(repo); err != nil {
		return err
	}
	out, err := git(repo, importStream(commits, tip), "fast-import", "--quiet", "--done")
	if err != nil {
		return err
	}
	ids := strings.Fields(out)
	if len(ids) != len(commits) {
		return weir.Errorf(weir.Internal, "git imported %d commits of %d into %s", len(ids), len(commits), repo)
	}
	for i, id := range ids {
		if !idForm.MatchString(id) {
			return weir.Errorf(weir.Internal, "git named commit %d of %s with %q", i+1, repo, id)
		}
		commits[i].ID = id
	}
	return nil
}

// initBare makes an empty bare repository by hand: it saves a process, and
// templates and defaults of the user's git have no say.
func initBare(repo string) error {
	for _, dir := range []string{"objects", "refs/heads"} {
		if err := os.MkdirAll(filepath.Join(repo, filepath.FromSlash(dir)), 0o755); err != nil {
			return cannotWrite(repo, err)
		}
	}
	for name, content := range map[string]string{"HEAD": "ref: " + branchRef + "\n", "config": gitConfig} {
		if err := os.WriteFile(filepath.Join(repo, name), []byte(content), 0o644); err != nil {
			return cannotWrite(repo, err)
		}
	}
	return nil
}

// importStream writes the commits in the language of git fast-import. Behind
// each commit it asks for the id.
func importStream(commits []Commit, tip int) []byte {
	var b bytes.Buffer
	for _, c := range commits {
		who := fmt.Sprintf("%s %d %s", c.Author, c.Time.Unix(), c.Time.Format("-0700"))
		fmt.Fprintf(&b, "commit %s\nmark :%d\nauthor %s\ncommitter %s\n", branchRef, c.Number, who, who)
		writeData(&b, []byte(c.Message))
		if c.Number > 1 {
			fmt.Fprintf(&b, "from :%d\n", c.Number-1)
		}
		for _, f := range c.files {
			if f.deleted {
				fmt.Fprintf(&b, "D %s\n", f.path)
				continue
			}
			fmt.Fprintf(&b, "M %s inline %s\n", f.mode(), f.path)
			writeData(&b, f.content)
		}
		fmt.Fprintf(&b, "\nget-mark :%d\n", c.Number)
	}
	fmt.Fprintf(&b, "reset %s\nfrom :%d\n\ndone\n", branchRef, tip)
	return b.Bytes()
}

func writeData(b *bytes.Buffer, content []byte) {
	fmt.Fprintf(b, "data %d\n%s\n", len(content), content)
}

// moveBranch moves the branch from one commit to another, at once or not at all.
func moveBranch(repo, from, to string) error {
	_, err := git(repo, nil, "update-ref", branchRef, to, from)
	return err
}

// git runs git in a repository, whatever the user's settings and the
// variables of a hook say.
func git(repo string, stdin []byte, args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir = repo
	cmd.Env = append(cleanEnv(os.Environ()), "GIT_DIR="+repo, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull)
	cmd.Stdin = bytes.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return "", weir.Errorf(weir.Unsupported, "the ecosystem needs git, which is not on PATH").
			WithHint("install git").WithCause(err)
	case err != nil:
		return "", weir.Errorf(weir.Internal, "git %s in %s: %s", args[0], repo, strings.TrimSpace(stderr.String())).WithCause(err)
	}
	return stdout.String(), nil
}

func cleanEnv(env []string) []string {
	var out []string
	for _, v := range env {
		if !strings.HasPrefix(v, "GIT_") {
			out = append(out, v)
		}
	}
	return out
}
