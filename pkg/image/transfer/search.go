package transfer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/image"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/pkg/sysregistriesv2"
	"go.podman.io/image/v5/types"
)

// defaultLimit is how many results each registry gives.
const defaultLimit = 25

// Search looks for repositories whose name or description has the term: in the registry that it begins with ("quay.io/team"), else in all
// that registries.conf(5) searches, at the same time. With Tags it lists the tags of the repository called term. What some registries found is
// given although others failed; then err says which.
func (t Transfer) Search(ctx context.Context, term string, opts image.SearchOptions) ([]image.Found, error) {
	sys, err := t.systemContext(opts.Access)
	if err != nil {
		return nil, err
	}
	limit := cmp.Or(opts.Limit, defaultLimit)
	ctx, cancel := frugal(t.attend(ctx))
	defer cancel()
	if opts.Tags {
		return listTags(ctx, sys, term, limit)
	}
	registries, term, err := whereToSearch(sys, term)
	if err != nil {
		return nil, err
	}
	g := newGate(sys)
	for _, registry := range registries {
		g.expectRegistry(registry, false)
	}
	results, failures := make([][]docker.SearchResult, len(registries)), make([]error, len(registries))
	var all sync.WaitGroup
	for i, registry := range registries {
		all.Go(func() { results[i], failures[i] = searchOne(ctx, sys, registry, term, limit) })
	}
	all.Wait()
	var found []image.Found
	for i, registry := range registries {
		failures[i] = unsearchable(registry, attended(ctx, failures[i]))
		for _, r := range results[i] {
			if f := foundIn(registry, r); opts.Keeps(f) {
				found = append(found, f)
			}
		}
	}
	return found, errors.Join(failures...)
}

func searchOne(ctx context.Context, sys *types.SystemContext, registry, term string, limit int) ([]docker.SearchResult, error) {
	found, err := credentialsFor(sys, registry)
	if err != nil {
		return nil, err
	}
	own := *sys
	if found != (types.DockerAuthConfig{}) {
		own.DockerAuthConfig = &found
	}
	return docker.SearchRegistry(ctx, &own, registry, term, limit)
}

// whereToSearch takes the registry off the term, if it begins with one.
func whereToSearch(sys *types.SystemContext, term string) (registries []string, rest string, err error) {
	if first, rest, ok := strings.Cut(term, "/"); ok && (strings.ContainsAny(first, ".:") || first == "localhost") {
		return []string{first}, rest, nil
	}
	registries, err = sysregistriesv2.UnqualifiedSearchRegistries(sys)
	if err != nil {
		return nil, "", fmt.Errorf("read registries.conf: %w", err)
	}
	if len(registries) == 0 {
		return nil, "", hint.Wrap(fmt.Errorf("search for %q: registries.conf has no unqualified-search-registries", term), "pod search docker.io/"+term)
	}
	return registries, term, nil
}

func foundIn(registry string, r docker.SearchResult) image.Found {
	name := r.Name
	if registry == "docker.io" && !strings.Contains(name, "/") {
		name = "library/" + name
	}
	// Some registries put their own name in front, some do not.
	if !strings.HasPrefix(name, registry+"/") {
		name = registry + "/" + name
	}
	return image.Found{
		Index: registry, Name: name, Description: strings.Join(strings.Fields(r.Description), " "),
		Stars: r.StarCount, Official: r.IsOfficial, Automated: r.IsAutomated,
	}
}

// unsearchable explains why a registry finds nothing. Many have neither docker's search nor a catalog.
func unsearchable(registry string, err error) error {
	if err != nil && noSuchEndpoint(err) {
		return hint.Wrap(failure{fmt.Sprintf("search %q: this registry cannot be searched", registry), err}, "pod search --list-tags "+registry+"/NAME lists the tags of a repository")
	}
	return explain("search", registry, registry, err)
}

// noSuchEndpoint reports whether a registry does not know what it was asked for. The library gives an answer that has no words of the
// distribution protocol as a text only.
func noSuchEndpoint(err error) bool {
	for _, code := range []int{http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented} {
		if status(err) == code || strings.Contains(err.Error(), fmt.Sprintf("StatusCode: %d", code)) {
			return true
		}
	}
	return false
}

func listTags(ctx context.Context, sys *types.SystemContext, term string, limit int) ([]image.Found, error) {
	names, err := image.PullNames(strings.TrimPrefix(term, "docker://"))
	if err != nil {
		return nil, err
	}
	n := names[0]
	ref, err := newGate(sys).admitted(n)
	if err != nil {
		return nil, err
	}
	j := &job{sys: sys}
	if sys, err = j.sysFor(ref); err != nil {
		return nil, err
	}
	tags, err := docker.GetRepositoryTags(ctx, sys, ref)
	if err != nil {
		return nil, explain("list the tags of", n.Repository(), n.Domain, attended(ctx, err))
	}
	var found []image.Found
	for _, tag := range tags[:min(limit, len(tags))] {
		found = append(found, image.Found{Index: n.Domain, Name: n.Repository(), Tag: tag})
	}
	return found, nil
}
