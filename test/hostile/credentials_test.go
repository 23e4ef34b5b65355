package hostile

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const secret = "hostile:canary-password"

// witness is a server that must not learn credentials.
type witness struct {
	url    string
	mu     sync.Mutex
	asked  int
	stolen []string
}

func newWitness(t *testing.T, handler http.HandlerFunc, address string) *witness {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	w := &witness{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.asked++
		if h := r.Header.Get("Authorization"); h != "" {
			w.stolen = append(w.stolen, r.URL.Path+": "+h)
		}
		w.mu.Unlock()
		handler(rw, r)
	}))
	server.Listener.Close()
	server.Listener = listener
	server.Config.ErrorLog = quiet()
	server.Start()
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

func challenge(value string) func(http.ResponseWriter, *http.Request) {
	return status(http.StatusUnauthorized, map[string]string{"WWW-Authenticate": value}, `{"errors":[{"code":"UNAUTHORIZED"}]}`)
}

// guarded asks for a token from realm, and takes "good".
func guarded(realm string, token func(http.ResponseWriter, *http.Request)) answer {
	return func(w http.ResponseWriter, r *http.Request, what string, _ int) bool {
		switch {
		case r.URL.Path == "/token" && token != nil:
			token(w, r)
			return true
		case r.Header.Get("Authorization") == "Bearer good":
			return false
		}
		challenge(fmt.Sprintf(`Bearer realm="%s",service="evil"`, strings.ReplaceAll(realm, "HOST", r.Host)))(w, r)
		return true
	}
}

// thieves are servers that must not learn credentials, and those that may be asked for layers.
type thieves struct{ other, another, port, store *witness }

func newThieves(t *testing.T) thieves {
	give := body("application/json", []byte(`{"token":"good"}`))
	blob := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(smallImage("shared").layers[0].blob) }
	return thieves{
		other: newWitness(t, give, "127.0.0.2:0"), another: newWitness(t, challenge(`Basic realm="x"`), "127.0.0.2:0"),
		port: newWitness(t, blob, "127.0.0.1:0"), store: newWitness(t, blob, "127.0.0.2:0"),
	}
}

// none checks that nobody was sent any.
func (w thieves) none(t *testing.T) {
	t.Helper()
	for name, w := range map[string]*witness{"another host": w.other, "a host behind a redirect": w.another, "another port": w.port, "a store of layers": w.store} {
		if len(w.stolen) > 0 {
			t.Errorf("%s was sent credentials: %v", name, w.stolen)
		}
	}
}

// basic demands a user name and a password before anything else.
func basic(next answer) answer {
	return func(w http.ResponseWriter, r *http.Request, what string, n int) bool {
		if _, _, ok := r.BasicAuth(); !ok {
			challenge(`Basic realm="x"`)(w, r)
			return true
		}
		return next(w, r, what, n)
	}
}

// lies are those about who is to be sent credentials.
func (w thieves) lies() []lie {
	give := body("application/json", []byte(`{"token":"good"}`))
	shared := smallImage("shared")
	own := "http://HOST/token"
	return []lie{
		{name: "realm of its own", answer: guarded(own, give)},
		{name: "realm at another host", answer: guarded(w.other.url+"/token", nil)},
		{name: "realm at another host without a path", answer: guarded(w.other.url, nil)},
		{name: "realm that looks like its own", answer: guarded("http://HOST@"+strings.TrimPrefix(w.other.url, "http://")+"/token", nil)},
		{name: "realm at the metadata of a cloud", answer: guarded("http://169.254.169.254/token", nil)},
		{name: "realm in a file", answer: guarded("file:///etc/passwd", nil)},
		{name: "realm that is none", answer: guarded("", nil)},
		{name: "realm with escapes", answer: guarded("http://\x1b[2J/", nil)},
		{name: "realm that redirects to another host", answer: guarded(own, redirect(w.other.url+"/token"))},
		{name: "token server that is silent", late: true, answer: guarded(own, hang)},
		{name: "token without end", answer: guarded(own, endless("application/json"))},
		{name: "token of text", answer: guarded(own, body("", []byte("evil")))},
		{name: "token with a line feed", answer: guarded(own, body("", []byte(`{"token":"a\nX-Evil: b"}`)))},
		{name: "token that is empty", answer: guarded(own, body("", []byte(`{"token":""}`)))},
		{name: "token that expired before", answer: guarded(own, body("", []byte(`{"token":"bad","expires_in":-99999999999}`)))},
		{name: "challenge of nonsense", answer: to("", challenge(`Evil"=,`))},
		{name: "challenge of a megabyte", answer: to("", challenge(`Bearer realm="`+strings.Repeat("x", 1<<20)+`"`))},
		{name: "first question sent to another host", answer: to("v2", redirect(w.another.url+"/v2/"))},
		{name: "layer at another host", img: shared, answer: basic(to(blobOf(shared), redirect(w.store.url+"/blob")))},
		{name: "layer at another port", img: shared, answer: basic(to(blobOf(shared), redirect(w.port.url+"/blob")))},
		{name: "manifest at another port", answer: basic(to("manifests/", redirect(w.port.url+"/x")))},
	}
}

func TestCredentialsStayWithTheirRegistry(t *testing.T) {
	a := newArena(t)
	w := newThieves(t)
	var results []result
	for _, l := range w.lies() {
		l.args = append(l.args, "--creds", secret)
		results = append(results, a.lie(t, l))
		if l.img.manifest != nil {
			a.pod(nil, "rmi", "-a", "-f")
		}
	}
	w.none(t)
	if w.store.asked == 0 {
		t.Error("the layer at another host was not asked for")
	}
	fmt.Println("hostile: credentials:", count(results))
	a.golden("credentials", results)
	a.sane()
}

// certificate makes a key and a certificate that signs itself.
func certificate(t *testing.T, host string, until time.Time) (tls.Certificate, []byte) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "hostile"}, NotBefore: until.Add(-48 * time.Hour), NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func TestRegistriesThatCannotBeTrusted(t *testing.T) {
	a := newArena(t)
	tomorrow := time.Now().Add(24 * time.Hour)
	plain := newWitness(t, func(w http.ResponseWriter, r *http.Request) {
		smallImage("plain").serve(w, r, strings.TrimPrefix(r.URL.Path, "/v2/app/"))
	}, "127.0.0.1:0")
	var results []result
	for _, c := range []struct {
		name, host string
		until      time.Time
		trusted    bool
		oldest     uint16
		answer     answer
		args       []string
	}{
		{name: "trusted", host: "127.0.0.1", until: tomorrow, trusted: true},
		{name: "not trusted", host: "127.0.0.1", until: tomorrow},
		{name: "not trusted, and that is meant", host: "127.0.0.1", until: tomorrow, args: []string{"--tls-verify=false"}},
		{name: "of another host", host: "evil.example", until: tomorrow, trusted: true},
		{name: "expired", host: "127.0.0.1", until: time.Now().Add(-time.Hour), trusted: true},
		{name: "of an old protocol", host: "127.0.0.1", until: tomorrow, trusted: true, oldest: tls.VersionTLS11},
		{name: "that sends its clients to plain HTTP elsewhere", host: "127.0.0.1", until: tomorrow, trusted: true, answer: to("manifests/", redirect(strings.Replace(plain.url, "127.0.0.1", "127.0.0.2", 1)+"/x"))},
		{name: "that sends its clients to its own plain HTTP", host: "127.0.0.1", until: tomorrow, trusted: true, answer: func(w http.ResponseWriter, r *http.Request, what string, _ int) bool {
			if what == "v2" {
				return false
			}
			redirect("http://"+r.Host+r.URL.Path)(w, r)
			return true
		}},
		{name: "whose realm is plain HTTP", host: "127.0.0.1", until: tomorrow, trusted: true, answer: guarded("http://HOST/token", nil), args: []string{"--creds", secret}},
	} {
		pair, authority := certificate(t, c.host, c.until)
		l := lie{name: "registry " + c.name, answer: c.answer}
		server := l.start(t, func(s *httptest.Server) {
			s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MaxVersion: c.oldest}
			if c.oldest != 0 {
				s.TLS.MinVersion = tls.VersionTLS10
			}
			s.StartTLS()
		})
		args := append([]string{"pull", "-q", "--retry", "0"}, c.args...)
		if c.trusted {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "ca.crt"), authority, 0o644); err != nil {
				t.Fatal(err)
			}
			_ = os.Chmod(dir, 0o755)
			args = append(args, "--cert-dir", dir)
		}
		results = append(results, a.judge(t, l.name, "pull", strings.TrimPrefix(server.URL, "https://"), a.pod(nil, append(args, strings.TrimPrefix(server.URL, "https://")+"/app")...)))
	}
	host := strings.TrimPrefix(plain.url, "http://")
	results = append(results, a.judge(t, "registry without TLS", "pull", host, a.pod(nil, "pull", "-q", "--retry", "0", "--creds", secret, host+"/app")))
	if len(plain.stolen) > 0 {
		t.Errorf("a registry without TLS was sent credentials: %v", plain.stolen)
	}
	fmt.Println("hostile: TLS:", count(results))
	a.golden("tls", results)
}
