package page

import (
	"fmt"
	"path"
	"strings"
	"time"

	"golang.org/x/mod/module"

	"github.com/weir-ci/weir"
)

// Repro writes the shell commands that do by hand what a build did: the
// checkout, the variables, the steps. Everything that came from outside is
// quoted for the shell, so the text can be pasted as it is.
func Repro(spec weir.Spec) string {
	if spec.Revision == "" {
		return ""
	}
	var b strings.Builder
	checkout(&b, spec)
	for _, in := range spec.Inputs {
		name := weir.UpstreamVar(in.Project)
		if in.Product.Digest != "" {
			fmt.Fprintf(&b, "# the product of %s at this revision, unpacked where it was built for\n", comment(in.Project))
			fmt.Fprintf(&b, "export %s=%s\n", name, quote(in.Product.Prefix))
			fmt.Fprintf(&b, "export PATH=\"$%s/bin:$PATH\"\n", name)
		}
		fmt.Fprintf(&b, "export %s_REVISION=%s\n", name, quote(in.Revision))
	}
	exports(&b, spec.Job.Env)
	for _, s := range spec.Job.Steps {
		step(&b, s)
	}
	return Clean(b.String(), maxRepro)
}

// maxRepro limits the text, in characters.
const maxRepro = 32 << 10

func checkout(b *strings.Builder, spec weir.Spec) {
	dir := spec.Job.Dir
	if dir == "" {
		dir = strings.TrimSuffix(path.Base(spec.Source.Location), ".git")
	}
	switch src := spec.Source; src.Kind {
	case weir.Go:
		fmt.Fprintf(b, "go mod download %s\n", quote(spec.Source.Location+"@"+spec.Revision))
		escaped, err := module.EscapePath(spec.Source.Location)
		if err != nil {
			escaped = spec.Source.Location
		}
		fmt.Fprintf(b, "cp -R \"$(go env GOMODCACHE)\"/%s %s\n", quote(escaped+"@"+spec.Revision), quote("./"+dir))
		fmt.Fprintf(b, "chmod -R u+w %s\n", quote("./"+dir))
	case weir.Hg:
		fmt.Fprintf(b, "hg clone --updaterev %s -- %s %s\n", quote(spec.Revision), quote(src.Location), quote("./"+dir))
	case weir.Svn:
		fmt.Fprintf(b, "svn checkout --revision %s -- %s %s\n", quote(strings.TrimPrefix(spec.Revision, "r")),
			quote(svnPath(spec)+"@"+strings.TrimPrefix(spec.Revision, "r")), quote("./"+dir))
	case weir.Archive, weir.NPM, weir.PyPI:
		release(b, spec, dir)
	default:
		fmt.Fprintf(b, "git clone %s %s\n", quote(src.Location), quote("./"+dir))
		fmt.Fprintf(b, "cd %s\n", quote("./"+dir))
		if spec.Ref != "" {
			fmt.Fprintf(b, "git fetch origin %s\n", quote(spec.Ref))
		}
		fmt.Fprintf(b, "git checkout --detach %s\n", quote(spec.Revision))
		return
	}
	fmt.Fprintf(b, "cd %s\n", quote("./"+dir))
}

// svnPath is the branch of an svn source, or what its ref stands for.
func svnPath(spec weir.Spec) string {
	branch := spec.Source.Branch
	if spec.Ref != "" {
		branch = strings.TrimPrefix(spec.Ref, "refs/")
	}
	return strings.TrimRight(spec.Source.Location+"/"+branch, "/")
}

// release unpacks what was released into a directory.
func release(b *strings.Builder, spec weir.Spec, dir string) {
	src, file := spec.Source, ""
	fmt.Fprintf(b, "mkdir %s\n", quote("./"+dir))
	switch src.Kind {
	case weir.NPM:
		if src.Index != "" {
			fmt.Fprintf(b, "export npm_config_registry=%s\n", quote(src.Index))
		}
		file = fmt.Sprintf(`"$(npm pack -- %s | tail -n 1)"`, quote(src.Location+"@"+spec.Revision))
	case weir.PyPI:
		if src.Index != "" {
			fmt.Fprintf(b, "export PIP_INDEX_URL=%s\n", quote(src.Index))
		}
		fmt.Fprintf(b, "python3 -m pip download --no-deps --no-binary :all: --dest sdist %s\n", quote(src.Location+"=="+spec.Revision))
		file = "sdist/*"
	default:
		url := strings.ReplaceAll(src.Location, "{version}", spec.Revision)
		file = quote("./" + path.Base(url))
		fmt.Fprintf(b, "curl --fail --location --output %s %s\n", file, quote(url))
		if strings.HasSuffix(url, ".zip") {
			fmt.Fprintf(b, "unzip %s -d %s\n", file, quote("./"+dir))
			return
		}
	}
	fmt.Fprintf(b, "tar -xf %s --strip-components=1 -C %s\n", file, quote("./"+dir))
}

func exports(b *strings.Builder, vars []weir.EnvVar) {
	for _, v := range vars {
		fmt.Fprintf(b, "export %s=%s\n", comment(v.Name), quote(v.Value))
	}
}

func step(b *strings.Builder, s weir.Step) {
	fmt.Fprintf(b, "\n# step: %s", comment(s.Name))
	if s.Timeout > 0 {
		fmt.Fprintf(b, " (at most %s)", s.Timeout.Round(time.Second))
	}
	b.WriteString("\n")
	if s.Dir == "" && len(s.Env) == 0 {
		b.WriteString(strings.TrimSpace(s.Run) + "\n")
		return
	}
	b.WriteString("(\n")
	if s.Dir != "" {
		fmt.Fprintf(b, "cd %s\n", quote("./"+s.Dir))
	}
	exports(b, s.Env)
	b.WriteString(strings.TrimSpace(s.Run) + "\n)\n")
}

// quote makes s one word of the shell.
func quote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@+,=") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// comment makes s safe behind a # or as a variable's name: one line.
func comment(s string) string { return OneLine(s, MaxName) }

// ReproVerb is the command that tries what a page is about again, wherever it is
// given: it holds the address of the page, a path of the farm at origin. Number is
// what stands for it where the origin is not known.
func ReproVerb(origin, path, number string) string {
	if origin != "" {
		return "weir repro " + origin + path
	}
	return "weir repro " + number
}
