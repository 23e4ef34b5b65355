package container

import (
	"path"
	"strconv"
	"strings"
)

// ParseLogDriver reads the name of a log driver.
func ParseLogDriver(s string) (LogDriver, error) {
	return LogDriver(s), checkLogDriver(LogDriver(s))
}

func checkLogDriver(d LogDriver) error {
	switch d {
	case LogK8sFile, LogJSONFile, LogJournald, LogPassthrough, LogNone:
		return nil
	}
	return invalid("log driver %q is not known; give %s", clip(string(d)), quoteList("k8s-file", "json-file", "journald", "passthrough", "none"))
}

// SetOption reads one KEY=VALUE of --log-opt. A relative path is taken relative to dir.
func (l *Log) SetOption(s, dir string) (err error) {
	key, value, ok := strings.Cut(s, "=")
	if !ok || value == "" {
		return invalid("%q has no value; give KEY=VALUE", clip(s))
	}
	switch key {
	case "path":
		if l.Path = value; !path.IsAbs(value) {
			l.Path = path.Join(dir, value)
		}
	case "max-size":
		if value == "-1" {
			l.MaxSize = 0
			return nil
		}
		l.MaxSize, err = ParseSize(value)
	case "max-file":
		n, err := strconv.ParseUint(value, 10, 16)
		if err != nil || n == 0 {
			return invalid("max-file %q is not a number of files; give one from 1 up", clip(value))
		}
		l.MaxFile = int(n)
	case "tag":
		l.Tag = value
	default:
		return invalid("log option %q is not known; give path, max-size, max-file or tag", clip(key))
	}
	return err
}

func checkLog(l Log) error {
	if err := checkLogDriver(l.Driver); err != nil {
		return err
	}
	toFile := l.Driver == LogK8sFile || l.Driver == LogJSONFile
	switch {
	case l.Path != "" && (!path.IsAbs(l.Path) || hasControl(l.Path)):
		return invalid("log path %q is not absolute; give an absolute path", clip(l.Path))
	case !toFile && (l.Path != "" || l.MaxSize != 0 || l.MaxFile != 0):
		return invalid("log driver %q writes no file; leave out path, max-size and max-file, or give --log-driver k8s-file", string(l.Driver))
	case l.MaxSize < 0 || l.MaxFile < 0:
		return invalid("a log cannot be smaller than nothing; give max-size and max-file from 1 up")
	case l.MaxFile > 1 && l.MaxSize == 0:
		return invalid("max-file needs a size at which a new file begins; add --log-opt max-size=10m")
	case hasControl(l.Tag) || len(l.Tag) > maxName:
		return invalid("log tag %q cannot be written on one line; give a short word", clip(l.Tag))
	}
	return nil
}
