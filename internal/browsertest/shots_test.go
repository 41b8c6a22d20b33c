package browsertest_test

import (
	"bytes"
	"cmp"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/weir-ci/weir/internal/browsertest"
)

// images is where the pictures of the documentation are.
const images = "../../docs/images"

// Limits on pictures: how much of a page they show, in pixels, and how much room
// all of them take, in bytes.
const (
	tallest  = 1300
	maxBytes = 3 << 20
)

// shot is a page of which there is a picture.
type shot struct{ name, path string }

func shots(samples map[string][]string) []shot {
	return []shot{{"overview", "/"}, {"matrix", samples["/matrix"][0]}, {"console", "/console?project=brook&downstreams=1"}, {"waterfall", samples["/waterfall"][0]},
		{"build", samples["/builds/{id}"][0]}, {"test", samples["/tests"][0]}, {"regression", samples["/regressions/{id}"][0]}, {"compare", samples["/compare"][0]},
		{"compat", samples["/compat"][1]}, {"workers", "/workers"}, {"trends", "/trends?project=reed&job=test"}, {"admin", "/admin"}}
}

// TestScreenshots draws the pictures of the documentation anew if WEIR_SCREENSHOTS
// says so (make screenshots), and makes sure that they are there and small.
func TestScreenshots(t *testing.T) {
	t.Parallel()
	if os.Getenv("WEIR_SCREENSHOTS") != "" {
		take(t)
	}
	var want []string
	for _, s := range shots(found{}.samples()) {
		want = append(want, s.name+"-light.png", s.name+"-dark.png")
	}
	want = append(want, "overview-phone.png", "regression-phone.png")
	total := int64(0)
	for _, name := range want {
		info, err := os.Stat(filepath.Join(images, name))
		if err != nil {
			t.Errorf("%v; run: make screenshots", err)
			continue
		}
		total += info.Size()
	}
	if total > maxBytes {
		t.Errorf("the pictures take %d bytes, want at most %d", total, maxBytes)
	}
	readme, err := os.ReadFile("../../README.md")
	must(t, err)
	shown := regexp.MustCompile(`docs/images/([a-z-]+\.png)`).FindAllStringSubmatch(string(readme), -1)
	if len(shown) < 4 {
		t.Error("README.md shows too few pictures")
	}
	for _, m := range shown {
		if !slices.Contains(want, m[1]) {
			t.Errorf("README.md shows %s, which is not drawn", m[1])
		}
	}
}

// take draws the pictures.
func take(t *testing.T) {
	t.Helper()
	must(t, os.MkdirAll(images, 0o755))
	f := grow(t, false)
	tab := browsertest.Open(t)
	list := shots(f.find(t).samples())
	for _, s := range list {
		if s.path == "/admin" {
			signIn(t, tab, f)
		}
		for _, look := range []browsertest.Look{wide(), dark()} {
			tab.Look(look)
			save(t, tab, f.url+s.path, s.name+map[bool]string{false: "-light", true: "-dark"}[look.Dark])
		}
		if s.name == "overview" || s.name == "regression" {
			tab.Look(phone())
			save(t, tab, f.url+s.path, s.name+"-phone")
		}
	}
}

func save(t *testing.T, tab *browsertest.Tab, url, name string) {
	t.Helper()
	tab.Goto(url)
	tab.Wait(`!document.querySelector("details[open] .log") || document.querySelector(".log-row .log-t")?.textContent.length > 1`)
	tab.Run(`document.querySelectorAll("footer time").forEach((e) => { e.textContent = "just now"; e.removeAttribute("datetime"); })`)
	shot, err := png.Decode(bytes.NewReader(tab.Picture()))
	must(t, err)
	small := reduce(shot)
	var out bytes.Buffer
	must(t, (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, small))
	must(t, os.WriteFile(filepath.Join(images, name+".png"), out.Bytes(), 0o644))
}

// reduce makes a picture of at most 256 colours, those that occur most, and cuts
// off what is too tall.
func reduce(m image.Image) image.Image {
	b := m.Bounds()
	b.Max.Y = min(bottom(m), b.Min.Y+tallest)
	count := map[color.RGBA]int{}
	plain := image.NewRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
	draw.Draw(plain, plain.Bounds(), m, b.Min, draw.Src)
	for y := range b.Dy() {
		for x := range b.Dx() {
			count[plain.RGBAAt(x, y)]++
		}
	}
	colours := make([]color.RGBA, 0, len(count))
	for c := range count {
		colours = append(colours, c)
	}
	slices.SortFunc(colours, func(a, b color.RGBA) int {
		return cmp.Or(count[b]-count[a], strings.Compare(fmt.Sprint(a), fmt.Sprint(b)))
	})
	palette := color.Palette{}
	for _, c := range colours {
		if len(palette) < 256 && !slices.ContainsFunc(palette, func(p color.Color) bool { return near(p.(color.RGBA), c) }) {
			palette = append(palette, c)
		}
	}
	out, nearest := image.NewPaletted(plain.Bounds(), palette), map[color.RGBA]uint8{}
	for y := range b.Dy() {
		for x := range b.Dx() {
			c := plain.RGBAAt(x, y)
			i, ok := nearest[c]
			if !ok {
				i = uint8(palette.Index(c))
				nearest[c] = i
			}
			out.SetColorIndex(x, y, i)
		}
	}
	return out
}

// bottom is where a page ends: below it there is nothing but its ground.
func bottom(m image.Image) int {
	const margin = 16
	b := m.Bounds()
	ground := m.At(b.Min.X, b.Max.Y-1)
	for y := b.Max.Y - 1; y > b.Min.Y; y-- {
		for x := b.Min.X; x < b.Max.X; x++ {
			if m.At(x, y) != ground {
				return min(y+margin, b.Max.Y)
			}
		}
	}
	return b.Max.Y
}

// near reports whether two colours can hardly be told apart.
func near(a, b color.RGBA) bool {
	d := func(x, y uint8) int { return (int(x) - int(y)) * (int(x) - int(y)) }
	return d(a.R, b.R)+d(a.G, b.G)+d(a.B, b.B) < 24
}
