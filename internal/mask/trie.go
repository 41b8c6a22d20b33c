package mask

// trie is the automaton: a tree of all forms, in which each node also knows
// where to go on when the next byte does not fit.
//
// Secrets are few and long, so most nodes have one child: children are a list
// of siblings, and only the root, where nearly all of a log is read, has a table.
type trie struct {
	root  [256]int32 // the root's children; 0: none
	nodes []node
}

// node is a beginning of forms. Node 0 is the root.
type node struct {
	child   int32 // the first one; 0: none
	sibling int32 // the next child of the same parent; 0: none
	fail    int32 // the longest end of this beginning that is a beginning, too
	depth   int32 // its length
	form    int32 // length of the longest form that ends here; 0: none
	label   byte
}

func (t *trie) init() { t.nodes = make([]node, 1) }

func (t *trie) find(at int32, b byte) int32 {
	if at == 0 {
		return t.root[b]
	}
	for c := t.nodes[at].child; c != 0; c = t.nodes[c].sibling {
		if t.nodes[c].label == b {
			return c
		}
	}
	return 0
}

func (t *trie) add(form string) {
	at := int32(0)
	for i := range len(form) {
		next := t.find(at, form[i])
		if next == 0 {
			next = int32(len(t.nodes))                     //nolint:gosec // MaxTotal bounds it
			n := node{label: form[i], depth: int32(i) + 1} //nolint:gosec // like it
			if at == 0 {
				t.root[form[i]] = next
			} else {
				n.sibling = t.nodes[at].child
				t.nodes[at].child = next
			}
			t.nodes = append(t.nodes, n)
		}
		at = next
	}
	t.nodes[at].form = t.nodes[at].depth
}

// link finds the places to go on at, level by level.
func (t *trie) link() {
	queue := make([]int32, 0, len(t.nodes))
	for _, c := range t.root {
		if c != 0 {
			queue = append(queue, c)
		}
	}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for c := t.nodes[at].child; c != 0; c = t.nodes[c].sibling {
			fail := t.step(t.nodes[at].fail, t.nodes[c].label)
			t.nodes[c].fail = fail
			t.nodes[c].form = max(t.nodes[c].form, t.nodes[fail].form)
			queue = append(queue, c)
		}
	}
}

// step goes on from a node by one byte.
func (t *trie) step(at int32, b byte) int32 {
	for {
		if next := t.find(at, b); next != 0 {
			return next
		}
		if at == 0 {
			return 0
		}
		at = t.nodes[at].fail
	}
}
