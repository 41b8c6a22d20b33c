package presence

import "testing"

func TestDisks(t *testing.T) {
	t.Parallel()
	var d Disks
	if _, known := d.Of("heron"); known {
		t.Error("known before it was said")
	}
	d.Note("heron", 5<<30)
	d.Note("heron", 0) // an older program says nothing
	d.Note("toad", -1)
	if free, known := d.Of("heron"); !known || free != 5<<30 {
		t.Error(free, known)
	}
	if _, known := d.Of("toad"); known {
		t.Error("less than nothing is free")
	}
}
