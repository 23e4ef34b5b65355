package monitor

import (
	"os"

	"golang.org/x/sys/unix"
)

// maxRights is how many descriptors one message can carry (SCM_MAX_FD, unix(7)).
const maxRights = 253

// SendRights writes all of data to a stream socket; the descriptors go with its first byte.
func SendRights(socket *os.File, data []byte, fds []int) error {
	conn, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	var n int
	var failure error
	err = conn.Write(func(fd uintptr) bool {
		n, failure = unix.SendmsgN(int(fd), data, rights, nil, unix.MSG_NOSIGNAL)
		return failure != unix.EAGAIN && failure != unix.EINTR
	})
	if err == nil {
		err = failure
	}
	if err != nil || n == len(data) {
		return err
	}
	_, err = socket.Write(data[n:])
	return err
}

// ReceiveRights reads once from a stream socket, with the descriptors that come with what it reads. They are the
// caller's to close, also with an error.
func ReceiveRights(socket *os.File, data []byte) (n int, fds []int, err error) {
	conn, err := socket.SyscallConn()
	if err != nil {
		return 0, nil, err
	}
	rights := make([]byte, unix.CmsgSpace(4*maxRights))
	var used int
	var failure error
	err = conn.Read(func(fd uintptr) bool {
		n, used, _, _, failure = unix.Recvmsg(int(fd), data, rights, unix.MSG_CMSG_CLOEXEC)
		return failure != unix.EAGAIN && failure != unix.EINTR
	})
	if err == nil {
		err = failure
	}
	if err != nil || used == 0 {
		return max(n, 0), nil, err
	}
	messages, err := unix.ParseSocketControlMessage(rights[:used])
	for i := range messages {
		more, malformed := unix.ParseUnixRights(&messages[i])
		if malformed == nil {
			fds = append(fds, more...)
		}
	}
	return n, fds, err
}
