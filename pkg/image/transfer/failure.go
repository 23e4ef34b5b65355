package transfer

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/docker/distribution/registry/api/errcode"
	v2 "github.com/docker/distribution/registry/api/v2"
	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/image"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/signature"
)

// explain words the error of a transfer with a registry for a person: what was not possible first, the registry's own words after it.
func explain(verb, name, registry string, err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	if r, ok := refused(err); ok {
		return hint.Wrap(failure{fmt.Sprintf("%s %q: %s", verb, name, r), err}, hint.Of(err))
	}
	err = image.Damaged(err)
	what, advice := diagnose(registry, err)
	if what == "" {
		return fmt.Errorf("%s %q: %w", verb, name, sentence(err))
	}
	what = oneLine(what)
	return hint.Wrap(failure{fmt.Sprintf("%s %q: %s", verb, name, what), err}, advice)
}

// sentence is an error in one line that a person will read to its end, whatever a registry or an archive sent.
func sentence(err error) error {
	text := err.Error()
	if short := oneLine(text); short != text {
		return failure{short, err}
	}
	return err
}

func oneLine(text string) string {
	const most = 400
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// failure has its own words and keeps the cause for errors.Is.
type failure struct {
	text  string
	cause error
}

func (f failure) Error() string { return f.text }
func (f failure) Unwrap() error { return f.cause }

func diagnose(registry string, err error) (what, advice string) {
	login := "pod login " + registry
	var untrusted signature.PolicyRequirementError
	switch {
	case isCode(err, v2.ErrorCodeManifestUnknown), status(err) == http.StatusNotFound && !isCode(err, v2.ErrorCodeNameUnknown):
		return "not found in the registry (manifest unknown)", "check the name and the tag"
	case isCode(err, v2.ErrorCodeNameUnknown):
		return "not found in the registry (no such repository)", "check the name"
	case isCode(err, errcode.ErrorCodeDenied):
		return "the registry denies access: the image does not exist, or it is for others only", login
	case isUnauthorized(err):
		return "the registry wants valid credentials (unauthorized)", login
	case isCode(err, errcode.ErrorCodeTooManyRequests), errors.Is(err, docker.ErrTooManyRequests):
		return "the registry limits how often it answers (too many requests)", login + ", or wait"
	case errors.As(err, &untrusted):
		return "the signature policy refuses it: " + untrusted.Error(), "see policy.json(5)"
	case strings.Contains(err.Error(), "Would invalidate signatures"):
		return "the image has signatures, which do not hold for what is written there: " + root(err).Error(), "push --remove-signatures"
	case strings.Contains(err.Error(), "decrypting layer"):
		return "a layer is encrypted, and no key that was given opens it: " + root(err).Error(), "pod pull --decryption-key FILE"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "no space left on the file system of the image store or of TMPDIR", "pod image prune"
	}
	return diagnoseConnection(registry, err)
}

func diagnoseConnection(registry string, err error) (what, advice string) {
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return fmt.Sprintf("%s speaks plain HTTP, not HTTPS", registry), "if that is meant: --tls-verify=false, or insecure = true in registries.conf"
	case errors.As(err, &unknown), errors.As(err, &host), errors.As(err, &invalid):
		return fmt.Sprintf("the certificate of %s is not trusted: %s", registry, root(err)), "give its authority with --cert-dir, or --tls-verify=false"
	case errors.As(err, &dns):
		return fmt.Sprintf("cannot reach %s: the name %q cannot be resolved", registry, dns.Name), "check the name and the network"
	case registry == "localhost" && errors.Is(err, syscall.ECONNREFUSED):
		// The name of what was built or loaded here, more often than of a registry.
		return "no registry listens at localhost", "pod images lists what is here; another name begins with that of its registry"
	case errors.As(err, &op), errors.Is(err, context.DeadlineExceeded), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Sprintf("cannot reach %s: %s", registry, root(err)), "check the network"
	}
	return "", ""
}

// root is the innermost error, without what the layers above it say.
func root(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

func isCode(err error, code errcode.ErrorCode) bool {
	var coder errcode.ErrorCoder
	return errors.As(err, &coder) && coder.ErrorCode() == code
}

func isUnauthorized(err error) bool {
	var unauthorized docker.ErrUnauthorizedForCredentials
	return errors.As(err, &unauthorized) || isCode(err, errcode.ErrorCodeUnauthorized) || status(err) == http.StatusUnauthorized
}

// status is the HTTP status that the registry answered with, if the error is about one; else 0.
func status(err error) int {
	var unexpected docker.UnexpectedHTTPStatusError
	if errors.As(err, &unexpected) {
		return unexpected.StatusCode
	}
	return 0
}

// passing reports whether trying again may help: faults of the network and of an overloaded registry.
func passing(err error) bool {
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.Is(err, context.Canceled):
		return false
	case errors.As(err, &dns):
		return dns.IsTemporary || dns.IsTimeout
	case errors.As(err, &op), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, context.DeadlineExceeded),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return true
	case isCode(err, errcode.ErrorCodeTooManyRequests), isCode(err, errcode.ErrorCodeUnavailable), errors.Is(err, docker.ErrTooManyRequests):
		return true
	}
	return status(err) >= 500
}

// Bounds of the retries.
const (
	defaultRetries = 3
	firstDelay     = time.Second
	longestDelay   = 30 * time.Second
)

// again does something until it succeeds, fails for good, or the tries are used up. A fixed delay is kept between tries when
// one was given; else it doubles.
func (j *job) again(ctx context.Context, do func() error) error {
	tries, delay, asked := uint(defaultRetries), j.access.RetryDelay, j.access.Retry != nil
	if asked {
		tries = *j.access.Retry
	}
	if delay == 0 {
		delay = firstDelay
	}
	for n := uint(0); ; n++ {
		err := do()
		if err == nil || ctx.Err() != nil || n >= tries || !passing(err) {
			return err
		}
		if !asked && errors.Is(err, syscall.ECONNREFUSED) {
			return err // that nothing listens there is an answer; who expects it to pass says so
		}
		j.tell.line("%s; trying again in %s (%d of %d)", root(err), delay, n+1, tries)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(delay):
		}
		if j.access.RetryDelay == 0 {
			delay = min(2*delay, longestDelay)
		}
	}
}
