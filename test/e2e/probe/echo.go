package main

import (
	"fmt"
	"net"
)

// echo answers each datagram that comes to the address with the address of its sender and what it said.
func echo(address string) error {
	c, err := net.ListenPacket("udp", address)
	if err != nil {
		return err
	}
	b := make([]byte, 64)
	for {
		n, from, err := c.ReadFrom(b)
		if err == nil {
			c.WriteTo(fmt.Appendf(nil, "%s from %s\n", b[:n], from), from)
		}
	}
}
