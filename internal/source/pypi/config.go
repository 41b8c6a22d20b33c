package pypi

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// maxConfig limits what is read of a pip.conf, in bytes.
const maxConfig = 1 << 20

// configured is the index that pip would ask: PIP_INDEX_URL, or index-url of the
// first of its files for this user that says so.
func configured(env []string) string {
	vars := map[string]string{}
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		vars[name] = value
	}
	if at := vars["PIP_INDEX_URL"]; at != "" {
		return at
	}
	var files []string
	if f := vars["PIP_CONFIG_FILE"]; f != "" {
		files = append(files, f)
	}
	if dir := vars["XDG_CONFIG_HOME"]; dir != "" {
		files = append(files, filepath.Join(dir, "pip", "pip.conf"))
	} else if home := vars["HOME"]; home != "" {
		files = append(files, filepath.Join(home, ".config", "pip", "pip.conf"))
	}
	if home := vars["HOME"]; home != "" {
		files = append(files, filepath.Join(home, ".pip", "pip.conf"), filepath.Join(home, "Library", "Application Support", "pip", "pip.conf"))
	}
	if dir := vars["APPDATA"]; dir != "" {
		files = append(files, filepath.Join(dir, "pip", "pip.ini"))
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			continue
		}
		at := indexURL(io.LimitReader(f, maxConfig))
		f.Close()
		if at != "" {
			return at
		}
	}
	return PublicIndex
}

// indexURL finds index-url in the sections of a pip.conf that hold for what we
// do.
func indexURL(r io.Reader) string {
	section, at := "", ""
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 64<<10)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "[") {
			section = strings.ToLower(strings.Trim(line, "[] "))
			continue
		}
		i := strings.IndexAny(line, "=:")
		if i < 0 || strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") {
			continue
		}
		key := strings.ReplaceAll(strings.TrimSpace(line[:i]), "_", "-")
		if key != "index-url" || section != "global" && section != "download" {
			continue
		}
		if value := strings.TrimSpace(line[i+1:]); section == "download" || at == "" {
			at = value
		}
	}
	return at
}
