//go:build unix

package execute

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
)

const key = "0123456789abcdef0123"

// maker is a build that makes a product.
func maker(product string, steps ...string) weir.Spec {
	s := spec(steps...)
	s.Job.Product, s.ProductKey = product, key
	return s
}

// userOf is a build that uses one.
func userOf(p weir.Product, steps ...string) weir.Spec {
	s := spec(steps...)
	s.Inputs = []weir.UpstreamSpec{{Project: "lang", Revision: "r1", Product: p}, {Project: "other", Revision: "r2"}}
	return s
}

const install = `mkdir -p "$WEIR_PREFIX/bin"; printf '#!/bin/sh\necho hello from %s\n' "$WEIR_PREFIX" > "$WEIR_PREFIX/bin/hello"; chmod +x "$WEIR_PREFIX/bin/hello"`

func TestProductRoundTrip(t *testing.T) {
	t.Parallel()
	r := newRunner(t, files{})
	rec := newRecorder()
	made := run(t, r, maker("$WEIR_PREFIX", install), rec)
	if made.Outcome != weir.Passed || made.Product.Digest == "" || stepStatus(made.Set, StepProduct) != weir.Pass {
		t.Fatalf("got %+v\n%s", made, rec.all())
	}
	packed, err := os.ReadFile(made.ProductFile)
	if err != nil || weir.DigestOf(packed) != made.Product.Digest || int64(len(packed)) != made.Product.Size {
		t.Fatalf("the packed product is another one: %v, %+v", err, made.Product)
	}
	r.Fetch = func(_ context.Context, d weir.Digest) (io.ReadCloser, error) {
		if d != made.Product.Digest {
			return nil, weir.Errorf(weir.NotFound, "no such blob")
		}
		return os.Open(made.ProductFile)
	}
	want := "hello from " + made.Product.Prefix + "\n" + made.Product.Prefix + " r1 r2\n"
	use := userOf(made.Product, "hello; echo $WEIR_UPSTREAM_LANG $WEIR_UPSTREAM_LANG_REVISION $WEIR_UPSTREAM_OTHER_REVISION$WEIR_UPSTREAM_OTHER")
	for _, c := range []struct{ name, log string }{{"on the same machine", "already"}, {"on another machine", "unpacked at"}} {
		rec := newRecorder()
		got := run(t, r, use, rec)
		if got.Outcome != weir.Passed || rec.log(2) != want {
			t.Errorf("%s: %+v\n%s", c.name, got.Reason, rec.all())
		}
		if !strings.Contains(rec.log(1), c.log) || !strings.Contains(rec.log(1), "lang at r1") {
			t.Errorf("%s: the log says %s", c.name, rec.log(1))
		}
		if err := os.RemoveAll(made.Product.Prefix); err != nil {
			t.Fatal(err)
		}
	}
}

func TestProductMakers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, product, run string
		code               weir.ReasonCode
		text               string
	}{
		{"prefix", "${WEIR_PREFIX}", install, "", ""},
		{"below the checkout", "dist", "mkdir dist; echo x > dist/f", "", ""},
		{"empty", "$WEIR_PREFIX", "true", weir.ReasonStep, "is empty"},
		{"removed", "$WEIR_PREFIX", `rmdir "$WEIR_PREFIX"`, weir.ReasonStep, "is empty"},
		{"not there", "dist", "true", weir.ReasonStep, "dist is not in the checkout"},
		{"outside", "../..", "true", weir.ReasonStep, "neither"},
		{"outside by a link", "dist", "ln -s /etc dist", weir.ReasonStep, "not in the checkout"},
		{"absolute", "/etc", "true", weir.ReasonStep, "neither"},
		{"link to outside", "$WEIR_PREFIX", install + `; ln -s /etc/passwd "$WEIR_PREFIX/p"`, weir.ReasonStep, "/etc/passwd"},
		{"pipe", "$WEIR_PREFIX", install + `; mkfifo "$WEIR_PREFIX/p"`, weir.ReasonStep, "named pipe"},
		{"failed step", "$WEIR_PREFIX", install + "; exit 1", weir.ReasonStep, `step "a"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, rec := newRunner(t, files{}), newRecorder()
			got := run(t, r, maker(c.product, c.run), rec)
			if got.Reason.Code != c.code || !strings.Contains(got.Reason.Text, c.text) {
				t.Errorf("got %+v\n%s", got.Reason, rec.all())
			}
			prefix, _ := r.Products.Prefix(key)
			if (got.Product.Digest != "") != (c.code == "") || c.code == "" && got.Product.Prefix != prefix {
				t.Errorf("product %+v", got.Product)
			}
			if _, err := os.Stat(prefix); (err == nil) != (c.code == "" && c.product != "dist") {
				t.Errorf("the tree at the prefix: %v", err)
			}
			checkReport(t, got, rec)
		})
	}
}

func TestProductMissing(t *testing.T) {
	t.Parallel()
	r := newRunner(t, files{})
	prefix, err := r.Products.Prefix(key)
	if err != nil {
		t.Fatal(err)
	}
	good := weir.Product{Digest: weir.DigestOf(nil), Prefix: prefix}
	for _, c := range []struct {
		name    string
		product weir.Product
		err     error
		want    weir.ReasonCode
	}{
		{"not on the server", good, weir.Errorf(weir.NotFound, "no such blob"), weir.ReasonProductMissing},
		{"damaged", good, nil, weir.ReasonProductMissing},
		{"no place", weir.Product{Digest: good.Digest, Prefix: "/usr/lib"}, nil, weir.ReasonProductMissing},
		{"disk full", good, enospc, weir.ReasonDiskFull},
	} {
		r.Fetch = func(context.Context, weir.Digest) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader("junk")), c.err
		}
		rec := newRecorder()
		got := run(t, r, userOf(c.product, "true"), rec)
		if got.Reason.Code != c.want || got.Steps[1].State != weir.StepFailed || got.Steps[2].State != weir.StepSkipped {
			t.Errorf("%s: %+v", c.name, got)
		}
		checkReport(t, got, rec)
	}
	bad := maker("$WEIR_PREFIX", "true")
	bad.ProductKey = "../../etc"
	if got := run(t, r, bad, newRecorder()); got.Reason.Code != weir.ReasonWorker {
		t.Errorf("a bad key: %+v", got.Reason)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(prefix), "..", "etc")); err == nil {
		t.Error("made a directory outside")
	}
}
