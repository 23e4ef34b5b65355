package netns

import (
	"io"
	"net"
	"testing"
	"time"
)

func serve(t *testing.T, network, address, text string) {
	l, err := net.Listen(network, address)
	if err != nil {
		t.Error(err)
		return
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			// The client speaks first: Debian 12's pasta loses what the server of a published port says first to others than
			// this host's loopback.
			c.Read(make([]byte, 1))
			io.WriteString(c, text)
			c.Close()
		}
	}()
}

func echo(t *testing.T, address string) {
	c, err := net.ListenPacket("udp4", address)
	if err != nil {
		t.Error(err)
		return
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		b := make([]byte, 64)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			c.WriteTo(b[:n], from)
		}
	}()
}

// fetch gives what a server says, or "" when it cannot be reached within a second.
func fetch(network, address string) string {
	// A dialer that tries one address does it on the calling thread, which is the one in the namespace.
	c, err := (&net.Dialer{Timeout: time.Second}).Dial(network, address)
	if err != nil {
		return ""
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Second))
	if _, err := io.WriteString(c, "?"); err != nil {
		return ""
	}
	b, err := io.ReadAll(c)
	if err != nil {
		return ""
	}
	return string(b)
}

func ask(address string) string {
	c, err := net.Dial("udp4", address)
	if err != nil {
		return err.Error()
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Second))
	if _, err := io.WriteString(c, "echo"); err != nil {
		return err.Error()
	}
	b := make([]byte, 64)
	n, err := c.Read(b)
	if err != nil {
		return err.Error()
	}
	return string(b[:n])
}
