package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/crypto/bcrypt"

	"github.com/pod-engine/pod/internal/podtest"
)

// registry docker [-tls] [-user NAME:PASSWORD]: start Debian's docker-registry, empty, on the loopback address, and set REGISTRY to its
// host:port. With -tls its certificate is signed by the authority in $WORK/ca.crt, which is also put into certs.d of this world;
// without, plain HTTP is allowed in its registries.conf. It ends with the script.
func startDockerRegistry(ts *testscript.TestScript, args []string) {
	r := dockerRegistry{dir: filepath.Join(ts.Getenv("WORK"), ".registry")}
	for len(args) > 0 {
		switch {
		case args[0] == "-tls":
			r.tls, args = true, args[1:]
		case args[0] == "-user" && len(args) > 1:
			r.user, args = args[1], args[2:]
		default:
			ts.Fatalf("registry docker: what is %q?", args[0])
		}
	}
	r.host = freePort(ts)
	ts.Check(os.MkdirAll(r.dir, 0o700))
	ts.Check(os.WriteFile(filepath.Join(r.dir, "config.yml"), []byte(r.config(ts)), 0o600))
	r.trust(ts)
	log, err := os.Create(filepath.Join(r.dir, "log"))
	ts.Check(err)
	defer log.Close()
	cmd := exec.Command("docker-registry", "serve", filepath.Join(r.dir, "config.yml"))
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), "OTEL_TRACES_EXPORTER=none")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	ts.Check(cmd.Start())
	ts.Defer(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	r.wait(ts)
	ts.Setenv("REGISTRY", r.host)
}

type dockerRegistry struct {
	dir, host, user string
	tls             bool
}

// freePort gives an address where nobody listens now.
func freePort(ts *testscript.TestScript) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	defer l.Close()
	return l.Addr().String()
}

// config is the registry's configuration, for which it writes passwords and certificates.
func (r dockerRegistry) config(ts *testscript.TestScript) string {
	text := fmt.Sprintf("version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s/data}, delete: {enabled: true}}\nhttp:\n  addr: %s\n", r.dir, r.host)
	if r.tls {
		writeCertificates(ts, r.dir)
		text += fmt.Sprintf("  tls: {certificate: %s/server.crt, key: %s/server.key}\n", r.dir, r.dir)
	}
	if name, password, ok := strings.Cut(r.user, ":"); ok {
		hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
		ts.Check(err)
		ts.Check(os.WriteFile(filepath.Join(r.dir, "htpasswd"), fmt.Appendf(nil, "%s:%s\n", name, hash), 0o600))
		text += fmt.Sprintf("auth: {htpasswd: {realm: test, path: %s/htpasswd}}\n", r.dir)
	}
	return text
}

// trust makes this world accept the registry.
func (r dockerRegistry) trust(ts *testscript.TestScript) {
	config := filepath.Join(ts.Getenv("XDG_CONFIG_HOME"), "containers")
	if !r.tls {
		ts.Check(os.MkdirAll(config, 0o700))
		text := fmt.Sprintf("[[registry]]\nlocation = %q\ninsecure = true\n", r.host)
		ts.Check(os.WriteFile(filepath.Join(config, "registries.conf"), []byte(text), 0o600))
		return
	}
	certs := filepath.Join(config, "certs.d", r.host)
	ts.Check(os.MkdirAll(certs, 0o700))
	ca, err := os.ReadFile(filepath.Join(r.dir, "ca.crt"))
	ts.Check(err)
	ts.Check(os.WriteFile(filepath.Join(certs, "ca.crt"), ca, 0o600))
	ts.Check(os.WriteFile(filepath.Join(ts.Getenv("WORK"), "ca.crt"), ca, 0o600))
}

// wait returns when the registry answers.
func (r dockerRegistry) wait(ts *testscript.TestScript) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := podtest.Poll(ctx, func() (bool, error) {
		c, err := net.DialTimeout("tcp", r.host, time.Second)
		if err != nil {
			return false, nil
		}
		return true, c.Close()
	})
	if err != nil {
		log, _ := os.ReadFile(filepath.Join(r.dir, "log"))
		ts.Fatalf("docker-registry does not answer at %s:\n%s", r.host, log)
	}
}

// writeCertificates makes an authority, ca.crt, and a server's certificate for 127.0.0.1 by it.
func writeCertificates(ts *testscript.TestScript, dir string) {
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority of the tests"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	server := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "registry"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	caDER, err := x509.CreateCertificate(rand.Reader, authority, authority, &caKey.PublicKey, caKey)
	ts.Check(err)
	der, err := x509.CreateCertificate(rand.Reader, server, authority, &key.PublicKey, caKey)
	ts.Check(err)
	keyDER, err := x509.MarshalECPrivateKey(key)
	ts.Check(err)
	for name, block := range map[string]*pem.Block{
		"ca.crt": {Type: "CERTIFICATE", Bytes: caDER}, "server.crt": {Type: "CERTIFICATE", Bytes: der}, "server.key": {Type: "EC PRIVATE KEY", Bytes: keyDER},
	} {
		ts.Check(os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600))
	}
}
