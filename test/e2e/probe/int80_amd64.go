package main

import "golang.org/x/sys/unix"

const (
	has32bit      = true
	map32bit      = unix.MAP_32BIT
	lookupDcookie = unix.SYS_LOOKUP_DCOOKIE
)

// int80 calls the kernel through its 32-bit interface; pointers have to be below 4 GiB.
func int80(number, a, b uintptr) uintptr
