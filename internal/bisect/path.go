package bisect

// Prior probabilities, once there is an alarm, of the two hypotheses that
// blame nobody. Four alarms in ten over flaky tests is what Google counted.
const (
	priorNobody      = 0.40
	priorEnvironment = 0.01
)

// leastShare is the least weight of a step, as a part of an equal share: what
// looks innocent must stay possible.
const leastShare = 0.1

// path is what all subjects of a question share.
type path struct {
	n     int
	rep   []int     // per position, the first one with the identical product
	prior []float64 // 0: environment, 1..n: steps, n+1: nobody; sums to 1
	built []bool    // per position
	build float64   // cost of a build, in runs
}

func newPath(q Question) *path {
	n := max(q.Steps, 1)
	p := &path{n: n, rep: make([]int, n+1), prior: make([]float64, n+2), built: make([]bool, n+1), build: q.BuildCost}
	if p.build <= 0 {
		p.build = BuildCost
	}
	for i := range p.rep {
		p.rep[i] = i
	}
	possible := p.collapse(q.Same)
	p.weigh(q.Weights, possible)
	for _, positions := range [][]int{q.Built, q.Pending} {
		for _, i := range positions {
			p.build1(i)
		}
	}
	for _, s := range q.Subjects {
		for _, t := range s.Trials {
			p.build1(t.Position)
		}
	}
	return p
}

// build1 notes that a position is built.
func (p *path) build1(i int) {
	if i >= 0 && i <= p.n {
		p.built[i] = true
		p.built[p.rep[i]] = true
	}
}

// collapse finds positions with identical products and says which steps may
// be culprits: one between two identical products has changed nothing.
func (p *path) collapse(same []int) (possible []bool) {
	possible = make([]bool, p.n+2)
	for j := 1; j <= p.n; j++ {
		possible[j] = true
	}
	if len(same) != p.n+1 {
		return possible
	}
	first, last := map[int]int{}, map[int]int{}
	for i, class := range same {
		if _, seen := first[class]; !seen {
			first[class] = i
		}
		last[class] = i
		p.rep[i] = first[class]
	}
	for class, from := range first {
		for j := from + 1; j <= last[class]; j++ {
			possible[j] = false
		}
	}
	return possible
}

// weigh sets the prior.
func (p *path) weigh(weights []float64, possible []bool) {
	weight := func(j int) float64 { return 1 }
	total := 0.0
	if len(weights) == p.n {
		for _, w := range weights {
			if w > 0 && w < 1e12 {
				total += w
			}
		}
		if total > 0 {
			weight = func(j int) float64 {
				share := 0.0
				if w := weights[j-1]; w > 0 && w < 1e12 {
					share = w / total * float64(p.n)
				}
				return leastShare + (1-leastShare)*share
			}
		}
	}
	sum := 0.0
	for j := 1; j <= p.n; j++ {
		if possible[j] {
			p.prior[j] = weight(j)
			sum += p.prior[j]
		}
	}
	steps := 1 - priorNobody - priorEnvironment
	if sum == 0 {
		steps = 0
	}
	rest := (priorNobody + priorEnvironment) / (1 - steps)
	p.prior[0], p.prior[p.n+1] = priorEnvironment/rest, priorNobody/rest
	for j := 1; j <= p.n && sum > 0; j++ {
		p.prior[j] *= steps / sum
	}
}
