package main

import "testing"

func TestPort(t *testing.T) {
	const web = "80/tcp -> 127.0.0.1:8080\n90/udp -> 0.0.0.0:9000\n91/udp -> 0.0.0.0:9001\n92/udp -> 0.0.0.0:9002\n53/tcp -> [::1]:53\n"
	cases := map[string]string{
		"port web":        web,
		"port web 80":     "127.0.0.1:8080\n",
		"port web 92/udp": "0.0.0.0:9002\n",
		"port done":       "", // it has no process
		"port -l":         "",
		"port -a": "111111111111\t80/tcp -> 127.0.0.1:8080\n111111111111\t90/udp -> 0.0.0.0:9000\n111111111111\t91/udp -> 0.0.0.0:9001\n" +
			"111111111111\t92/udp -> 0.0.0.0:9002\n111111111111\t53/tcp -> [::1]:53\n",
	}
	for line, want := range cases {
		if got, err := runTest(t, "pod", testSources(testContainers()), splitLine(line)...); err != nil || got != want {
			t.Errorf("%s: got %q, %v", line, got, err)
		}
	}
	expectErrors(t, map[string]string{
		"port":            "no container is named: give a name or an id, or --all or --latest",
		"port -a x":       "--all shows every container: leave out the arguments",
		"port -a -l":      "--all and --latest exclude each other",
		"port -l 80 x":    "--latest says which container: give only the port",
		"port -l 80":      `port 80/tcp of "future" is not published`,
		"port web 81/udp": `port 81/udp of "web" is not published`,
		"port web abc":    `"abc" is no port: a port is 1 to 65535, with /tcp, /udp or /sctp`,
		"port web 0":      `"0" is no port: a port is 1 to 65535, with /tcp, /udp or /sctp`,
		"port web 80/x":   `"80/x" is no port: a port is 1 to 65535, with /tcp, /udp or /sctp`,
		"port none":       `no such container: "none"`,
	})
	if _, err := runTest(t, "docker", testSources(testContainers()), "port", "web", "1"); exitOf("docker", "port", err) != 1 {
		t.Errorf("docker's exit code: %d", exitOf("docker", "port", err))
	}
}
