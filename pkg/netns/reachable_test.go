package netns

import (
	"fmt"
	"testing"
)

func TestRoutesAreRead(t *testing.T) {
	four := "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n" +
		"eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n" +
		"tun0\t0000590A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n" +
		"pod0\t0000580A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n" +
		"eth0\t0000FEA9\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
	if got := fmt.Sprint(routes4(four, []string{"pod0"})); got != "[10.89.0.0/16]" {
		t.Errorf("IPv4: %s", got)
	}
	zero := "00000000000000000000000000000000"
	six := "fd000077000000000000000000000000 40 " + zero + " 00 " + zero + " 00000100 00000001 00000000 00000001     eth0\n" +
		"fe800000000000000000000000000000 40 " + zero + " 00 " + zero + " 00000100 00000001 00000000 00000001     eth0\n" +
		zero + " 00 " + zero + " 00 " + zero + " ffffffff 00000001 00000000 00200200       lo\n" +
		"fd000077000000000000000000000001 80 " + zero + " 00 " + zero + " 00000000 00000002 00000000 80200001     eth0\n"
	if got := fmt.Sprint(routes6(six, nil)); got != "[fd00:77::/64 fd00:77::1/128]" {
		t.Errorf("IPv6: %s", got)
	}
}
