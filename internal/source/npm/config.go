package npm

import (
	"bufio"
	"encoding/base64"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// maxConfig limits what is read of a .npmrc, in bytes.
const maxConfig = 1 << 20

// config is what npm of this user has set up: keys of .npmrc, and above them
// the variables npm_config_KEY.
type config map[string]string

// readConfig reads the user's .npmrc, if there is one, and env.
func readConfig(env []string) config {
	vars := map[string]string{}
	over := config{}
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		vars[name] = value
		// In names of variables npm takes either case, and _ for - in keys.
		if len(name) > len("npm_config_") && strings.EqualFold(name[:len("npm_config_")], "npm_config_") && value != "" {
			over[strings.ToLower(name[len("npm_config_"):])] = value
		}
	}
	file := over["userconfig"]
	if file == "" {
		home := vars["HOME"]
		if home == "" {
			home = vars["USERPROFILE"]
		}
		if home != "" {
			file = filepath.Join(home, ".npmrc")
		}
	}
	conf := config{}
	if f, err := os.Open(file); file != "" && err == nil {
		defer f.Close()
		conf = parseConfig(io.LimitReader(f, maxConfig), func(name string) string { return vars[name] })
	}
	for k, v := range over {
		conf[k] = v
	}
	return conf
}

// parseConfig reads lines of KEY=VALUE; ${NAME} in them is a variable.
func parseConfig(r io.Reader, variable func(string) string) config {
	conf := config{}
	expand := regexp.MustCompile(`\$\{([^}]+)\}`)
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 64<<10)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		key, value, ok := strings.Cut(line, "=")
		if !ok || strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") || strings.HasPrefix(line, "[") {
			continue
		}
		value = strings.Trim(strings.TrimSpace(value), `"'`)
		value = expand.ReplaceAllStringFunc(value, func(v string) string { return variable(strings.TrimSuffix(v[2:len(v)-1], "?")) })
		conf[strings.TrimSpace(key)] = value
	}
	return conf
}

// registry is where npm asks for a package.
func (c config) registry(name string) string {
	if scope, _, ok := strings.Cut(name, "/"); ok {
		if r := c[scope+":registry"]; r != "" {
			return r
		}
	}
	if r := c["registry"]; r != "" {
		return r
	}
	return PublicRegistry
}

// login finds the login for a registry: that of its address, or else of the
// longest beginning of it.
func (c config) login(registry string) string {
	u, err := url.Parse(registry)
	if err != nil {
		return ""
	}
	for at := "//" + u.Host + strings.TrimRight(u.Path, "/"); len(at) > 2; {
		for _, base := range []string{at + "/", at} {
			if token := c[base+":_authToken"]; token != "" {
				return token
			}
			if basic, err := base64.StdEncoding.DecodeString(c[base+":_auth"]); err == nil && len(basic) > 0 {
				return string(basic)
			}
		}
		at = at[:strings.LastIndexByte(at, '/')]
	}
	return ""
}
