package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/pod-engine/pod/internal/containersconf"
	"github.com/pod-engine/pod/pkg/image"
	"github.com/spf13/pflag"
)

// accessFlags say how a registry is spoken to, the same for every command that does.
type accessFlags struct {
	tlsVerify bool
	retry     uint
}

// add binds those that every such command has.
func (o *accessFlags) add(f *pflag.FlagSet, access *image.Access) {
	f.StringVar(&access.AuthFile, "authfile", "", "file with registry credentials")
	f.StringVar(&access.CertDir, "cert-dir", "", "directory with the registry's certificates and keys")
	f.BoolVar(&o.tlsVerify, "tls-verify", true, "demand HTTPS and a certificate that is trusted")
}

// addCreds binds --creds.
func (o *accessFlags) addCreds(f *pflag.FlagSet, access *image.Access) {
	f.StringVar(&access.Creds, "creds", "", "credentials for the registry, `USER:PASSWORD`")
}

// addRetry binds --retry and --retry-delay.
func (o *accessFlags) addRetry(f *pflag.FlagSet, access *image.Access) {
	f.UintVar(&o.retry, "retry", 3, "how often to try again after a fault of the network")
	f.DurationVar(&access.RetryDelay, "retry-delay", 0, "time between tries (default 1s, doubled each time)")
}

// addContentTrust binds docker's --disable-content-trust, which is always so.
func addContentTrust(f *pflag.FlagSet) {
	f.Var(parsed{kind: "bool", fallback: "true", set: func(s string) error {
		disable, err := strconv.ParseBool(s)
		if err == nil && !disable {
			err = errors.New("docker's content trust (notary) is not supported; policy.json(5) demands signatures")
		}
		return err
	}}, "disable-content-trust", "docker's content trust is never used; only true is taken")
	f.Lookup("disable-content-trust").NoOptDefVal = "true"
}

// complete puts what was given, or else what containers.conf says, into access. Progress is told unless quiet.
func (o *accessFlags) complete(f *pflag.FlagSet, a *app, access *image.Access, quiet bool) error {
	if f.Changed("tls-verify") {
		access.TLSVerify = &o.tlsVerify
	}
	if f.Changed("retry") {
		access.Retry = &o.retry
	}
	access.Progress, access.Terminal = a.progress(quiet)
	_, err := a.configure(access)
	return err
}

// configure lets containers.conf say what access leaves open, and gives it.
func (a *app) configure(access *image.Access) (containersconf.Settings, error) {
	conf, err := containersconf.Read(containersconf.Paths(os.Getenv), nil)
	if err != nil {
		return conf, err
	}
	access.Parallel, access.TmpDir = conf.ImageParallel, conf.ImageCopyTmpDir
	if access.Retry == nil {
		access.Retry = conf.Retry
	}
	if access.RetryDelay == 0 && conf.RetryDelay != "" {
		if access.RetryDelay, err = time.ParseDuration(conf.RetryDelay); err != nil {
			return conf, fmt.Errorf("read containers.conf: retry_delay: %w", err)
		}
	}
	return conf, nil
}
