package container

import "testing"

func TestParseDevice(t *testing.T) {
	testParse(t, ParseDevice, []parseCase[Device]{
		{in: "/dev/fuse", want: Device{Source: "/dev/fuse", Destination: "/dev/fuse", Permissions: "rwm"}},
		{in: "/dev/sda:/dev/xvda", want: Device{Source: "/dev/sda", Destination: "/dev/xvda", Permissions: "rwm"}},
		{in: "/dev/sda:r", want: Device{Source: "/dev/sda", Destination: "/dev/sda", Permissions: "r"}},
		{in: "/dev/sda:/dev/xvda:rw", want: Device{Source: "/dev/sda", Destination: "/dev/xvda", Permissions: "rw"}},
		{in: "dev/fuse", err: "is no device"},
		{in: "", err: "not an absolute path"},
		{in: "vendor.com/class=name", want: Device{CDI: "vendor.com/class=name"}},
		{in: "nvidia.com/gpu=0:1", want: Device{CDI: "nvidia.com/gpu=0:1"}},
		{in: "v/c=n", want: Device{CDI: "v/c=n"}},
		{in: "vendor.com/class", err: "is no device"},
		{in: "vendor.com/class=", err: "is no device"},
		{in: "vendor.com/class=*", err: "is no device"},
		{in: "vendor.com=name", err: "is no device"},
		{in: "vendor./class=name", err: "is no device"},
		{in: "1vendor/class=name", err: "is no device"},
		{in: "vendor/../class=name", err: "is no device"},
		{in: "vendor/class=na me", err: "is no device"},
		{in: "/dev/a:/b:rw:x", err: "too many colons"},
		{in: "/dev/a:rx", err: "permissions"},
		{in: "/dev/a:/dev/null", err: "its own"},
		{in: "/dev/a:/dev/pts/0", err: "its own"},
		{in: "/dev/a:/proc/sysrq-trigger", err: "its own"},
		{in: "/dev/a:/dev", err: "its own"},
	})
}

func TestParseGPUs(t *testing.T) {
	gpus := func(names ...string) (out []Device) {
		for _, name := range names {
			out = append(out, Device{CDI: "nvidia.com/gpu=" + name})
		}
		return out
	}
	testParse(t, ParseGPUs, []parseCase[[]Device]{
		{in: "all", want: gpus("all")},
		{in: "2", want: gpus("0", "1")},
		{in: "0", want: nil},
		{in: "device=1", want: gpus("1")},
		{in: `"device=0,2"`, want: gpus("0", "2")},
		{in: "device=GPU-3faa8-219", want: gpus("GPU-3faa8-219")},
		{in: "", err: "names no GPUs"},
		{in: "-1", err: "names no GPUs"},
		{in: "device=", err: "names no GPUs"},
		{in: "device=0,,1", err: "names no GPUs"},
		{in: "driver=other,count=1", err: "names no GPUs"},
	})
}
