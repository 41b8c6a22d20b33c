package detect

import (
	"path"
	"strings"

	"github.com/weir-ci/weir"
)

// maven recognises Maven projects.
func maven(_ Options, d dirView) *finding {
	if !d.has("pom.xml") {
		return nil
	}
	f := &finding{tool: Maven, file: "pom.xml", text: "a Maven project; surefire writes JUnit"}
	mvn := "mvn"
	if d.has("mvnw") {
		mvn = "sh ./mvnw"
		f.note("mvnw", "brings the version of Maven that the project wants")
	}
	mvn += " --batch-mode --no-transfer-progress"
	f.tests = d.find(func(p string) bool { return strings.Contains("/"+p, "/src/test/") }) != ""
	if !f.tests {
		f.text = "a Maven project without tests: it is built only"
		f.step("build", mvn+" package")
		return f
	}
	f.step("build", mvn+" -DskipTests test-compile")
	f.step("test", mvn+" --fail-at-end test")
	f.result(weir.JUnit, "**/target/surefire-reports/TEST-*.xml")
	return f
}

// gradle recognises Gradle projects.
func gradle(_ Options, d dirView) *finding {
	file := d.first("settings.gradle", "settings.gradle.kts", "build.gradle", "build.gradle.kts")
	if file == "" {
		return nil
	}
	f := &finding{tool: Gradle, file: file, text: "a Gradle project; it writes JUnit"}
	command := "gradle"
	if d.has("gradlew") {
		command = "sh ./gradlew"
		f.note("gradlew", "brings the version of Gradle that the project wants")
	}
	command = "GRADLE_USER_HOME=\"$HOME/.gradle\" " + command + " --no-daemon --console=plain"
	f.tests = d.find(func(p string) bool {
		return strings.Contains("/"+p, "/src/test/") || strings.Contains("/"+p, "Test/kotlin/") || strings.Contains("/"+p, "Test/java/")
	}) != ""
	if !f.tests {
		f.text = "a Gradle project without tests: it is built only"
		f.step("build", command+" assemble")
		return f
	}
	f.step("test", command+" --continue test")
	f.result(weir.JUnit, "**/build/test-results/**/TEST-*.xml")
	return f
}

// dotnet recognises solutions and projects of .NET.
func dotnet(_ Options, d dirView) *finding {
	file := ""
	for _, pattern := range []string{"*.sln", "*.slnx", "*.csproj", "*.fsproj", "src/*.sln"} {
		if m := d.match(pattern, 1); len(m) > 0 && file == "" {
			file = m[0]
		}
	}
	if file == "" {
		return nil
	}
	f := &finding{tool: DotNet, file: file, text: "a .NET project"}
	f.setEnv("DOTNET_CLI_TELEMETRY_OPTOUT", "1")
	f.setEnv("DOTNET_NOLOGO", "1")
	f.step("build", "dotnet build "+quote(file))
	isTest := func(p string) bool {
		name := path.Base(p)
		return strings.HasSuffix(name, "proj") && (strings.Contains(strings.ToLower(name), "test") || strings.Contains(d.text(p), "Microsoft.NET.Test.Sdk"))
	}
	sign := d.find(isTest)
	if sign == "" {
		f.text += " without tests: it is built only"
		return f
	}
	f.tests = true
	f.note(sign, "has tests; dotnet test writes JUnit only with a package of its own, so that the job is judged by its steps")
	f.step("test", "dotnet test --no-build "+quote(file))
	return f
}
