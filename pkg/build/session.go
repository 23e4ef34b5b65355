package build

import (
	"context"
	"sync"

	"github.com/pod-engine/pod/pkg/build/plan"
	"github.com/pod-engine/pod/pkg/image"
)

// Session is what jobs have in common that are carried out beside each other: how many steps run at a time, the steps themselves, of which
// each is done once, the contexts, of which each is looked at once, and the images they begin with. Its methods may be called from several
// goroutines.
type Session struct {
	*Builder
	slots chan struct{} // one for each step that runs at a time

	mu       sync.Mutex
	inside   map[string]chan struct{} // keys of what is being done; closed when it is
	fresh    map[string]bool          // keys of steps that this session has done
	empty    map[string]bool          // caches of RUN that it has begun with nothing in them
	resolved map[string]*image.Image
	pins     []*image.Pin // of images that jobs begin with, and have made

	contexts contexts
	removals sync.WaitGroup // of what was in those caches
}

// NewSession gives a session in which jobs steps run at a time, at least one.
func (b *Builder) NewSession(jobs int) *Session {
	return &Session{
		Builder: b, slots: make(chan struct{}, max(1, jobs)), inside: map[string]chan struct{}{}, fresh: map[string]bool{},
		empty: map[string]bool{}, resolved: map[string]*image.Image{},
	}
}

// Close gives the contexts back, and lets others remove the images.
func (s *Session) Close() {
	s.contexts.close()
	for _, pin := range s.pins {
		pin.Release()
	}
	s.removals.Wait()
	s.removeMoved() // also what others have emptied while this session had it
}

// pin keeps an image until the session ends.
func (s *Session) pin(ctx context.Context, id string) error {
	pin, err := s.Images.Pin(ctx, id, "build")
	if err != nil {
		return s.Images.Full(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pins = append(s.pins, pin)
	return nil
}

// slot waits until one step more may run.
func (s *Session) slot(ctx context.Context) (release func(), err error) {
	select {
	case s.slots <- struct{}{}:
		return func() { <-s.slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// enter waits until nobody else does what has this key.
func (s *Session) enter(ctx context.Context, key string) (leave func(), err error) {
	for {
		s.mu.Lock()
		other, busy := s.inside[key]
		if !busy {
			done := make(chan struct{})
			s.inside[key] = done
			s.mu.Unlock()
			return func() {
				s.mu.Lock()
				delete(s.inside, key)
				s.mu.Unlock()
				close(done)
			}, nil
		}
		s.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// done notes that steps were done.
func (s *Session) done(keys []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range keys {
		s.fresh[key] = true
	}
}

func (s *Session) has(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fresh[key]
}

// firstToEmpty reports whether the cache has not been emptied in this session; from then on it has.
func (s *Session) firstToEmpty(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := !s.empty[id]
	s.empty[id] = true
	return first
}

func (s *Session) emptied(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.empty[id]
}

// resolve finds or fetches an image. All jobs that ask for it in the same way get the same one, whatever its name comes to mean meanwhile.
func (s *Session) resolve(ctx context.Context, job *Job, need plan.Need) (*image.Image, error) {
	opts := job.Pull
	if need.Platform != job.Request.BuildPlatform {
		opts.Platform = image.Platform{OS: need.Platform.OS, Arch: need.Platform.Arch, Variant: need.Platform.Variant}
	}
	key := sum("image", need.Name, text(opts))
	leave, err := s.enter(ctx, key)
	if err != nil {
		return nil, err
	}
	defer leave()
	s.mu.Lock()
	img, ok := s.resolved[key]
	s.mu.Unlock()
	if ok {
		return img, nil
	}
	if img, err = s.Images.Resolve(ctx, need.Name, opts); err != nil {
		return nil, err
	}
	if err := s.pin(ctx, img.ID); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.resolved[key] = img
	return img, nil
}
