package server

import (
	"net/http"

	"github.com/weir-ci/weir/internal/recipe/schema"
)

// published serves the JSON Schema of farm files and recipes, for editors.
func published() (http.Handler, error) {
	data, err := schema.JSON()
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/schema+json")
		w.Header().Set("Cache-Control", "public, max-age=3600")
		_, _ = w.Write(data) // whoever asked is gone
	}), nil
}
