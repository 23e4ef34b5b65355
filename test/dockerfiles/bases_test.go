package dockerfiles

import (
	_ "embed"
	"maps"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/pod-engine/pod/internal/podtest"
)

// standin is the program that all tools of the bases are links to.
//
//go:embed standin.sh
var standin []byte

const tools = "addgroup adduser apk apt-get bundle cargo composer docker-php-ext-enable docker-php-ext-install dotnet gcc go gradle groupadd jar " +
	"java javac mvn nginx npm pip pnpm python useradd yarn"

// base is an image under the name that Dockerfiles know.
type base struct {
	config v1.Config
	files  podtest.Files // above those that all have
}

// bases are images that have the configuration of those with the same name, and instead of their tools ones that do something like it.
func bases() map[string]base {
	return map[string]base{
		"alpine:3.22":        {},
		"busybox:1.37":       {},
		"debian:12-slim":     {config: v1.Config{Cmd: []string{"bash"}}},
		"gcc:15":             {},
		"golang:1.26-alpine": {config: v1.Config{Env: []string{"GOPATH=/go", "GOTOOLCHAIN=local"}, WorkingDir: "/go"}},
		"rust:1.90-slim":     {config: v1.Config{Env: []string{"CARGO_HOME=/usr/local/cargo", "RUSTUP_HOME=/usr/local/rustup"}}},
		"node:24-alpine":     {config: v1.Config{Env: []string{"NODE_VERSION=24.1.0"}, Entrypoint: []string{"docker-entrypoint.sh"}, Cmd: []string{"node"}}, files: account("node", "1001")},
		"python:3.13-slim":   {config: v1.Config{Env: []string{"LANG=C.UTF-8"}, Cmd: []string{"python3"}}},
		"ruby:3.4":           {config: v1.Config{Env: []string{"GEM_HOME=/usr/local/bundle"}, Cmd: []string{"irb"}}},
		"eclipse-temurin:25": {config: v1.Config{Env: []string{"JAVA_HOME=/opt/java/openjdk"}, Cmd: []string{"jshell"}}},
		"maven:3.9":          {config: v1.Config{Entrypoint: []string{"/usr/local/bin/mvn-entrypoint.sh"}, Cmd: []string{"mvn"}}},
		"gradle:9":           {config: v1.Config{Cmd: []string{"gradle"}, WorkingDir: "/home/gradle"}},
		"composer:2":         {config: v1.Config{Entrypoint: []string{"/docker-entrypoint.sh"}, Cmd: []string{"composer"}, WorkingDir: "/app"}},
		"php:8.4-fpm":        {config: v1.Config{WorkingDir: "/var/www/html", StopSignal: "SIGQUIT", ExposedPorts: ports("9000/tcp"), Cmd: []string{"php-fpm"}}, files: account("www-data", "82")},
		"nginx:1.29-alpine":  {config: v1.Config{ExposedPorts: ports("80/tcp"), StopSignal: "SIGQUIT", Entrypoint: []string{"/docker-entrypoint.sh"}, Cmd: []string{"nginx", "-g", "daemon off;"}}, files: nginx()},
		"tomcat:11":          {config: v1.Config{Env: []string{"CATALINA_HOME=/usr/local/tomcat"}, WorkingDir: "/usr/local/tomcat", ExposedPorts: ports("8080/tcp"), Cmd: []string{"catalina.sh", "run"}}},
		"postgres:18":        {config: v1.Config{Env: []string{"PGDATA=/var/lib/postgresql/data"}, Volumes: ports("/var/lib/postgresql/data"), StopSignal: "SIGINT"}},
		"buildpack:onbuild":  {config: v1.Config{WorkingDir: "/usr/src/app", OnBuild: []string{"ARG NODE_ENV", "ENV NODE_ENV $NODE_ENV", "COPY package.json /usr/src/app/", "RUN npm install", "COPY . /usr/src/app"}}},
		"legacy:healthy":     {config: v1.Config{User: "app", Labels: map[string]string{"base": "legacy", "version": "0"}, Healthcheck: &v1.HealthConfig{Test: []string{"CMD", "true"}, Retries: 5}, Shell: []string{"/bin/ash", "-ec"}, Env: []string{"A=from base", "B=$A"}}},
		"distroless:static":  {config: v1.Config{User: "65532", Env: []string{"SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"}, WorkingDir: "/"}},
	}
}

func ports(names ...string) map[string]struct{} {
	set := map[string]struct{}{}
	for _, n := range names {
		set[n] = struct{}{}
	}
	return set
}

// account is /etc/passwd and /etc/group with one user more.
func account(user, id string) podtest.Files {
	return podtest.Files{
		"etc/passwd": podtest.Text(passwd + user + ":x:" + id + ":" + id + "::/home/" + user + ":/bin/sh\n"),
		"etc/group":  podtest.Text(group + user + ":x:" + id + ":\n"),
	}
}

func nginx() podtest.Files {
	files := account("nginx", "101")
	files["etc/nginx/nginx.conf"] = podtest.Text("include /etc/nginx/conf.d/*.conf;\n")
	files["etc/nginx/conf.d/default.conf"] = podtest.Text("server { listen 80; }\n")
	files["usr/share/nginx/html/index.html"] = podtest.Text("<h1>Welcome to nginx!</h1>\n")
	files["var/log/nginx/access.log"] = podtest.File{Link: "/dev/stdout"}
	return files
}

const (
	passwd = "root:x:0:0:root:/root:/bin/sh\nbin:x:1:1:bin:/bin:/bin/false\nnobody:x:65534:65534:nobody:/:/bin/false\napp:x:1000:1000:app:/home/app:/bin/sh\n"
	group  = "root:x:0:\nbin:x:1:\nnogroup:x:65534:\nwheel:x:10:app\napp:x:1000:\nstaff:x:50:\n"
)

// common are the files of all bases.
func common() (podtest.Files, error) {
	box, err := podtest.Busybox()
	if err != nil {
		return nil, err
	}
	files := maps.Clone(box.Layers[0])
	delete(files, "home/pod")
	maps.Copy(files, podtest.Files{
		"etc/passwd": podtest.Text(passwd), "etc/group": podtest.Text(group),
		"etc/hosts": podtest.Text(""), "etc/resolv.conf": podtest.Text(""), "etc/hostname": podtest.Text(""),
		"home/app": {Mode: os.ModeDir | 0o755, UID: 1000, GID: 1000},
		"opt":      podtest.Dir(0o755), "srv": podtest.Dir(0o755), "usr/local/lib": podtest.Dir(0o755),
		"usr/local/bin/standin": {Body: standin, Mode: 0o755},
	})
	for tool := range strings.FieldsSeq(tools) {
		files["usr/local/bin/"+tool] = podtest.File{Link: "standin"}
	}
	return files, nil
}

// baseImages are the bases by name.
func baseImages() (map[string]v1.Image, error) {
	lowest, err := common()
	if err != nil {
		return nil, err
	}
	images := map[string]v1.Image{}
	for ref, b := range bases() {
		spec := podtest.ImageSpec{Layers: []podtest.Files{lowest}, Config: b.config}
		if b.files != nil {
			spec.Layers = append(spec.Layers, b.files)
		}
		spec.Config.Env = append([]string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, spec.Config.Env...)
		if images[ref], err = spec.Image(); err != nil {
			return nil, err
		}
	}
	return images, nil
}

// writeBases writes an archive with all bases.
func writeBases(file string) error {
	images, err := baseImages()
	if err != nil {
		return err
	}
	named := map[name.Tag]v1.Image{}
	for ref, image := range images {
		tag, err := name.NewTag("docker.io/library/" + ref)
		if err != nil {
			return err
		}
		named[tag] = image
	}
	return tarball.MultiWriteToFile(file, named)
}
