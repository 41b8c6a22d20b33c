package ecosystem

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/weir-ci/weir"
)

// Commit is one commit of a project's linear history.
type Commit struct {
	Number  int    // from 1; what the timeline calls it
	ID      string // 40 hexadecimal digits
	Author  string // "Name <mail>"
	Time    time.Time
	Message string

	files []file
}

// Title is the first line of the message.
func (c Commit) Title() string {
	title, _, _ := strings.Cut(c.Message, "\n")
	return title
}

// file is what a commit does to one file.
type file struct {
	path    string
	deleted bool
	content []byte
}

// mode is the file's mode for git: what starts with #! can be executed.
func (f file) mode() string {
	if bytes.HasPrefix(f.content, []byte("#!")) {
		return "100755"
	}
	return "100644"
}

const deletedMark = " (deleted)"

var (
	fileForm   = regexp.MustCompile(`^([0-9]{3})-[a-z0-9.-]+\.txtar$`)
	headerForm = regexp.MustCompile(`^([^<>\n]+ <[^<>\n]+>) ([^ \n]+)\n\n`)
)

// readHistory reads the commits of a project from its directory below repos.
func readHistory(files fs.FS, project string) ([]Commit, error) {
	dir := path.Join("repos", project)
	entries, err := fs.ReadDir(files, dir) // sorted by name
	if err != nil {
		return nil, weir.Errorf(weir.Internal, "the ecosystem has no history of %s: %w", project, err)
	}
	commits := make([]Commit, 0, len(entries))
	for i, entry := range entries {
		name := path.Join(dir, entry.Name())
		if m := fileForm.FindStringSubmatch(entry.Name()); m == nil || m[1] != fmt.Sprintf("%03d", i+1) {
			return nil, weir.Errorf(weir.Internal, "%s: the commit is not numbered %03d", name, i+1)
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, weir.Errorf(weir.Internal, "%s cannot be read: %w", name, err)
		}
		c, err := parseCommit(text)
		if err != nil {
			return nil, weir.Errorf(weir.Internal, "%s: %w", name, err)
		}
		c.Number = i + 1
		commits = append(commits, c)
	}
	return commits, nil
}

// parseCommit reads a txtar archive: above the files a line with author and
// time, an empty line, and the message.
func parseCommit(text []byte) (Commit, error) {
	// A checkout on Windows may have turned the line ends; ids must not notice.
	a := txtar.Parse(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")))
	header := headerForm.FindSubmatch(a.Comment)
	if header == nil {
		return Commit{}, weir.Errorf(weir.Invalid, "the first line is not NAME <MAIL> TIME with an empty line behind it")
	}
	at, err := time.Parse(time.RFC3339, string(header[2]))
	if err != nil {
		return Commit{}, weir.Errorf(weir.Invalid, "%q is no time", header[2]).WithHint("write it like 2025-02-03T09:12:40+01:00")
	}
	message := strings.TrimSpace(string(a.Comment[len(header[0]):])) + "\n"
	if message == "\n" {
		return Commit{}, weir.Errorf(weir.Invalid, "the commit has no message")
	}
	c := Commit{Author: string(header[1]), Time: at, Message: message}
	for _, f := range a.Files {
		name, deleted := strings.CutSuffix(f.Name, deletedMark)
		if !fs.ValidPath(name) || name == "." || strings.ContainsAny(name, "\"\\\n") {
			return Commit{}, weir.Errorf(weir.Invalid, "%q does not name a file of the repository", name)
		}
		c.files = append(c.files, file{path: name, deleted: deleted, content: f.Data})
	}
	if len(c.files) == 0 {
		return Commit{}, weir.Errorf(weir.Invalid, "the commit changes no file")
	}
	return c, nil
}
