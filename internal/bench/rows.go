package bench

// The columns of the tables.
const (
	sqliteColumn   = "Weir, SQLite"
	postgresColumn = "Weir, PostgreSQL"
	buildbotColumn = "Buildbot"
)

// Row is one line of the tables: a figure, and what it is held against.
type Row struct {
	ID   string // group and figure, with a dot between
	Name string
	Unit Unit
	// Quantile says which part of the samples lies below the figure; 0 is
	// the median.
	Quantile float64
	// Goal is the ratio to Buildbot that Weir has to reach: at most that if
	// it is below or equal to 1, otherwise at least. 0: none.
	Goal float64
	// GoalPostgres is the same for Weir on PostgreSQL; 0: as Goal.
	GoalPostgres float64
	// Limit is what the figure may be at most, in its unit; 0: anything.
	Limit float64
}

// Rows lists every figure, in the order of the tables.
func Rows() []Row {
	return []Row{
		{ID: "start.cold", Name: "server: start to the first answer", Unit: Seconds, Goal: 0.15},
		{ID: "start.server", Name: "server: memory when idle (PSS)", Unit: Bytes, Goal: 0.5},
		{ID: "start.worker", Name: "worker: memory when idle (PSS)", Unit: Bytes, Goal: 0.4},

		{ID: "latency.start", Name: "request to running command, median", Unit: Seconds, Goal: 1.0 / 15},
		{ID: "latency.start", Name: "request to running command, p99", Unit: Seconds, Quantile: 0.99},
		{ID: "latency.end", Name: "request to known end of `true`, median", Unit: Seconds, Goal: 1.0 / 12},
		{ID: "latency.end", Name: "request to known end of `true`, p99", Unit: Seconds, Quantile: 0.99},
		{ID: "latency.push", Name: "commit in a polled git repository to running command, median", Unit: Seconds},

		{ID: "builds.accept", Name: "builds taken into the queue", Unit: PerSecond, Goal: 40},
		{ID: "builds.slots2", Name: "queued `true` builds, 2 slots", Unit: PerSecond, Goal: 60, GoalPostgres: 40},
		{ID: "builds.slots8", Name: "queued `true` builds, 8 slots", Unit: PerSecond, Goal: 60, GoalPostgres: 40},
		{ID: "builds.cpu", Name: "server: processor time per build", Unit: Seconds, Goal: 0.01},
		{ID: "builds.cpuworker", Name: "worker: processor time per build", Unit: Seconds},
		{ID: "builds.cpudatabase", Name: "PostgreSQL: processor time per build", Unit: Seconds},
		{ID: "builds.stored", Name: "stored bytes per build", Unit: Bytes, Goal: 1},
		{ID: "builds.server", Name: "server: peak memory (RSS)", Unit: Bytes},
		{ID: "builds.worker", Name: "worker: peak memory with 8 slots (RSS of all its processes)", Unit: Bytes},

		{ID: "logs.wall", Name: "100 MB log, request to known end", Unit: Seconds, Goal: 1.0 / 20},
		{ID: "logs.pipe", Name: "... against the bare pipe to a file", Unit: Times, Limit: 8},
		{ID: "logs.cpu", Name: "... server: processor time", Unit: Seconds, Goal: 1.0 / 30},
		{ID: "logs.cpulater", Name: "... server: processor time of packing it afterwards", Unit: Seconds},
		{ID: "logs.cpuworker", Name: "... worker: processor time", Unit: Seconds},
		{ID: "logs.growth", Name: "... server: growth of memory (peak RSS)", Unit: Bytes, Limit: 40e6},
		{ID: "logs.growthworker", Name: "... worker: growth of memory (peak RSS)", Unit: Bytes},
		{ID: "logs.stored", Name: "... stored", Unit: Bytes, Goal: 0.9},
		{ID: "logs.whole", Name: "GET the whole 100 MB", Unit: Seconds, Goal: 0.25},
		{ID: "logs.wholegrowth", Name: "... server: growth of memory (peak RSS)", Unit: Bytes},
		{ID: "logs.tail", Name: "GET its last 200 lines", Unit: Seconds, Limit: 0.005},
		{ID: "logs.middle", Name: "GET 200 lines from its middle", Unit: Seconds, Limit: 0.005},
		{ID: "logs.hugewall", Name: "1 GB log, request to known end", Unit: Seconds},
		{ID: "logs.hugestored", Name: "... stored", Unit: Bytes},
		{ID: "logs.hugetail", Name: "GET its last 200 lines", Unit: Seconds, Limit: 0.005},
		{ID: "logs.hugemiddle", Name: "GET 200 lines from its middle", Unit: Seconds, Limit: 0.005},

		{ID: "results.small", Name: "10,000 tests as JUnit, end of the command to verdict", Unit: Seconds, Goal: 0.2},
		{ID: "results.first", Name: "... stored by the first run", Unit: Bytes},
		{ID: "results.same", Name: "... stored by a run in which nothing changed", Unit: Bytes, Limit: 20e3},
		{ID: "results.smallpeak", Name: "... server: peak memory (RSS)", Unit: Bytes},
		{ID: "results.large", Name: "1,000,000 tests as JUnit, end of the command to verdict", Unit: Seconds},
		{ID: "results.largesame", Name: "... stored by a run in which nothing changed", Unit: Bytes},
		{ID: "results.largepeak", Name: "... server: peak memory (RSS)", Unit: Bytes},

		{ID: "browser.line", Name: "line printed to line in the browser, median", Unit: Seconds},
		{ID: "browser.line", Name: "line printed to line in the browser, p99", Unit: Seconds, Quantile: 0.99},
		{ID: "browser.api", Name: "line printed to line in the API, median", Unit: Seconds},
		{ID: "browser.api", Name: "line printed to line in the API, p99", Unit: Seconds, Quantile: 0.99},

		{ID: "idle.workers", Name: "idle workers on one server", Unit: Count},
		{ID: "idle.memory", Name: "... server: memory (RSS)", Unit: Bytes},
		{ID: "idle.cpu", Name: "... server: processor time per minute", Unit: Seconds},
		{ID: "idle.lease", Name: "... request to leased by one of them, median", Unit: Seconds},
		{ID: "idle.lease", Name: "... request to leased by one of them, p99", Unit: Seconds, Quantile: 0.99},

		{ID: "pages.builds", Name: "builds of 1,000 builders in the database", Unit: Count},
		{ID: "pages.cold", Name: "server: start to the first answer", Unit: Seconds},
		{ID: "pages.overview", Name: "overview page, median", Unit: Seconds},
		{ID: "pages.overview", Name: "overview page, p95", Unit: Seconds, Quantile: 0.95},
		{ID: "pages.overviewbytes", Name: "... size", Unit: Bytes},
		{ID: "pages.build", Name: "build page, median", Unit: Seconds},
		{ID: "pages.build", Name: "build page, p95", Unit: Seconds, Quantile: 0.95},
		{ID: "pages.buildbytes", Name: "... size", Unit: Bytes},
		{ID: "pages.regression", Name: "regression page, median", Unit: Seconds},
		{ID: "pages.regression", Name: "regression page, p95", Unit: Seconds, Quantile: 0.95},
		{ID: "pages.regressionbytes", Name: "... size", Unit: Bytes},
		{ID: "pages.recent", Name: "API: newest 20 builds, median", Unit: Seconds},
		{ID: "pages.recent", Name: "API: newest 20 builds, p95", Unit: Seconds, Quantile: 0.95},
		{ID: "pages.recentbytes", Name: "... size", Unit: Bytes},
		{ID: "pages.builder", Name: "API: 100 builds of one builder, median", Unit: Seconds},
		{ID: "pages.builder", Name: "API: 100 builds of one builder, p95", Unit: Seconds, Quantile: 0.95},
		{ID: "pages.builderbytes", Name: "... size", Unit: Bytes},
		{ID: "pages.thousand", Name: "API: 1,000 builds, median", Unit: Seconds},
		{ID: "pages.thousand", Name: "API: 1,000 builds, p95", Unit: Seconds, Quantile: 0.95},
		{ID: "pages.thousandbytes", Name: "... size", Unit: Bytes},
	}
}
