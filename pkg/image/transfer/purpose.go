package transfer

import (
	"runtime"
	"strings"
)

// purpose is what the library makes a request for.
type purpose int

const (
	// writes is whatever is not known to be one of the others: it may carry credentials to wherever it goes.
	writes purpose = iota
	// asksToken carries credentials to a token server, or asks a registry which one that is.
	asksToken
	// reads asks a registry itself, and leads elsewhere by redirects only, or carries no credentials.
	reads
)

// calledFor says what the request is for about which the library asks the gate now. It gives nothing but an address, but asks on the way to the
// request, in the same goroutine, so that the callers tell. Those that are not known here, of a newer library for example, count as the
// kind that may go nowhere.
func calledFor() purpose {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	requested := false // what is nearer than net/http is how the gate came to be asked
	for {
		frame, more := frames.Next()
		requested = requested || strings.HasPrefix(frame.Function, "net/http.")
		if what, known := purposeOf(frame.Function); known && requested {
			return what
		}
		if !more {
			return writes
		}
	}
}

// purposeOf knows the functions of the library that make requests; the innermost one decides.
func purposeOf(function string) (purpose, bool) {
	name, ok := strings.CutPrefix(function, "go.podman.io/image/v5/docker.")
	if !ok {
		return writes, false
	}
	for part := range strings.SplitSeq(name, ".") {
		switch part {
		case "detectPropertiesHelper", "getBearerToken", "getBearerTokenOAuth2":
			return asksToken, true
		case "fetchManifest", "getBlob", "getExternalBlob", "tryGetBlobAt", "(*bodyReader)", "blobExists", "GetRepositoryTags", "GetDigest",
			"SearchRegistry", "getExtensionsSignatures", "getOneSignature":
			return reads, true
		case "PutBlobWithOptions", "mountBlob", "uploadManifest":
			return writes, true
		}
	}
	return writes, false
}
