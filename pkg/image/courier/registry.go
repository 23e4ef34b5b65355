package courier

import (
	"context"

	"github.com/pod-engine/pod/pkg/image"
)

// Push copies an image out of the store; see transfer.Transfer.Push.
func (c Courier) Push(ctx context.Context, s *image.Store, name, to string, opts image.PushOptions) ([]image.Pushed, error) {
	answer, err := c.run(ctx, s, Request{Verb: Push, Names: []string{name}, To: to, Push: opts, Progress: opts.Progress != nil}, nil, nil)
	return answer.Pushed, err
}

// Login checks credentials and keeps them; see transfer.Transfer.Login.
func (c Courier) Login(ctx context.Context, s *image.Store, l image.Login) (image.LoggedIn, error) {
	answer, err := c.run(ctx, s, Request{Verb: Login, Login: l}, nil, nil)
	return answer.LoggedIn, err
}

// Who says who is logged in; see transfer.Transfer.Who.
func (c Courier) Who(ctx context.Context, s *image.Store, l image.Login) (image.LoggedIn, error) {
	answer, err := c.run(ctx, s, Request{Verb: Who, Login: l}, nil, nil)
	return answer.LoggedIn, err
}

// Logout forgets the credentials for one registry or for all; see transfer.Transfer.Logout.
func (c Courier) Logout(ctx context.Context, s *image.Store, l image.Login, all bool) (image.LoggedIn, error) {
	answer, err := c.run(ctx, s, Request{Verb: Logout, Login: l, All: all}, nil, nil)
	return answer.LoggedIn, err
}

// Search looks for images in registries; see transfer.Transfer.Search.
func (c Courier) Search(ctx context.Context, s *image.Store, term string, opts image.SearchOptions) ([]image.Found, error) {
	answer, err := c.run(ctx, s, Request{Verb: Search, Names: []string{term}, Search: opts}, nil, nil)
	return answer.Found, err
}

// Sign signs an image in its registry; see transfer.Transfer.Sign.
func (c Courier) Sign(ctx context.Context, s *image.Store, name string, opts image.SignOptions) ([]image.Pushed, error) {
	answer, err := c.run(ctx, s, Request{Verb: Sign, Names: []string{name}, Sign: opts}, nil, nil)
	return answer.Pushed, err
}
