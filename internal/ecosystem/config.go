package ecosystem

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/weir-ci/weir"
	data "github.com/weir-ci/weir/testdata/ecosystem"
)

const (
	demoFile   = "weir.yaml"
	extrasFile = "extras.yaml"
)

// Config is the farm file of the demo, with the named projects added that the
// demo leaves out. Its sources are paths relative to Dir. A name that is not
// among those projects is weir.NotFound.
func (e *Ecosystem) Config(extras ...string) ([]byte, error) {
	text, err := data.Files.ReadFile(demoFile)
	if err != nil {
		return nil, weir.Errorf(weir.Internal, "%s cannot be read: %w", demoFile, err)
	}
	if len(extras) == 0 {
		return text, nil
	}
	config, projects, err := readConfig(demoFile)
	if err != nil {
		return nil, err
	}
	_, more, err := readConfig(extrasFile)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(extras))) {
		i := slices.IndexFunc(more.Content, func(n *yaml.Node) bool { return n.Value == name })
		if i < 0 || i%2 != 0 {
			return nil, weir.Errorf(weir.NotFound, "the ecosystem has no further project %q", name).
				WithHint("see testdata/ecosystem/%s", extrasFile)
		}
		projects.Content = append(projects.Content, more.Content[i], more.Content[i+1])
	}
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(config); err != nil {
		return nil, weir.Errorf(weir.Internal, "the farm file of the ecosystem cannot be written: %w", err)
	}
	return b.Bytes(), nil
}

// WriteConfig writes Config(extras...) to weir.yaml in Dir and returns its path.
func (e *Ecosystem) WriteConfig(extras ...string) (string, error) {
	text, err := e.Config(extras...)
	if err != nil {
		return "", err
	}
	path := filepath.Join(e.dir, demoFile)
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return "", cannotWrite(path, err)
	}
	return path, nil
}

// readConfig reads a farm file of the data: the whole, and the mapping of its
// projects.
func readConfig(name string) (config, projects *yaml.Node, err error) {
	text, err := data.Files.ReadFile(name)
	if err != nil {
		return nil, nil, weir.Errorf(weir.Internal, "%s cannot be read: %w", name, err)
	}
	config = new(yaml.Node)
	if err := yaml.Unmarshal(text, config); err != nil {
		return nil, nil, weir.Errorf(weir.Internal, "%s: %w", name, err)
	}
	if len(config.Content) == 1 {
		top := config.Content[0].Content
		for i := 0; i+1 < len(top); i += 2 {
			if top[i].Value == "projects" && top[i+1].Kind == yaml.MappingNode {
				return config, top[i+1], nil
			}
		}
	}
	return nil, nil, weir.Errorf(weir.Internal, "%s has no projects", name)
}

// configured lists the projects of a farm file, in its order.
func configured(name string) ([]string, error) {
	_, projects, err := readConfig(name)
	if err != nil {
		return nil, err
	}
	var names []string
	for i := 0; i < len(projects.Content); i += 2 {
		names = append(names, projects.Content[i].Value)
	}
	return names, nil
}
