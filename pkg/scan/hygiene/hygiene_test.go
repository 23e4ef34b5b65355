package hygiene

import (
	"encoding/base64"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/pod-engine/pod/pkg/scan"
	"github.com/pod-engine/pod/pkg/scan/layerfs/layertest"
)

const passwd = "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/home/app:/bin/sh\ntoor:x:0:0::/:/bin/sh\n"

// key is made up: the form of a private key around nothing.
func key() string {
	return "-----BEGIN OPENSSH " + "PRIVATE KEY-----\n" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("no key ", 20))) + "\n-----END"
}

// find gives the findings as "rule path message".
func find(t *testing.T, c scan.Config, layers ...layertest.Layer) (lines []string) {
	t.Helper()
	s := Subject{Config: c, Files: layertest.Image(t, layers...)}
	for i := range layers {
		s.Layers = append(s.Layers, scan.Layer{Instruction: fmt.Sprint("step ", i+1)})
	}
	found, _, err := Find(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if f.Severity == scan.None || f.Layer > 0 && f.Instruction != fmt.Sprint("step ", f.Layer) {
			t.Errorf("incomplete: %+v", f)
		}
		lines = append(lines, strings.Join(strings.Fields(f.Rule+" "+f.Path+" "+f.Message), " "))
	}
	slices.Sort(lines)
	return lines
}

// good is a configuration without faults.
func good() scan.Config { return scan.Config{User: "app", Healthcheck: true} }

func compare(t *testing.T, got []string, want ...string) {
	t.Helper()
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestConfiguration(t *testing.T) {
	base := layertest.Layer{"etc/passwd": layertest.Text(passwd)}
	with := func(change func(*scan.Config)) scan.Config {
		c := good()
		change(&c)
		return c
	}
	history := func(lines ...string) scan.Config {
		return with(func(c *scan.Config) {
			for _, l := range lines {
				c.History = append(c.History, scan.Step{CreatedBy: l, Empty: true})
			}
		})
	}
	token := "ghp_" + strings.Repeat("aB3", 12)
	cases := map[string]struct {
		config scan.Config
		want   []string
	}{
		"good":            {good(), nil},
		"no user":         {with(func(c *scan.Config) { c.User = "" }), []string{"root-user the image says no user, so its process is root"}},
		"root":            {with(func(c *scan.Config) { c.User = "root:app" }), []string{"root-user the image says no user, so its process is root"}},
		"another root":    {with(func(c *scan.Config) { c.User = "toor" }), []string{`root-user the user "toor" of the image has the number 0`}},
		"number":          {with(func(c *scan.Config) { c.User = "1000:0" }), nil},
		"unknown user":    {with(func(c *scan.Config) { c.User = "ghost" }), []string{`user-missing the user "ghost" has no line in /etc/passwd: no container will start`}},
		"unknown number":  {with(func(c *scan.Config) { c.User = "77" }), []string{"user-missing the user 77 has no line in /etc/passwd: programs that ask for its name or home fail"}},
		"no health check": {with(func(c *scan.Config) { c.Healthcheck = false }), []string{"no-healthcheck nothing says whether a container of this image works"}},
		"password": {with(func(c *scan.Config) {
			c.Env = []string{"PATH=/bin", "DB_PASSWORD=x", "TOKEN_FILE=/run/t", "API_KEY=", "USE_TOKEN=true"}
		}), []string{`secret-env the variable "DB_PASSWORD" has a value in the image`}},
		"token": {with(func(c *scan.Config) { c.Env = []string{"X=" + token} }), []string{`secret-env the variable "X" holds a token of GitHub`}},
		"latest base": {with(func(c *scan.Config) {
			c.Labels = map[string]string{"org.opencontainers.image.base.name": "docker.io/library/alpine:latest"}
		}), []string{`latest-base it is built on "docker.io/library/alpine:latest", which is another image at another time`}},
		"base with port": {with(func(c *scan.Config) {
			c.Labels = map[string]string{"org.opencontainers.image.base.name": "localhost:5000/a"}
		}), []string{`latest-base it is built on "localhost:5000/a", which is another image at another time`}},
		"fixed base": {with(func(c *scan.Config) {
			c.Labels = map[string]string{"org.opencontainers.image.base.name": "localhost:5000/a:1"}
		}), nil},
		"base of buildah":     {with(func(c *scan.Config) { c.History = []scan.Step{{Comment: "FROM localhost/a:latest"}} }), []string{`latest-base it is built on "localhost/a:latest", which is another image at another time`}},
		"remote":              {history("ADD https://user:pass@example.org/x.tar /x # buildkit", "/bin/sh -c #(nop) ADD file:abc in / ", "ADD --checksum=sha256:00 https://example.org/y /"), []string{"remote-add https://example.org/x.tar is added without a checksum"}},
		"token in history":    {history("RUN curl -H " + token + " https://example.org"), []string{"secret-history an instruction holds a token of GitHub"}},
		"build argument":      {history("RUN |2 VERSION=1 NPM_TOKEN=abc /bin/sh -c make # buildkit", "RUN |x y"), []string{`secret-history the value of the build argument "NPM_TOKEN" is in the history`}},
		"hostile arguments":   {history("RUN |999999999 A=b"), nil},
		"example in the docs": {with(func(c *scan.Config) { c.Env = []string{"X=AKIAIOSFODNN7EXAMPLE"} }), nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) { compare(t, find(t, c.config, base), c.want...) })
	}
}

func TestSecrets(t *testing.T) {
	text := layertest.Text
	base := layertest.Layer{"etc/passwd": text(passwd)}
	cases := map[string]struct {
		body string
		want string // what; empty: nothing
	}{
		"root/.ssh/id_rsa":                   {"x\n" + key(), "a private key"},
		"app/main.go":                        {"if line == \"-----BEGIN " + "PRIVATE KEY-----\" {\n", ""},
		"root/.npmrc":                        {"registry=https://x\n//x/:_authToken=abc\n", "the credentials of npm"},
		"app/.npmrc":                         {"//x/:_authToken=${NPM_TOKEN}\n", ""},
		"root/.netrc":                        {"machine x login y password z\n", "the password of a server"},
		"root/.docker/config.json":           {`{"auths":{"x":{"auth":"` + base64.StdEncoding.EncodeToString([]byte("u:p")) + `"}}}`, "the credentials of a registry"},
		"home/app/.docker/config.json":       {`{"auths":{"x":{}},"credsStore":"pass"}`, ""},
		"root/.dockercfg":                    {`{"x":{"auth":"dTpw"}}`, "the credentials of a registry"},
		"root/.aws/credentials":              {"[default]\naws_secret_access_key = abcdef\n", "the credentials of AWS"},
		"root/.git-credentials":              {"https://me:secret@example.org\n", "the password of a server"},
		"root/.kube/config":                  {"users:\n- user:\n    token: abc\n", "the credentials of a Kubernetes cluster"},
		"app/.env":                           {"AWS_KEY=" + "AKIA" + "QWERTYUIOPASDFGH\n", "an access key of AWS"},
		"app/settings.py":                    {"KEY = 'AIza" + strings.Repeat("Sy7", 11) + "Zq'\n", "an API key of Google"},
		"app/.gitlab":                        {"glpat-" + strings.Repeat("Ab1_", 5), "a token of GitLab"},
		"usr/lib/python3/test/keys.pem":      {key(), ""},
		"app/node_modules/x/test/server.key": {key(), ""},
		"usr/share/doc/openssl/demo.pem":     {key(), ""},
		"usr/local/etc/server.key":           {key(), "a private key"},
		"etc/ssl/private/server.key":         {key(), "a private key"},
		"etc/ssl/certs/ca.pem":               {key(), ""},
		"app/program":                        {"\x00\x01binary " + key(), ""},
		"app/sk":                             {"stripe: " + "sk_" + "live_" + strings.Repeat("a1", 12), "a key of Stripe"},
		"app/account.json":                   {`{"type":"service_account","private_key_id":"` + strings.Repeat("0a", 10) + strings.Repeat("b1", 10) + `"}`, "a service account key of Google Cloud"},
		"app/azure":                          {"DefaultEndpointsProtocol=https;AccountKey=" + strings.Repeat("aB", 43) + "==;", "a storage key of Azure"},
	}
	for name, c := range cases {
		t.Run(strings.ReplaceAll(name, "/", "_"), func(t *testing.T) {
			var want []string
			if c.want != "" {
				want = []string{"secret-file /" + name + " it holds " + c.want}
			}
			compare(t, find(t, good(), base, layertest.Layer{name: text(c.body)}), want...)
		})
	}
}

// What a layer deletes or replaces is still there for everybody who has the image.
func TestSecretsInHiddenFiles(t *testing.T) {
	text := layertest.Text
	got := find(t, good(),
		layertest.Layer{"etc/passwd": text(passwd), "app/id_rsa": text(key()), "app/.env": text("T=ghp_" + strings.Repeat("aB3", 12)), "root/.bash_history": text("ls")},
		layertest.Layer{"app/id_rsa": layertest.Whiteout(), "app/.env": text("nothing")},
		layertest.Layer{"root/.bash_history": layertest.Whiteout()},
	)
	compare(t, got,
		"secret-file /app/id_rsa it holds a private key; deleted in layer 2, but still in layer 1",
		"secret-file /app/.env it holds a token of GitHub; replaced in layer 2, but still in layer 1",
		"shell-history /root/.bash_history what was typed in a shell or client is in the image; deleted in layer 3, but still in layer 1",
	)
}

func TestFiles(t *testing.T) {
	text := layertest.Text
	big := func(n int64) layertest.File { return layertest.File{Size: n} }
	got := find(t, good(),
		layertest.Layer{
			"etc/passwd": text(passwd), "etc/shadow": text("root::1:0:9:7:::\napp:!:1:0:9:7:::\n"),
			"bin/su": {Body: "x", Mode: fs.ModeSetuid | 0o755}, "bin/wall": {Body: "x", Mode: fs.ModeSetgid | 0o755},
			"bin/both": {Body: "x", Mode: fs.ModeSetuid | fs.ModeSetgid | 0o755}, "app/data": {Body: "x", Mode: fs.ModeSetgid | 0o644},
			"srv/open": {Body: "x", Mode: 0o666}, "srv/dir": layertest.Dir(0o777), "tmp": layertest.Dir(fs.ModeSticky | 0o777), "srv/link": {Link: "open"},
			"opt/big": big(5_000_000), "opt/kept": {Size: 9_000_000, Inode: 5}, "opt/name": {Size: 9_000_000, Inode: 5},
			"opt/s1": big(900_000), "opt/s2": big(900_000), "opt/s3": big(900_000), "opt/s4": big(900_000), "opt/s5": big(900_000),
			"var/lib/apt/lists/a_b_Packages": big(70_000), "var/lib/apt/lists/lock": big(0), "root/.cache/pip/http/x": big(100_000),
			"root/.npm/_cacache/small": big(10),
		},
		layertest.Layer{"opt": {Mode: fs.ModeDir | 0o755, Opaque: true}, "opt/kept": text("new")},
	)
	compare(t, got,
		`empty-password /etc/shadow the account "root" needs no password`,
		"setuid /bin/su who runs it becomes the user 0", "setuid /bin/wall who runs it gets the group 0",
		"setuid /bin/both who runs it becomes the user 0 with the group 0",
		"world-writable-file /srv/open everybody in the container may write it",
		"world-writable-dir /srv/dir everybody in the container may replace what others have in it",
		"removed-files /opt/big 5MB are wasted; deleted in layer 2, but still in layer 1",
		"removed-files /opt/kept 9MB are wasted; replaced in layer 2, but still in layer 1",
		"removed-files small files of layer 1 that later layers delete or replace take 4.5MB",
		"package-cache /var/lib/apt/lists package lists of apt take 70kB",
		"package-cache /root/.cache/pip/http packages of pip take 100kB",
	)
}

// An image with very many faults is told of in a report that can be read.
func TestFindingsAreLimited(t *testing.T) {
	layer := layertest.Layer{"etc/passwd": layertest.Text(passwd)}
	for i := range 3 * perRule {
		layer[fmt.Sprint("open/", i)] = layertest.File{Body: "x", Mode: 0o666}
	}
	found, notes, err := Find(t.Context(), Subject{Config: good(), Files: layertest.Image(t, layer), Layers: make([]scan.Layer, 1)})
	if err != nil || len(found) != perRule || len(notes) != 1 || notes[0] != "1000 more findings of the rule world-writable-file are left out" {
		t.Errorf("%d findings, notes %q, %v", len(found), notes, err)
	}
}

// Every rule is named once and says all that help and reports show of it.
func TestRulesAreComplete(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range scan.Rules() {
		if seen[r.Name] || r.Severity == scan.None || r.Title == "" || r.Advice == "" {
			t.Errorf("%+v", r)
		}
		seen[r.Name] = true
	}
}
