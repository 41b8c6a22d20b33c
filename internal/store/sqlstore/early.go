package sqlstore

import (
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// early is what the making of a run asks for at its beginning, in one journey.
// The builders come first: the rest must be as it is once they are locked.
type early struct {
	builders, heads sqltx.Asked
	recipes         map[string]sqltx.Asked // by hash
	made            map[int]recipe         // by entry
	runs, builds    *numbers               // for rows to come; nil if they get theirs when they are added
}

// ask asks for what will be needed. Entries that nothing can stand in for are
// made in any case, so their recipes and numbers are known to be needed.
func (p *plan) ask() error {
	among, arg := sqltx.Among(p.Conn, 1, p.builderIDs())
	p.asked.builders = p.Later(`SELECT b.id, b.project, b.job, b.cell, b.platform, b.branch, b.upstreams
		FROM builders b WHERE b.id `+among+` ORDER BY b.id`+p.Lock(), arg)
	if len(p.nr.Heads) > 0 {
		p.asked.heads = p.askHeads()
	}
	for _, nb := range p.nr.Builds {
		if nb.Share != store.ShareNone {
			return nil
		}
	}
	p.asked.recipes, p.asked.made = map[string]sqltx.Asked{}, map[int]recipe{}
	for i, nb := range p.nr.Builds {
		r, err := recipeOf(nb)
		if err != nil {
			return err
		}
		p.asked.made[i] = r
		if _, ok := p.asked.recipes[r.hash]; !ok {
			p.asked.recipes[r.hash] = p.askRecipe(r.hash)
		}
	}
	p.asked.runs, p.asked.builds = p.askNumbers("runs", 1), p.askNumbers("builds", len(p.nr.Builds))
	return nil
}

// numbers are those of rows to come.
type numbers struct {
	asked sqltx.Asked
	read  bool
	left  []int64
}

// askNumbers takes numbers for n rows of a table, where that is the fast way.
func (p *plan) askNumbers(table string, n int) *numbers {
	query := p.Numbers(table)
	if query == "" {
		return nil
	}
	return &numbers{asked: p.Later(query, n)}
}

// next is the next number, 0 if there is none left.
func (n *numbers) next() (number int64, err error) {
	if n == nil {
		return 0, nil
	}
	if !n.read {
		n.read = true
		if n.left, err = sqltx.Collect(n.asked, sqltx.Scalar[int64], ""); err != nil {
			return 0, err
		}
	}
	if len(n.left) == 0 {
		return 0, nil
	}
	number, n.left = n.left[0], n.left[1:]
	return number, nil
}

// add adds a row to a table and returns its number, which is one of those given
// if there is one left.
func (p *plan) add(from *numbers, table, columns string, values ...any) (number int64, err error) {
	if number, err = from.next(); err != nil {
		return 0, err
	}
	if number != 0 {
		return number, p.Put(`INSERT INTO `+table+` (`+columns+`, id) VALUES (`+sqltx.Placeholders(1, len(values)+1)+`)`, append(values, number)...)
	}
	err = p.Row(`INSERT INTO `+table+` (`+columns+`) VALUES (`+sqltx.Placeholders(1, len(values))+`) RETURNING id`, values...).Scan(&number)
	return number, err
}
