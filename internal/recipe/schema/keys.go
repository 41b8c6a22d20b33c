package schema

import (
	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe"
	"github.com/weir-ci/weir/internal/recipe/jobs"
	"github.com/weir-ci/weir/internal/recipe/sources"
	"github.com/weir-ci/weir/internal/recipe/strict"
)

// mappings lists every mapping with known keys.
func mappings() []mapping {
	alone := jobMapping()
	alone.name, alone.about, alone.scratch = "alone", "A recipe that is one job, called test.", true
	return append([]mapping{jobMapping(), alone, stepMapping(), sourceMapping()}, append(farmMappings(), smallMappings()...)...)
}

func farmMappings() []mapping {
	return []mapping{
		{name: "farmFile", about: "The farm file.", keys: recipe.FarmKeys(), scratch: true, props: map[string]node{
			"farm":            ref("farm").about("The farm itself."),
			"listen":          prose("Where the server listens: HOST:PORT; :8710 is every interface."),
			"url":             pattern("How others reach the farm.", `^https?://`),
			"trusted_proxies": list("Addresses and networks of proxies that say truly whom they pass requests on for.", text("")),
			"data":            prose("The directory for everything the farm keeps, relative to this file."),
			"database":        pattern("The URL of a PostgreSQL database; without it, SQLite in data.", `^postgres(ql)?://`),
			"platforms":       platforms("Where jobs run that do not say where."),
			"worker":          ref("worker").about("The worker of weir up."),
			"mail":            ref("mail").about("How owners of workers and of projects are told."),
			"locks": named("What keeps builds from running at the same time, by name: how many shares each has.",
				node{"anyOf": []node{number("", 1, jobs.MaxShares), ref("lock")}}),
			"secrets":  named("Where the values of secrets are, by name. Values never stand here.", ref("secret")),
			"hooks":    ref("hooks").about("Which forges may tell the farm of changes."),
			"projects": titled("The projects, by name.", ref("project")),
		}},
		{name: "farm", keys: recipe.NameKeys(), props: map[string]node{"name": text("The farm's name, for people.")}},
		{name: "worker", keys: recipe.WorkerKeys(), props: map[string]node{
			"slots":  number("How many builds it runs at once.", 1, recipe.MaxSlots),
			"labels": labels("What it offers besides its platform."),
		}},
		{name: "mail", keys: recipe.MailKeys(), required: []string{"smtp", "from"}, props: map[string]node{
			"smtp":          prose("The server that takes mail: HOST:PORT."),
			"from":          prose("The address of the sender."),
			"tls":           choice("How the connection is encrypted.", recipe.StartTLS, recipe.TLS, recipe.NoTLS),
			"user":          text("Who to log in as."),
			"password_file": prose("A file whose first line is the password."),
			"away":          duration("How long a worker is away before its owner is told."),
			"digest":        duration("How often the owners of a project are told, at most."),
		}},
		{name: "lock", keys: recipe.LockKeys(), props: map[string]node{
			"count": number("How many shares it has.", 1, jobs.MaxShares),
			"scope": choice("Among whom it is shared: all builds of the farm, or those of each worker.", "farm", "worker"),
		}},
		{name: "secret", keys: recipe.SecretKeys(), one: recipe.SecretKeys().Known, props: map[string]node{
			"file": prose("A file whose first line is the value, relative to this one."),
			"env":  prose("A variable of the server's environment."),
		}},
		{name: "hooks", keys: strict.Keys{Known: recipe.Dialects()}, props: hooks()},
		{name: "hook", keys: recipe.HookKeys(), required: []string{"secret"}, props: map[string]node{
			"secret": pattern("The name of the secret with which the forge signs.", variableForm),
		}},
		{name: "project", about: "A project: something with revisions and a recipe.", keys: recipe.ProjectKeys(), required: []string{"source"}, props: map[string]node{
			"source":    either("Where its revisions come from; none if there is nothing to check out.", node{"const": "none"}, ref("source")),
			"upstreams": list("Projects that it is tested against.", node{"anyOf": []node{text(""), ref("upstream")}}),
			"jobs":      titled("How it is built and tested, by name.", ref("job")),
			"recipe":    choice("Where the jobs come from instead: .weir.yaml in the repository; or that, or what is detected.", weir.RecipeRepository, weir.RecipeAuto),
			"owners":    list("Mail addresses of who is told what is new of its flaky tests.", prose("")),
			"secrets":   secrets("Secrets that the recipe in its repository may use."),
			"formerly":  list("Names that the project had: their history is this one's.", text("")),
		}},
		{name: "upstream", keys: recipe.UpstreamKeys(), required: []string{"project"}, props: map[string]node{
			"project": text("The upstream's name."), "job": text("The job whose product is handed down, if there are several."),
		}},
		{name: "recipe", about: "The recipe of a repository.", keys: recipe.RepositoryKeys(), scratch: true, props: map[string]node{
			"jobs": titled("How the project is built and tested, by name.", ref("job")),
		}},
	}
}

func hooks() map[string]node {
	out := map[string]node{}
	for _, d := range recipe.Dialects() {
		out[d] = ref("hook")
	}
	return out
}

func sourceMapping() mapping {
	patterns := func(about string) node { return list(about, text("")) }
	return mapping{name: "source", about: "Where a project's revisions come from.", keys: sources.Keys(), one: sources.Kinds(), props: map[string]node{
		"git":           prose("What git clones: a URL, USER@HOST:PATH or a path."),
		"hg":            prose("What Mercurial clones: a URL or a path."),
		"svn":           prose("A Subversion repository, without its branch: a URL or a path."),
		"archive":       pattern("The URL of tar or zip files, with {version} in it.", `\{version\}`),
		"go":            prose("A module of the Go registry."),
		"npm":           prose("A package of the npm registry."),
		"pypi":          prose("A project of the Python package index."),
		"branch":        text("The branch to follow; for svn a path, such as trunk. Without it the remote's default."),
		"poll":          duration("How often to look for new revisions; 2m if not said."),
		"from":          text("The revision at which history starts on this farm."),
		"to":            text("The last revision to look at."),
		"versions":      list("Versions that exist whatever the registry lists.", text("")),
		"only_versions": boolean("versions is the whole list."),
		"index":         pattern("The URL of the registry, or of a page that links to the archives.", `^(https?|file)://`),
		"credentials":   pattern("The name of the secret with which the source is read.", variableForm),
		"clean":         choice("How clean a checkout is when its first step begins.", weir.Cleans()...),
		"depth":         number("How many commits of history the checkout has; 0 for all.", 0, sources.MaxDepth),
		"submodules":    boolean("With submodules or subrepositories."),
		"lfs":           boolean("With large files of git-lfs."),
		"branches":      patterns("Patterns of further branches, each with builders of its own."),
		"tags":          patterns("Patterns of tags that are built, once each."),
		"settle":        duration("How long a branch must have been quiet before it is built."),
		"files":         patterns("Patterns of paths: a revision that touches none of them sets nothing off."),
		"ignore":        patterns("Patterns of paths that do not count."),
		"skip_markers":  boolean("false: markers in messages, such as [skip ci], mean nothing."),
		"pulls":         either("Which pull requests are built without approval.", pullPolicy(), ref("pulls")),
	}}
}

func pullPolicy() node {
	return choice("Whose are built without approval: nobody's, those from the repository itself, all.", weir.PullsHeld, weir.PullsOwn, weir.PullsAllowed)
}

func when(about string) node { return choice(about, "passed", "failed", "always") }

func condition(about string) node {
	return node{"type": []string{"string", "boolean"}, "description": about}
}

func jobMapping() mapping {
	return mapping{name: "job", about: "A job: a named part of a recipe.", keys: jobs.Keys(), required: []string{"steps"}, props: map[string]node{
		"platforms":     platforms("Where it runs; one builder for each."),
		"labels":        labels("A worker must offer all of them."),
		"steps":         list("The commands, in order.", node{"anyOf": []node{prose("A command."), ref("step")}}),
		"env":           env("Variables for every step."),
		"product":       choice("What is handed to downstream builds.", "$WEIR_PREFIX", "${WEIR_PREFIX}", "$WEIR_PREFIX/", "${WEIR_PREFIX}/"),
		"results":       list("The files that tests leave: {junit: PATH}.", resultFile()),
		"checkout_dir":  text("The name of the checkout's directory."),
		"timeout":       duration("For the whole attempt; 1h if not said."),
		"quiet":         duration("Ends a step that prints nothing for so long; 20m if not said."),
		"matrix":        matrix(),
		"needs":         list("Jobs that end first.", text("")),
		"when":          when("How those must have ended."),
		"if":            condition("A condition over what is known before a build is made."),
		"on":            list("What sets it off.", choice("", jobs.StartCauses()...)),
		"cron":          either("When it starts by itself.", prose(""), ref("cron"), list("", node{"anyOf": []node{prose(""), ref("cron")}})),
		"params":        named("What a person may choose who starts it, by name.", ref("param")),
		"priority":      number("Its builds go before others (above 0) or behind.", -100, 100),
		"locks":         list("Locks that it holds while it runs.", node{"anyOf": []node{text(""), ref("lockUse")}}),
		"superseded":    choice("Which builds are cancelled when a newer revision comes: those that wait, those that run too, none.", "waiting", "running", "never"),
		"allow_failure": boolean("A bad build of it is nobody's trouble."),
		"secrets":       secrets("Secrets that every step finds in its environment."),
		"services":      named("Commands that run beside the steps, by name.", ref("service")),
		"caches":        list("What builds leave on their worker for later ones.", ref("cache")),
		"artifacts":     list("Files that are kept for people.", node{"anyOf": []node{text(""), ref("artifact")}}),
		"shell":         choice("Runs the steps that do not name one.", weir.Shells()...),
		"formerly":      list("Names that the job had: their history is this one's.", text("")),
	}}
}

func resultFile() node {
	props := node{}
	for _, f := range weir.ResultFormats() {
		props[string(f)] = text("")
	}
	return node{"type": "object", "properties": props, "additionalProperties": false, "minProperties": 1, "maxProperties": 1}
}

// matrix is axes, and the two keys that are none.
func matrix() node {
	value := node{"type": []string{"string", "number", "boolean"}}
	override := overrides().schema()
	override["additionalProperties"] = value
	out := named("The variants of the job: axes with their values.", list("The values of an axis.", value))
	out["properties"] = node{
		"include": list("Cells that are added, or have something in place of the job's own.", override),
		"exclude": list("Cells that are left out.", node{"type": "object", "additionalProperties": value}),
	}
	return out
}

// overrides is what an entry of include may hold besides values of axes.
func overrides() mapping {
	return mapping{keys: jobs.OverrideKeys(), props: map[string]node{
		"platforms":     platforms("Where the cell runs."),
		"labels":        labels("A worker must offer all of them."),
		"env":           env("Variables beside the job's own."),
		"timeout":       duration("For the whole attempt."),
		"allow_failure": boolean("A bad build of the cell is nobody's trouble."),
	}}
}

func stepMapping() mapping {
	return mapping{name: "step", about: "A step: one command of a job.", keys: jobs.StepKeys(), one: []string{"run", "script"}, props: map[string]node{
		"name":          text("Its name."),
		"run":           prose("The command, handed to the shell."),
		"script":        prose("A file of the checkout that is run instead."),
		"shell":         choice("Runs the command.", weir.Shells()...),
		"dir":           text("Where it runs, below the checkout."),
		"env":           env("Variables for this step."),
		"secrets":       secrets("Secrets that it finds in its environment."),
		"timeout":       duration("For this step."),
		"quiet":         duration("Ends it if it prints nothing for so long."),
		"when":          when("How the steps before it must have ended."),
		"if":            condition("A condition over what is known when its turn has come."),
		"allow_failure": boolean("The build goes on, and may pass, if it fails."),
		"retry":         number("How often it is run again at once if it failed.", 0, weir.MaxStepRetry),
	}}
}

func smallMappings() []mapping {
	return []mapping{
		{name: "pulls", keys: sources.PullKeys(), required: []string{"build"}, props: map[string]node{
			"build":   pullPolicy(),
			"trusted": list("Users whose pull requests need no approval, by the forge's id.", text("")),
		}},
		{name: "cron", keys: jobs.CronKeys(), required: []string{"at"}, props: map[string]node{
			"at":      prose("Minute, hour, day of the month, month, day of the week."),
			"zone":    prose("A time zone, such as Europe/Berlin; UTC if not said."),
			"changed": boolean("Left out when nothing has changed since the last time."),
		}},
		{name: "param", keys: jobs.ParamKeys(), props: map[string]node{
			"type":     choice("What values it may have.", "text", string(weir.ParamNumber), string(weir.ParamBool), string(weir.ParamChoice)),
			"default":  node{"type": []string{"string", "number", "boolean"}, "description": "Its value if nobody chooses one."},
			"choices":  list("The values it may have.", node{"type": []string{"string", "number", "boolean"}}),
			"required": boolean("Somebody must choose."),
			"help":     text("One line for people."),
		}},
		{name: "lockUse", keys: jobs.LockKeys(), required: []string{"name"}, props: map[string]node{
			"name": text("The lock."), "count": number("How many shares it takes.", 1, jobs.MaxShares),
		}},
		{name: "service", keys: jobs.ServiceKeys(), required: []string{"run"}, props: map[string]node{
			"run":     prose("The command, handed to the shell."),
			"env":     env("Variables for it."),
			"ready":   prose("A command that is run again and again until it succeeds, before the first step."),
			"timeout": duration("How long that may take; 1m if not said."),
		}},
		{name: "cache", keys: jobs.CacheKeys(), required: []string{"paths", "key"}, props: map[string]node{
			"paths":    list("Paths below the checkout, or below the home directory if they start with ~/.", text("")),
			"key":      text("Names a state of it: {platform}, {branch}, {job}, {VARIABLE} and {hash:PATTERN} are replaced."),
			"fallback": list("Beginnings of keys to take instead.", text("")),
		}},
		{name: "artifact", keys: jobs.ArtifactKeys(), required: []string{"path"}, props: map[string]node{
			"path": text("A pattern of paths below the checkout."),
			"keep": duration("How long they are kept; 720h if not said."),
			"when": when("How the build must have ended."),
		}},
	}
}
