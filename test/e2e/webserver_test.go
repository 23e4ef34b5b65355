package e2e

import (
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// webserver DIRECTORY: serve the files of a directory on the loopback address, and what ends in .git as repositories; WEB is the address, WEBHOST its
// host:port. It ends with the script.
func webserver(ts *testscript.TestScript, neg bool, args []string) {
	plain(ts, "webserver", neg, len(args) == 1)
	dir := ts.MkAbs(args[0])
	out, err := exec.Command("git", "--exec-path").Output()
	ts.Check(err)
	git := &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(out)), "git-http-backend"),
		// The repositories are those of the user who runs the test, whoever git takes that for.
		Env: []string{"GIT_PROJECT_ROOT=" + dir, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"},
	}
	files := http.FileServer(http.Dir(dir))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, ".git/") {
			git.ServeHTTP(w, r)
			return
		}
		files.ServeHTTP(w, r)
	}))
	ts.Defer(server.Close)
	ts.Setenv("WEB", server.URL)
	ts.Setenv("WEBHOST", strings.TrimPrefix(server.URL, "http://"))
}
